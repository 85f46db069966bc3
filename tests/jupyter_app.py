"""A real Jupyter application on a folder of its own, and a real browser that looks at it."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_core.paths import jupyter_runtime_dir

TOKEN = "browser-test"
MODULES = {"lab": "jupyterlab", "notebook": "notebook"}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--force-prefers-reduced-motion",
         "--host-resolver-rules=MAP hub.example 127.0.0.1"]  # what looks like another machine
BUILT = Path(__file__).parents[1] / "jupyter_deploy" / "labextension" / "package.json"
START_SECONDS = 120

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


def find_obstacle(*, built: bool) -> str | None:
    """Say what a browser test lacks here; most need the panel of JupyterLab to be built."""
    if importlib.util.find_spec("playwright") is None:
        return "the browser is driven by playwright, which is not installed"
    if CHROMIUM is None:
        return "there is no Chromium on the PATH"
    if built and not BUILT.exists():
        return "the panel is not built (make frontend)"
    return None


@dataclass(frozen=True)
class Application:
    """A running server; `lab` or `notebook`."""

    kind: str
    url: str
    folder: Path
    process: int

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
    # The server looks for a free port itself: one that was found here could be taken until it has started.
    settings = {"ServerApp": {"allow_root": True, "open_browser": False, "port": 0}, "IdentityProvider": {"token": TOKEN},
                "LabApp": {"expose_app_in_browser": True}, "JupyterNotebookApp": {"expose_app_in_browser": True}}
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    choose_settings(folder, "notification", fetchNews="false", checkForUpdates=False)
    root = folder / "notebooks"
    root.mkdir(exist_ok=True)
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_PREFER_ENV_PATH": "1",
                   "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "PYTHONWARNINGS": "ignore",
                   "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    log = folder / f"{kind}.log"
    with log.open("w") as written:
        server = subprocess.Popen([sys.executable, "-m", MODULES[kind], f"--ServerApp.root_dir={root}", *options],
                                  env=environment, stdout=written, stderr=written)
    try:
        yield Application(kind, _wait(server, log), root, server.pid)
    finally:
        server.terminate()
        server.wait(30)


def _wait(server: subprocess.Popen[bytes], log: Path) -> str:
    """Give the server's address once it answers."""
    told = Path(jupyter_runtime_dir(), f"jpserver-{server.pid}.json")
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError, ValueError):  # not there yet, or not to the end
            said = json.loads(told.read_text())
            url = f"http://127.0.0.1:{said['port']}{said['base_url'].rstrip('/')}"
            with urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=5):
                return url
        time.sleep(0.1)
    ended = "does not answer" if server.poll() is None else f"ended with {server.poll()}"
    raise AssertionError(f"the server {ended}; its log:\n{log.read_text()}")


@contextmanager
def open_browser() -> Iterator[Any]:
    """Open Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
    with warnings.catch_warnings():
        # Playwright does not wait for its driver's end, and Python would complain of that in a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        del browser, playwright
        gc.collect()


def open_page(browser: Any, width: int = 1360, height: int = 860) -> Any:
    """Give a page with a clipboard and cookies of its own."""
    page = browser.new_page(viewport={"width": width, "height": height}, permissions=["clipboard-read", "clipboard-write"])
    page.set_default_timeout(60_000)
    return page


def open_notebook(page: Any, application: Application, path: str) -> None:
    """Open a notebook and wait for its kernel."""
    page.goto(application.address(path))
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")


def execute(page: Any, command: str, **arguments: Any) -> None:
    """Begin one of the application's commands; some end only when a dialog is answered."""
    page.evaluate(f"void jupyterapp.commands.execute({json.dumps(command)}, {json.dumps(arguments)})")
