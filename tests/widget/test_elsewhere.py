"""The live panel in a browser on another machine, as behind a JupyterHub, and in a notebook that is opened again."""

from __future__ import annotations

import shlex
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_app import (
    TOKEN,
    Application,
    execute,
    find_obstacle,
    open_browser,
    open_notebook,
    open_page,
    start_application,
    write_notebook,
)

from jupyter_deploy.targets.target import find_target

OBSTACLE = find_obstacle(built=True)
pytestmark = [pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE)), pytest.mark.timeout(300)]

CELLS = ["%load_ext jupyter_deploy", "def half(x: float):\n    return x / 2", "half(3.0)", "%deploy half --name halves"]


@pytest.fixture(scope="module")
def hub(jupyter_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    options = ("--ServerApp.base_url=/user/ann/", "--ServerApp.allow_remote_access=True")
    with start_application("lab", tmp_path_factory.mktemp("hub"), *options) as started:
        yield Application("lab", started.url.replace("127.0.0.1", "hub.example"), started.folder, started.process)
    for status in find_target("local").status():
        find_target("local").delete(status.name)


@pytest.fixture(scope="module")
def page(hub: Application) -> Iterator[Any]:
    write_notebook(hub.folder / "halves.ipynb", CELLS)
    with open_browser() as browser:
        page = open_page(browser)
        open_notebook(page, hub, "halves.ipynb")
        execute(page, "notebook:run-all-cells")
        page.locator(".nbdeploy-panel").scroll_into_view_if_needed()
        yield page


def test_docs_and_calls_go_through_the_jupyter_server(hub: Application, page: Any) -> None:
    passage = f"{hub.url}/nbdeploy/endpoints/halves/call"
    docs = page.locator(f".nbdeploy-panel a[href='{passage}/docs']").last
    with page.expect_popup() as popup:
        docs.click()
    popup.value.get_by_role("button", name="Send").first.click()
    popup.value.get_by_text("1.5", exact=True).wait_for()
    popup.value.close()

    page.evaluate("addEventListener('copy', () => { window.copied = document.activeElement.value; })")
    page.get_by_role("button", name="Copy curl").click()
    _, _, header, url, _, kind, _, body = shlex.split(page.evaluate("window.copied").replace("$JUPYTER_TOKEN", TOKEN))
    assert url == f"{passage}/half"
    request = urllib.request.Request(url.replace("hub.example", "127.0.0.1"), body.encode(),
                                     dict(one.split(": ") for one in (header, kind)))
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.read() == b"1.5"


def test_a_notebook_that_is_opened_again_shows_the_table(hub: Application, page: Any) -> None:
    execute(page, "docmanager:save")
    page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
    open_notebook(page, hub, "halves.ipynb")  # with its kernel, it comes to life again
    page.get_by_role("button", name="Copy curl").wait_for()
    execute(page, "kernelmenu:shutdown")
    page.locator(".jp-NotebookPanel-toolbar").get_by_text("No Kernel").wait_for()
    open_notebook(page, hub, "halves.ipynb")
    page.locator(".jp-Deploy-still table").get_by_text("1 of 1 golden calls answered as in the notebook").wait_for()
    assert page.get_by_text("model not found").count() == 0
    assert page.locator(".nbdeploy-panel").count() == 0
