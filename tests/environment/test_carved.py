from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.environment import Environment
from jupyter_deploy.environment.carved import carve, changed_distributions
from jupyter_deploy.errors import RequirementError
from jupyter_deploy.requirements import Requirements, resolve

SKLEARN = """
import sklearn, numpy, scipy.linalg, importlib.metadata
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
maps = open("/proc/self/maps").read() if sys.platform == "linux" else "numpy.libs"
answer = {
    "answer": model.predict([[0.2], [2.9]]).tolist(),
    "version": importlib.metadata.version("scikit-learn") == sklearn.__version__,
    "installed": sorted(one.name for one in importlib.metadata.distributions()),
    "here": sklearn.__file__.startswith(sys.path[-1]),
    "libs": "numpy.libs" in maps,
    "missing": missing("matplotlib", "pandas", "pip", "IPython"),
}
"""
MISSING = """
import sys, json
def missing(*names):
    gone = []
    for name in names:
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            gone.append(error.name)
    return gone
"""


def inside(environment: Environment, code: str, *options: str) -> Any:
    """Run code in a carved environment, as a worker would; gives what it assigned to `answer`."""
    code = f"{MISSING}\nsys.path += {list(environment.paths)!r}\n{code}\nprint(json.dumps(answer))"
    command = [environment.python, "-I", "-S", *options, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def carved(modules: Mapping[str, str], root: Path) -> tuple[Requirements, Environment]:
    requirements = resolve(modules, runtime=False)
    return requirements, carve(requirements, root)


def test_a_model_predicts_in_an_environment_that_holds_nothing_else(tmp_path: Path) -> None:
    requirements, environment = carved({"sklearn": "the model"}, tmp_path)
    found = inside(environment, SKLEARN)
    assert found["answer"] == [0, 1]
    assert found["version"]
    assert found["here"]
    assert found["libs"]
    assert found["missing"] == ["matplotlib", "pandas", "pip", "IPython"]
    assert found["installed"] == sorted(one.name for one in requirements.distributions)


def test_the_bytecode_of_the_kernels_environment_is_used(site_folder: Any, tmp_path: Path) -> None:
    site_folder.add("folder", {"folder/__init__.py": "A = 1", "folder/deep/__init__.py": "B = 2"})
    site_folder.add("single", {"single.py": "C = 3"})
    site_folder.add("space", {"wide/one.py": "D = 4"})
    subprocess.run([sys.executable, "-m", "compileall", "-q", site_folder.path], check=True)
    code = "import folder.deep, single, wide.one; answer = [folder.A, folder.deep.B, single.C, wide.one.D]"
    _, environment = carved({"folder": "", "single": "", "wide.one": ""}, tmp_path / "root")
    log = subprocess.run([environment.python, "-I", "-S", "-v", "-c", f"import sys; sys.path += {environment.paths!r}\n{code}"],
                         capture_output=True, text=True, timeout=60, check=True).stderr
    matched = [line for line in log.splitlines() if "matches" in line and environment.paths[0] in line]
    assert "wrote" not in log
    assert [Path(line.split()[-1]).name for line in matched] == ["__init__.py", "__init__.py", "single.py", "one.py"]
    assert inside(environment, code) == [1, 2, 3, 4]


def test_a_namespace_package_gives_only_what_is_needed(site_folder: Any, tmp_path: Path) -> None:
    site_folder.add("cloudy-core", {"cloudy/core.py": "X = 1", "cloudy/api/__init__.py": "", "cloudy/shared/a.py": "X = 2"})
    site_folder.add("cloudy-store", {"cloudy/store/__init__.py": "", "cloudy/store/deep/a.py": "", "cloudy/shared/b.py": "X = 3"},
                    requires=["cloudy-core"])
    site_folder.add("cloudy-other", {"cloudy/other/__init__.py": "", "cloudy/shared/c.py": ""})
    _, environment = carved({"cloudy.store": ""}, tmp_path / "root")
    code = """
import cloudy.store.deep.a, cloudy.core, cloudy.api, cloudy.shared.a, cloudy.shared.b
answer = missing("cloudy.other", "cloudy.shared.c")"""
    assert inside(environment, code) == ["cloudy.other", "cloudy.shared.c"]
    assert Path(environment.paths[0], "cloudy", "store").is_symlink()
    site_folder.add("cloudy-late", {"cloudy/late/__init__.py": ""})
    assert inside(environment, 'answer = missing("cloudy.late")') == ["cloudy.late"]


def test_two_sites_share_a_namespace(site_folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = type(site_folder)(tmp_path / "second")
    site_folder.add("near", {"wide/near/__init__.py": "", "wide/both/near.py": ""}, requires=["far"])
    second.add("far", {"wide/far/__init__.py": "", "wide/both/far.py": ""})
    second.add("near", {"wide/near/__init__.py": "raise SystemExit"}, version="0.1")
    monkeypatch.syspath_prepend(str(second.path))
    monkeypatch.syspath_prepend(str(site_folder.path))
    before = sorted(tmp_path.rglob("*"))
    _, environment = carved({"wide.near": ""}, tmp_path / "root")
    assert inside(environment, "import wide.near, wide.far, wide.both.near, wide.both.far\nanswer = 1") == 1
    assert [path for path in sorted(tmp_path.rglob("*")) if "root" not in path.parts and "__pycache__" not in str(path)] == before


def test_an_editable_project_is_copied_and_an_edit_carves_anew(site_folder: Any, tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name, text in {"src/mine/__init__.py": "X = 1", "src/mine/.secret": "", "src/one.py": "Y = 2",
                       "src/wide/mine/__init__.py": ""}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    site_folder.add("wide-near", {"wide/near/__init__.py": ""})
    mapping = {"mine": str(project / "src/mine"), "one": str(project / "src/one"), "wide.mine": str(project / "src/wide/mine")}
    finder = (f"import sys\nfrom importlib.util import spec_from_file_location\nMAPPING = {mapping!r}\nclass Finder:\n"
              "    @staticmethod\n    def find_spec(name, path=None, target=None):\n"
              "        if name == 'mine':\n            return spec_from_file_location(name, MAPPING[name] + '/__init__.py')\n"
              "def install():\n    sys.meta_path.append(Finder)\n")
    site_folder.add("my-project", {"__editable__.my_project.pth": "import __editable___my_project_finder as f; f.install()",
                                   "__editable___my_project_finder.py": finder},
                    requires=["wide-near"], direct_url={"url": project.as_uri(), "dir_info": {"editable": True}})
    carving = f"""
from pathlib import Path
from jupyter_deploy.environment.carved import carve
from jupyter_deploy.requirements import resolve, write_lock
requirements = resolve({{"mine": "cell 1"}}, runtime=False)
answer = [carve(requirements, Path({str(tmp_path / "root")!r})).dump(), write_lock(requirements)]"""
    raw, lock = site_folder.python(carving, cwd=tmp_path)
    environment = Environment.parse(raw)
    code = "import mine, one, wide.near, wide.mine\nanswer = [mine.X, one.Y, mine.__file__.startswith(sys.path[-1])]"
    assert inside(environment, code) == [1, 2, True]
    assert not Path(environment.paths[0], "mine", ".secret").exists()
    assert "my-project==1.0  # editable project, sources " in lock
    assert str(tmp_path) not in lock

    (project / "src/mine/__init__.py").write_text("X = 5")
    again, relocked = site_folder.python(carving, cwd=tmp_path)
    assert inside(environment, code)[0] == 1, "what was proven does not change"
    assert inside(Environment.parse(again), code)[0] == 5
    assert relocked != lock


def test_the_same_requirements_are_carved_once(site_folder: Any, tmp_path: Path) -> None:
    site_folder.add("tool", {"tool.py": ""})
    requirements = resolve({"tool": ""}, runtime=False)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        environments = set(pool.map(lambda _: carve(requirements, tmp_path / "root"), range(16)))
    assert len(environments) == 1
    assert [path.name for path in (tmp_path / "root").iterdir()] == [Path(next(iter(environments)).paths[0]).name]


def test_a_reinstalled_distribution_is_noticed(site_folder: Any, tmp_path: Path) -> None:
    info = site_folder.add("tool", {"tool.py": ""})
    requirements, environment = carved({"tool": ""}, tmp_path / "root")
    os.utime(info / "RECORD", (1e9, 1e9))
    assert changed_distributions(environment) == ()
    assert carve(requirements, tmp_path / "root") != environment
    os.utime(info / "RECORD", (4e9, 4e9))
    assert changed_distributions(environment) == ("tool",)
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    assert changed_distributions(environment) == ("tool",)
    with pytest.raises(RequirementError, match=r"tool 1\.0 is no longer installed"):
        carve(requirements, tmp_path / "root")


def test_an_old_install_that_says_nothing_of_its_files(site_folder: Any, tmp_path: Path) -> None:
    (site_folder.path / "silent-1.0.egg-info").write_text("Name: silent\nVersion: 1.0\n")
    site_folder.add("tool", {"tool.py": ""}, requires=["silent"])
    with pytest.raises(RequirementError, match="silent does not say which files are its own"):
        carved({"tool": ""}, tmp_path / "root")
