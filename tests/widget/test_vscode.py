"""The live panel in what VS Code shows outputs with: its widget manager, in a frame like its webview, on a real kernel.

VS Code and its Jupyter extension are not to be had from a package registry; their widget manager is. `vscode/` is the
rest: a sandboxed frame of another origin, VS Code's colours, the loading of widgets' scripts through RequireJS.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jupyter_app import TOKEN, Application, find_obstacle, open_browser, open_page, start_application
from test_live_panel import CELLS, PICTURES, brightness, figure, load, picture, wait_until

from jupyter_deploy.targets.target import find_target

HERE = Path(__file__).parent / "vscode"
PACKAGES = Path(__file__).parents[2] / "labextension" / "node_modules"
MANAGER = PACKAGES / "@vscode" / "jupyter-ipywidgets8"
OBSTACLE = find_obstacle(built=False)
if OBSTACLE is None and not MANAGER.exists():
    OBSTACLE = "VS Code's widget manager is not installed (make frontend)"
pytestmark = [pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE)), pytest.mark.timeout(300)]

BUNDLE = """
const { rspack } = require("@rspack/core");
const [entry, folder, packages] = process.argv.slice(1);
rspack({ mode: "development", devtool: false, entry, output: { path: folder, filename: "webview.js", module: true },
         experiments: { outputModule: true }, resolve: { modules: [packages] },
         module: { rules: [{ test: /\\.m?js$/, resolve: { fullySpecified: false } }] } },
       (error, stats) => { if (error || stats.hasErrors()) { console.error(error ?? stats.toString("errors-only")); process.exit(1); } });
"""


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def webview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the frame with its scripts; gives the workbench's address."""
    folder = tmp_path_factory.mktemp("webview")
    node = Path(sys.executable).with_name("node")
    subprocess.run([node, "-e", BUNDLE, HERE / "webview.js", folder, PACKAGES], check=True, cwd=PACKAGES.parent, timeout=120)
    for page in HERE.glob("*.html"):
        (folder / page.name).symlink_to(page)
    (folder / "require.js").symlink_to(PACKAGES / "requirejs" / "require.js")
    (folder / "nbextensions").symlink_to(Path(sys.prefix) / "share" / "jupyter" / "nbextensions")
    with ThreadingHTTPServer(("", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/workbench.html"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(jupyter_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with start_application("lab", tmp_path_factory.mktemp("lab"), "--ServerApp.allow_origin=*") as started:
        yield started
    for status in find_target("local").status():
        find_target("local").delete(status.name)


def open_webview(browser: Any, address: str) -> tuple[Any, Any]:
    page = open_page(browser, 1280, 1000)
    page.goto(address)
    frame = next(one for one in page.frames if "webview.html" in one.url)
    frame.wait_for_function("typeof window.runCells === 'function'")
    return page, frame


def run_cells(frame: Any, server: Application, cells: list[str], **options: bool) -> None:
    frame.evaluate("([server, cells, options]) => window.runCells(server, cells, options)",
                   [{"url": server.url, "token": TOKEN}, cells, options])


@pytest.fixture(scope="module")
def opened(webview: str, server: Application) -> Iterator[tuple[Any, Any]]:
    with open_browser() as browser:
        page, frame = open_webview(browser, webview)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        run_cells(frame, server, CELLS)
        frame.locator(".nbdeploy-panel").nth(1).wait_for()
        yield page, frame


def test_the_panel_moves_and_follows_the_theme(opened: tuple[Any, Any]) -> None:
    page, frame = opened
    panel = frame.locator(".nbdeploy-panel").last
    rate = panel.locator(".nbdeploy-figure").first
    with load(panel.locator(".nbdeploy-url").inner_text()):
        wait_until(page, lambda: figure(rate.inner_text()) > 10)
        panel.locator("svg[aria-label^='Requests/s'] .nbdeploy-rate[d]").wait_for()
        panel.get_by_text("ValueError: area is below zero: -1.0").wait_for()
        page.wait_for_timeout(20000 if PICTURES else 0)
    for theme, dark in (("dark", True), ("light", False)):
        frame.evaluate("theme => { const { body } = document;"
                       " body.className = body.dataset.vscodeThemeKind = `vscode-${theme}`; }", theme)
        back, text, around = panel.evaluate(
            "node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color,"
            " getComputedStyle(node.closest('.output')).backgroundColor]")
        assert brightness(around) == 0  # transparent: the editor's own
        darker, lighter = (back, text) if dark else (text, back)
        assert brightness(darker) < 80 < 180 < brightness(lighter)
        picture(panel, f"vscode-{theme}")


def test_copying_and_links_work_in_its_frame(opened: tuple[Any, Any]) -> None:
    page, frame = opened
    panel = frame.locator(".nbdeploy-panel").last
    url = panel.locator(".nbdeploy-url").inner_text()
    panel.get_by_role("button", name="Copy URL").click()
    panel.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == url
    panel.get_by_role("button", name="Copy curl").click()
    wait_until(page, lambda: page.evaluate("navigator.clipboard.readText()").startswith(f"curl {url}/"))
    panel.get_by_role("link", name="Open docs").click()
    wait_until(page, lambda: page.evaluate("window.opened") == [f"{url}/docs"])


def test_roll_back_and_stop(opened: tuple[Any, Any]) -> None:
    page, frame = opened
    panel = frame.locator(".nbdeploy-panel").last
    second = panel.locator(".nbdeploy-live code").inner_text()
    panel.get_by_role("button", name="Roll back to version 1").click()
    panel.get_by_role("alertdialog").get_by_role("button", name="Roll back").click()
    wait_until(page, lambda: panel.locator(".nbdeploy-live code").inner_text() != second)
    panel.get_by_role("button", name="Stop", exact=True).click()
    panel.get_by_role("alertdialog").get_by_role("button", name="Stop it").click()
    wait_until(page, lambda: panel.locator(".nbdeploy-state").inner_text() == "stopped")
    panel.get_by_role("button", name="Start").click()
    wait_until(page, lambda: panel.locator(".nbdeploy-state").inner_text() == "live")
    assert page.problems == []


def test_without_widgets_the_table_is_shown(webview: str, server: Application, opened: tuple[Any, Any]) -> None:
    page, frame = open_webview(opened[0].context.browser, webview)
    run_cells(frame, server, ["%load_ext jupyter_deploy", "%deploy --metrics houses"], trusted=False)
    frame.locator("table").get_by_text("houses", exact=True).wait_for()
    assert frame.locator(".nbdeploy-panel").count() == 0
    page.close()
