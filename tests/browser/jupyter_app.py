"""A real Jupyter application on a folder of its own, and a real browser that looks at it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

TOKEN = "browser-test"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--force-prefers-reduced-motion"]
BUILT = Path(__file__).parents[2] / "jupyter_deploy" / "labextension" / "package.json"

TRAIN = """\
import numpy as np
from sklearn.linear_model import LinearRegression

rooms = np.array([[1, 30], [2, 55], [3, 80], [4, 120]])
prices = np.array([90_000, 160_000, 230_000, 340_000])
model = LinearRegression().fit(rooms, prices)"""
ENTRY = """\
def price(rooms: int, area: float) -> float:
    \"\"\"What a flat costs.\"\"\"
    return float(model.predict([[rooms, area]])[0])"""
CELLS = (TRAIN, ENTRY, "price(2, 50)", "price(3, 90.5)", "scratch = [n ** 2 for n in range(10)]")


def find_obstacle() -> str | None:
    """Say what the browser tests lack here."""
    if shutil.which("chromium") is None:
        return "chromium is not installed"
    if not BUILT.exists():
        return "the panel is not built: it takes Node 20 or later (make frontend)"
    return None


@dataclass(frozen=True)
class Application:
    """A running server; `lab` or `notebook`."""

    kind: str
    url: str
    folder: Path

    def address(self, path: str = "") -> str:
        """Give the page of a notebook (for JupyterLab in a workspace of its own)."""
        page = f"/lab/workspaces/{time.monotonic_ns()}/tree/{path}" if self.kind == "lab" else f"/notebooks/{path}"
        return f"{self.url}{page}?token={TOKEN}&reset"


def write_notebook(path: Path, sources: Sequence[str] = CELLS, kernel: str = "python3", language: str = "python") -> None:
    """Write a notebook that was never run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": language}
    nbformat.write(notebook, path)


def choose_settings(folder: Path, plugin: str, **values: object) -> None:
    """Set what a user would set in the Settings Editor."""
    path = folder / "settings" / "@jupyterlab" / "apputils-extension" / f"{plugin}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@contextmanager
def start_application(kind: str, folder: Path, *options: str) -> Iterator[Application]:
    """Start `jupyter lab` or `jupyter notebook` and end it, with its kernels, afterwards."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    settings = {"ServerApp": {"token": TOKEN, "allow_root": True, "open_browser": False, "port": port, "port_retries": 0}}
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    choose_settings(folder, "notification", fetchNews="false", checkForUpdates=False)
    root = folder / "notebooks"
    root.mkdir(exist_ok=True)
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_PREFER_ENV_PATH": "1",
                   "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "PYTHONWARNINGS": "ignore",
                   "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    with (folder / f"{kind}.log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyter", kind, f"--ServerApp.root_dir={root}", *options],
                                  env=environment, stdout=log, stderr=log)
    application = Application(kind, f"http://127.0.0.1:{port}", root)
    try:
        _wait(application, server, folder / f"{kind}.log")
        yield application
    finally:
        server.terminate()
        server.wait(30)


def _wait(application: Application, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{application.url}/api?token={TOKEN}", timeout=5):
                return
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer: {log.read_text()}")


@contextmanager
def open_browser() -> Iterator[Any]:
    """Open Debian's Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
