"""The pytest plugin, in real pytest runs on real notebooks."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from saved_notebook import write_notebook

from jupyter_deploy.targets.target import find_target

pytest_plugins = ["pytester"]

PARAMETERS = ("rate = 2", ["parameters"])
ENTRY = ("def predict(x: int) -> int:\n    return x * rate", ["deploy:entry"])
CALL = ("predict(20)", [])
HOLDS = ("assert predict(3) == 3 * rate", ["deploy:test"])
FAILS = ("assert predict(3) == 7, 'seven was promised'", ["deploy:test"])


@pytest.fixture
def project(pytester: pytest.Pytester, jupyter_folders: Path) -> pytest.Pytester:
    """Give a project of its own; its runs have folders apart from those of this one."""
    return pytester


def test_notebooks_with_roles_are_items(project: pytest.Pytester) -> None:
    write_notebook(project.path / "good.ipynb", PARAMETERS, ENTRY, CALL, HOLDS)
    write_notebook(project.path / "bad.ipynb", PARAMETERS, ENTRY, CALL, FAILS)
    write_notebook(project.path / "plain.ipynb", ("1 / 0", []))
    assert project.runpytest_subprocess().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    done = project.runpytest_subprocess("--nbdeploy", "-v", "-W", "error", timeout=170)
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*good.ipynb::check PASSED*", "*FAILED*bad.ipynb*", "*seven was promised*"])
    done.stdout.no_fnmatch_line("*plugin.py*")
    assert not find_target("local").status()


def test_the_configuration_has_the_options_and_the_time(project: pytest.Pytester) -> None:
    write_notebook(project.path / "slow.ipynb", PARAMETERS, ENTRY, CALL)
    project.makeini("[pytest]\nnbdeploy_check_args = --p95 fast\n")
    done = project.runpytest_subprocess("--nbdeploy", timeout=170)
    done.stdout.fnmatch_lines(["*--p95 fast: wanted a number with a unit*"])
    project.makeini("[pytest]\nnbdeploy_timeout = 0.1\n")
    done = project.runpytest_subprocess("--nbdeploy", timeout=170)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*the check of slow.ipynb took more than 0.1 s, and was ended*"])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_a_damaged_notebook_is_an_item_that_fails(project: pytest.Pytester) -> None:
    (project.path / "broken.ipynb").write_text("{")
    done = project.runpytest_subprocess("--nbdeploy", timeout=170)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*this is not a notebook*"])


def test_the_fixture_serves_a_notebook(project: pytest.Pytester) -> None:
    (project.path / "tests").mkdir()
    write_notebook(project.path / "tests" / "Rate Model.ipynb", PARAMETERS, ENTRY, CALL)
    (project.path / "tests" / "test_service.py").write_text("""
import json, os, urllib.request

def test_defaults(endpoint):
    service = endpoint("Rate Model.ipynb")
    assert service.call(4) == 8
    assert service.name == "rate-model"
    assert service is endpoint("Rate Model.ipynb")

def test_parameters(endpoint):
    service = endpoint("Rate Model.ipynb", params={"rate": 5})
    request = urllib.request.Request(service.url + "/predict", b'{"x": 4}', {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        assert json.load(response) == 20
    with open("url.txt", "w") as file:
        file.write(service.url)

def test_what_fails(endpoint):
    assert endpoint("Rate Model.ipynb").call(4) == 9

def test_no_such_parameter(endpoint):
    endpoint("Rate Model.ipynb", params={"speed": 5})
""")
    done = project.runpytest_subprocess("-W", "error", timeout=170)
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines(["*assert 8 == 9*", "*Rate Model.ipynb could not be served*", "*no parameter speed*"])
    url = (project.path / "url.txt").read_text()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=10)


def test_a_run_that_does_not_use_it_hardly_notices() -> None:
    loading = "import sys, pytest; had = set(sys.modules); import jupyter_deploy.testing.plugin, json"
    code = f"{loading}; print(json.dumps(sorted(set(sys.modules) - had)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {"jupyter_deploy", "jupyter_deploy.testing", "jupyter_deploy.testing.plugin"}
    loaded = {name for name in json.loads(done.stdout) if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded <= ours
