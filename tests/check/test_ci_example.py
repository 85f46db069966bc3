"""The example repository of examples/ci: its pipelines, step by step, go red for what they should, and green when it is mended.

Steps that install packages are left out: here they are installed. Actions (`uses:`) belong to the CI system.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "ci"
NOTEBOOK, CONTRACT = "loans.ipynb", "loans.contract.json"
INSTALLS = re.compile(r"(?:python3? -m )?pip install\b")
MUTATIONS = {
    "scaler": ("StandardScaler", "RobustScaler", "answers-moved"),
    "column": ("income", "salary", "breaking-change"),
    "class": (r'\"refer\"', r'\"refuse\"', "breaking-change"),
    "import": ("shares = model", r"import six\n    shares = model", "missing-requirement"),
    "unrun": ("rows.head(2)", "rows.head(3)", "stale-output"),
    "slow": ("shares = model", r"import time\n    time.sleep(0.15)\n    shares = model", "over-budget"),
}


def read_github() -> list[dict[str, Any]]:
    return [step for step in load(".github/workflows/check.yml")["jobs"]["check"]["steps"] if "run" in step]


def read_gitlab() -> list[dict[str, Any]]:
    job = load(".gitlab-ci.yml")["check"]
    return [{"run": line} for line in (*job["before_script"], *job["script"])]


def load(file: str) -> Any:
    return yaml.safe_load((EXAMPLE / file).read_text(encoding="utf-8"))


def run(steps: list[dict[str, Any]], folder: Path) -> tuple[int, str]:
    """Run steps as a CI system does, in a shell that stops at the first error; gives the exit code and the output."""
    environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
                   "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    said = ""
    for step in steps:
        if not INSTALLS.match(step["run"]):
            done = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=folder, env=environment, capture_output=True, text=True,
                                  timeout=580, check=False)
            said += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, said
    return 0, said


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, jupyter_folders: Path) -> Path:
    """Give a git repository with a copy of the example for each mutation; its pins are what is installed here."""
    folder = tmp_path_factory.mktemp("ci") / "repository"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(NOTEBOOK, CONTRACT, "__pycache__", ".ipynb_checkpoints", "report.*"))
    pins = (folder / "requirements.txt").read_text()
    (folder / "requirements.txt").write_text(re.sub(r"^(\S+)==.*$", lambda line: f"{line[1]}=={version(line[1])}", pins, flags=re.MULTILINE))
    for name in MUTATIONS:
        shutil.copy(EXAMPLE / NOTEBOOK, folder / f"{name}.ipynb")
        shutil.copy(EXAMPLE / CONTRACT, folder / f"{name}.contract.json")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def red(repository: Path) -> tuple[int, str, dict[str, set[str]]]:
    """Break each copy, and let the GitHub workflow run: its exit code, what it said, and the codes of each notebook."""
    for name, (old, new, _) in MUTATIONS.items():
        text = (repository / f"{name}.ipynb").read_text(encoding="utf-8")
        assert old in text
        (repository / f"{name}.ipynb").write_text(text.replace(old, new), encoding="utf-8")
    code, said = run(read_github(), repository)
    suites = ET.parse(repository / "report.xml").getroot()
    return code, said, {Path(suite.get("name", "")).stem: {one.get("type", "") for one in suite.iter("failure")} for suite in suites}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MUTATIONS)
def test_it_goes_red(name: str, red: tuple[int, str, dict[str, set[str]]]) -> None:
    code, said, found = red
    assert code == 1, said
    assert MUTATIONS[name][2] in found[name], said


@pytest.mark.timeout(600)
def test_it_goes_green_when_it_is_mended(repository: Path, red: tuple[int, str, dict[str, set[str]]]) -> None:
    subprocess.run(["git", "checkout", "-q", "--", "."], cwd=repository, check=True)
    code, said = run(read_gitlab(), repository)
    assert code == 0, said
    assert "6 checks: 6 passed" in said
    assert (repository / "report.html").exists()
    assert "6 failed" in (repository / "summary.md").read_text()


def test_both_pipelines_check_alike() -> None:
    plain = [" ".join(step["run"].replace("\\\n", "").split()) for step in read_github()]
    assert [line.replace(' --markdown "$GITHUB_STEP_SUMMARY"', "") for line in plain] == [step["run"] for step in read_gitlab()]
