"""The direction of imports between the parts, and what importing the package may cost."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jupyter_deploy"
ORDER = ["errors", "runtime", "notebook", "capture", "requirements", "hardware", "compile", "bundle", "environment", "proof",
         "metrics", "registry", "image", "export", "leftovers", "targets", "watch", "packaged", "disproof",
         "recipe", "options", "traffic"]
RUNTIME_MAY_IMPORT = {"uvloop", "httptools", "orjson", "service",
                      "numpy", "onnxruntime", "pandas", "polars", "torch", "pydantic", "pyarrow", "xgboost", "lightgbm"}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names if node.module == "jupyter_deploy")
    return found


def part_of(module: str) -> str:
    return module.split(".")[1] if module.startswith("jupyter_deploy.") else ""


@pytest.mark.parametrize("part", ORDER)
def test_a_part_imports_only_from_its_left(part: str) -> None:
    paths = [PACKAGE / f"{part}.py"] if (PACKAGE / f"{part}.py").exists() else sorted((PACKAGE / part).rglob("*.py"))
    assert paths
    allowed = {"", "__version__", *ORDER[: ORDER.index(part) + 1]}
    for path in paths:
        assert {part_of(module) for module in imports_of(path)} <= allowed, path


def test_the_runtime_imports_nothing_of_ours_and_little_of_others() -> None:
    for path in sorted((PACKAGE / "runtime").rglob("*.py")):
        tops = {module.partition(".")[0] for module in imports_of(path)}
        assert tops <= RUNTIME_MAY_IMPORT | set(sys.stdlib_module_names), path


@pytest.mark.parametrize(("statement", "heavy"), [
    ("import jupyter_deploy", ["tornado", "fastapi", "papermill", "IPython", "numpy", "pandas", "orjson", "asyncio"]),
    ("import jupyter_deploy.magics", ["anywidget", "ipywidgets", "tornado", "fastapi", "papermill", "nbformat", "pandas", "torch", "docker"]),
    ("import jupyter_deploy.command; jupyter_deploy.command.build_parser()", ["tornado", "fastapi", "papermill", "IPython"]),
    ("import jupyter_deploy.static", ["tornado", "papermill", "nbformat", "IPython", "numpy", "asyncio"]),
    ("from jupyter_deploy import execution; execution._import_nbformat(); import papermill", ["rfc3987_syntax", "tornado.web"]),
    ("import jupyter_deploy.targets.local.supervisor", ["tornado", "fastapi", "papermill", "IPython", "numpy", "uvicorn"]),
])
def test_importing_stays_light(statement: str, heavy: list[str]) -> None:
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(heavy) & set(json.loads(done.stdout))
