"""A real JupyterLab in a real headless browser."""

from __future__ import annotations

import gc
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
              "--disable-component-update", "--disable-sync"]


@contextmanager
def start_lab(folder: Path) -> Iterator[str]:
    """Run JupyterLab on a folder; gives its address with the token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / ".config"), "JUPYTERLAB_SETTINGS_DIR": str(folder / ".lab"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".lab"), "PYTHONWARNINGS": "ignore",
                   "JUPYTER_PREFER_ENV_PATH": "1"}
    quiet = folder / ".lab" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with (folder / ".lab.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser",
             f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
             f"--ServerApp.root_dir={folder}"], stdout=log, stderr=log, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/api?token={token}", server)
        yield f"{url}/lab/tree/{{path}}?reset&token={token}"
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start")


@contextmanager
def open_browser(width: int = 1280, height: int = 1100) -> Iterator[Any]:
    """Give a page of a browser of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=_ARGUMENTS, viewport={"width": width, "height": height},
            permissions=["clipboard-read", "clipboard-write"])
        try:
            yield context.pages[0]
        finally:
            context.close()
    with warnings.catch_warnings():
        # Playwright does not wait for its driver's end, and Python would complain of that in a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        del context, playwright
        gc.collect()


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def open_notebook(page: Any, address: str, path: str) -> None:
    """Open a notebook and wait for its kernel."""
    page.goto(address.format(path=path))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60000)
    page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
                           timeout=60000)
    command(page, "application:toggle-left-area")


def command(page: Any, name: str, **arguments: Any) -> None:
    """Begin one of JupyterLab's commands; some end only when a dialog is answered."""
    page.evaluate(f"void jupyterapp.commands.execute({json.dumps(name)}, {json.dumps(arguments)})")


def figure(text: str) -> float:
    """Read the number in a figure such as `1,234` or `3.2 ms`."""
    found = re.search(r"[\d.,]+", text)
    return float(found.group().replace(",", "")) if found else 0.0
