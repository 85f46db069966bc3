"""Each peer in a virtual environment of its own, outside of the repository, made once by uv."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(os.environ.get("NBDEPLOY_BENCH", Path.home() / ".cache" / "nbdeploy-bench"))
SAME = {name: version(name)
        for name in ("scikit-learn", "numpy", "orjson", "uvicorn", "uvloop", "httptools", "onnxruntime")}
"""What all share has the version that the notebook has."""
SERVER = ("uvicorn", "uvloop", "httptools")
REQUIRED: dict[str, tuple[str, ...]] = {
    "fastapi": ("fastapi", "scikit-learn", "joblib", *SERVER),
    "onnx": ("fastapi", "orjson", "onnxruntime", "numpy", "granian", *SERVER),
    "bentoml": ("bentoml", "scikit-learn"),
    "mlserver": ("mlserver", "mlserver-sklearn", "scikit-learn"),
    "litserve": ("litserve", "scikit-learn"),
    "mlflow": ("mlflow", "scikit-learn"),
    "ray": ("ray[serve]", "scikit-learn"),
    "convert": ("skl2onnx", "scikit-learn"),
}
"""What stands in each environment."""
SHOWN = ("fastapi", "granian", "bentoml", "mlserver", "litserve", "mlflow", "ray", "uvicorn", "skl2onnx", "onnxruntime")


class NotInstalled(Exception):
    """An environment cannot be made here; the message is the reason."""


@cache
def install(name: str) -> Path:
    """Make an environment unless it is there; gives its folder (raises `NotInstalled`)."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        # Two benchmarks may run at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _install(name, FOLDER / name)


def _install(name: str, folder: Path) -> Path:
    done = folder / "installed.json"
    wanted = [f"{one}=={SAME[one]}" if one in SAME else one for one in REQUIRED[name]]
    if done.exists() and json.loads(done.read_text()) == wanted:
        return folder
    print(f"installing {', '.join(wanted)} into {folder}", file=sys.stderr, flush=True)
    python = folder / "bin" / "python"
    _run("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    _run("pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *wanted)
    done.write_text(json.dumps(wanted))
    return folder


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise NotInstalled(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "uv failed")


def read_versions(name: str) -> dict[str, str]:
    """Give the versions of what an environment is for."""
    python = FOLDER / name / "bin" / "python"
    code = ("import json, importlib.metadata as m; "
            "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))")
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, str] = json.loads(done.stdout)
    return {one: found[one] for one in SHOWN if one in found}
