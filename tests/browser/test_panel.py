"""The panel in a real JupyterLab and a real Notebook 7, looked at by a real browser."""

from __future__ import annotations

import json
import math
import os
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_app import (
    CELLS,
    ENTRY,
    Application,
    choose_settings,
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
pytestmark = [
    pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE)),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("deletes_deployments"),
]

PICTURES = os.environ.get("NBDEPLOY_PICTURES")
"""Environment variable: a folder that gets screenshots of what the tests see."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def lab(jupyter_folders: Path) -> Iterator[Application]:
    with start_application("lab", jupyter_folders / "lab") as application:
        yield application


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    errors: list[str] = []
    opened = open_page(browser)
    opened.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    yield opened
    opened.close()
    assert [error for error in errors if "extensions/nbdeploy" in error] == []  # others' are not ours to mend


def take_picture(page: Any, name: str) -> None:
    assert page.evaluate("document.body.dataset.jpThemeLight") == str(name.endswith("-light")).lower()
    if PICTURES is not None:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.evaluate("document.querySelector('.jp-Deploy-content').scrollTo(0, 0)")
        page.wait_for_timeout(2000)  # a look of the panel later
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def begin(page: Any, application: Application, name: str, *sources: str, **about: str) -> None:
    write_notebook(application.folder / name, *([sources] if sources else []), **about)
    open_notebook(page, application, name)
    page.locator(".jp-CodeCell .jp-InputArea-prompt").first.click()


def command(page: Any, label: str) -> None:
    box = page.locator(".lm-CommandPalette-input")
    for _ in range(20):
        page.wait_for_timeout(500)  # while the page loads, the keys may not be bound yet, or a moving focus closes it
        if box.is_visible():
            break
        page.keyboard.press("Control+Shift+c")
    box.fill(label)
    page.locator(".lm-CommandPalette-item").filter(has_text=re.compile(f"^{re.escape(label)}")).first.click()


def open_panel(page: Any) -> None:
    command(page, "Show the Deploy Panel")
    page.get_by_role("tablist", name="Deploy").wait_for()


def run_all(page: Any, count: int) -> None:
    command(page, "Run All Cells")
    page.locator(".jp-InputArea-prompt").filter(has_text=f"[{count}]").first.wait_for()


def choose_role(page: Any, cell: int, role: str) -> None:
    one = page.locator(".jp-CodeCell").nth(cell)
    one.locator(".jp-InputArea-editor").click()
    one.locator("[data-command='nbdeploy:choose-role']").first.click()
    page.locator(".lm-Menu-item").filter(has_text=re.compile(f"^{role}:")).click()


AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"


def check_accessibility(page: Any) -> None:
    """Let axe look at the whole panel in its present theme."""
    if page.evaluate("typeof axe") == "undefined":
        # JupyterLab has a loader of AMD modules, which would take axe for one.
        page.evaluate("source => { (new Function('module', 'exports', 'define', source))(undefined, undefined, undefined); }",
                      AXE.read_text())
    found = page.evaluate("axe.run('#nbdeploy-panel', { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] })")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []


def press(page: Any, label: str) -> None:
    page.get_by_role("button", name=label, exact=True).click()


def problem(page: Any) -> str:
    return str(page.locator(".jp-Deploy-problem[role=alert]").first.inner_text())


def call_often(name: str, times: int) -> None:
    url = find_target("local").status(name)[0].url
    for area in range(times):
        body = json.dumps({"rooms": 2, "area": 50.5 + area}).encode()
        request = urllib.request.Request(f"{url}/price", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()


def call_in_waves(name: str, seconds: float) -> None:
    """Give a picture something to show."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        call_often(name, 4)
        time.sleep(0.08 * (1.2 + math.sin(time.monotonic() / 3)))


def choose_theme(application: Application, theme: str) -> None:
    choose_settings(application.folder.parent, "themes", theme=f"JupyterLab {theme.title()}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tag_dry_run_deploy_watch_roll_back_and_stop(page: Any, lab: Application, theme: str) -> None:
    choose_theme(lab, theme)
    name = f"flats-{theme}"
    begin(page, lab, f"{name}.ipynb")
    open_panel(page)
    press(page, "Dry run")
    assert "Run the notebook first" in problem(page)

    run_all(page, 5)
    choose_role(page, 1, "entry")
    assert page.locator(".jp-Deploy-badge").inner_text() == "entry"
    press(page, "Dry run")
    page.get_by_text("POST /price").wait_for()
    assert "price → model" in page.locator(".jp-Deploy-content").inner_text()
    assert page.locator(".jp-CodeCell.jp-Deploy-captured").count() == 1
    page.get_by_text("Hardware").click()
    page.get_by_text("no GPU: no package of the service could use one").wait_for()
    page.get_by_text("Hardware").click()
    check_accessibility(page)
    take_picture(page, f"dry-run-{theme}")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_text("The notebook or the options have changed since.").wait_for()

    press(page, "Deploy")
    page.get_by_text("2 of 2 golden calls answered as in the notebook").wait_for()
    take_picture(page, f"deployed-{theme}")
    press(page, "Show it")
    press(page, "Call price")
    page.get_by_text("as in the notebook").last.wait_for()
    call_in_waves(name, 40) if PICTURES else call_often(name, 400)
    page.wait_for_function("Number(document.querySelector('.jp-Deploy-chart strong').textContent) > 1")
    page.get_by_text("Golden calls").last.click()
    page.get_by_text('{"rooms":2,"area":50}').wait_for()
    check_accessibility(page)
    take_picture(page, f"endpoint-{theme}")

    cell = page.locator(".jp-CodeCell").nth(1)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" + 1")
    page.keyboard.press("Escape")
    run_all(page, 10)
    page.get_by_role("tab", name="This notebook").click()
    press(page, "Deploy")
    page.get_by_text(f"{name} is live").wait_for()
    press(page, "Show it")
    page.get_by_role("button", name="Roll back to this…").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.get_by_text(f"{name} is at version 1.").wait_for()
    assert len(find_target("local").status(name)[0].versions) == 2

    press(page, "Stop…")
    page.locator(".jp-Dialog .jp-mod-warn").click()
    page.locator(".jp-Deploy-state.jp-mod-stopped").wait_for()
    assert find_target("local").status(name)[0].state == "stopped"
    press(page, "Start")
    page.locator(".jp-Deploy-head .jp-mod-live").wait_for()
    page.get_by_label("All endpoints").click()
    page.locator(".jp-Deploy-item").filter(has_text=name).wait_for()
    take_picture(page, f"endpoints-{theme}")
    check_accessibility(page)

    page.locator(".jp-Deploy-item").filter(has_text=name).click()
    press(page, "Stop…")
    page.locator(".jp-Dialog .jp-mod-warn").click()
    press(page, "Delete…")
    page.locator(".jp-Dialog .jp-mod-warn").click()
    page.get_by_text(f"{name} is deleted.").wait_for()
    assert find_target("local").status() == ()


def test_a_difference_is_a_table(page: Any, lab: Application) -> None:
    choose_theme(lab, "dark")
    begin(page, lab, "differs.ipynb", "import os\ndef who(x: int) -> int:\n    return os.getpid()\nwho(1)")
    open_panel(page)
    run_all(page, 1)
    page.get_by_role("textbox", name="Serve").fill("who")
    press(page, "Deploy")
    table = page.get_by_role("region", name="Differences")
    table.wait_for()
    assert "answer" in table.inner_text()
    page.locator(".jp-Deploy-progress .jp-mod-failed").get_by_text("Prove", exact=True).wait_for()
    check_accessibility(page)
    take_picture(page, "difference-dark")


ONLY_HERE = "import os\ndef f(x: int) -> int:\n    if 'JPY_PARENT_PID' not in os.environ:\n        raise RuntimeError('only here')\n    return x\nf(1)"
ENDS = "import os\nif 'JPY_PARENT_PID' not in os.environ:\n    print('goodbye', flush=True)\n    os._exit(3)"


def test_what_fails_in_the_service_alone_is_told_with_its_stage(page: Any, lab: Application) -> None:
    begin(page, lab, "fails.ipynb", ONLY_HERE, ENDS)
    open_panel(page)
    run_all(page, 2)
    page.get_by_role("textbox", name="Serve").fill("f")
    press(page, "Deploy")
    page.get_by_text("RuntimeError: only here").first.wait_for()
    page.locator(".jp-Deploy-progress .jp-mod-failed").get_by_text("Prove", exact=True).wait_for()
    page.get_by_role("button", name=re.compile(r"cell \[1\], line 4")).click()

    choose_role(page, 1, "setup")
    press(page, "Deploy")
    page.get_by_text("The worker ended with status 3 before it was ready.").wait_for()
    assert "goodbye" in problem(page)
    page.locator(".jp-Deploy-progress .jp-mod-failed").get_by_text("Start", exact=True).wait_for()
    assert page.locator(".jp-Deploy-progress .jp-mod-done").count() == 3

    choose_role(page, 1, "skip")
    page.get_by_role("textbox", name="Serve").fill("nobody")
    press(page, "Dry run")
    page.get_by_text("nobody").last.wait_for()
    assert page.locator(".jp-Deploy-progress").count() == 0  # of the deployment before


def test_a_kernel_that_dies_leaves_a_sentence(page: Any, lab: Application) -> None:
    begin(page, lab, "dies.ipynb", "import os\ncalls = []\ndef die(x: int) -> int:\n    if calls:\n        os._exit(1)\n"
                                           "    calls.append(x)\n    return x\ndie(1)")
    open_panel(page)
    run_all(page, 1)
    page.get_by_role("textbox", name="Serve").fill("die")
    press(page, "Dry run")
    assert "died before it answered" in problem(page)


def test_a_busy_kernel_is_waited_for(page: Any, lab: Application) -> None:
    begin(page, lab, "busy.ipynb", "import time\ntime.sleep(8)\ndef f(x: int) -> int:\n    return x\nf(1)", "time.sleep(2)")
    open_panel(page)
    command(page, "Run All Cells")
    page.get_by_role("textbox", name="Serve").fill("f")
    press(page, "Dry run")
    page.get_by_text("The kernel is busy with a cell").wait_for()
    press(page, "Cancel")
    page.get_by_text("The kernel is busy with a cell").wait_for(state="detached")
    press(page, "Dry run")
    page.get_by_text("POST /f").wait_for()
    page.locator(".jp-InputArea-prompt").filter(has_text="[2]").wait_for()  # no cell was interrupted


def test_badges_come_with_the_cells_of_a_long_notebook(page: Any, lab: Application) -> None:
    begin(page, lab, "long.ipynb", *[f"x{number} = {number}\n# more\n# more" for number in range(80)], "def f(x):\n    return x")
    tag = "cell => cell.model.type === 'code' && cell.model.setMetadata('tags', ['deploy:entry'])"
    page.evaluate(f"[jupyterapp.shell.currentWidget.content.widgets.at(-1)].forEach({tag})")
    execute(page, "docmanager:save")
    page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
    open_notebook(page, lab, "long.ipynb")
    page.evaluate("(document.querySelector('.jp-WindowedPanel-outer') ?? document.querySelector('.jp-Notebook')).scrollTo(0, 1e6)")
    page.locator(".jp-Deploy-badge.jp-mod-entry").wait_for()


def test_another_version_of_the_server_is_told(page: Any, lab: Application) -> None:
    page.route("**/nbdeploy/server*", lambda route: route.fulfill(json={"version": "9.9", "targets": ["local"]}))
    begin(page, lab, "versions.ipynb", "1")
    open_panel(page)
    page.get_by_role("tab", name="Endpoints").click()
    page.get_by_text("The server has nbdeploy 9.9").wait_for()
    page.route("**/nbdeploy/endpoints*", lambda route: route.abort())
    page.get_by_text("The Jupyter server does not answer.").wait_for()
    page.get_by_text("What is shown below is as of").wait_for()


def test_a_canary_is_watched_and_promoted(page: Any, lab: Application) -> None:
    live, tried = "%deploy price --name tried", "%deploy price --name tried --canary 20%"
    choose_theme(lab, "light")
    begin(page, lab, "tried.ipynb", *CELLS, "%load_ext jupyter_deploy", live, ENTRY + " + 1", "price(2, 50)", tried)
    open_panel(page)
    run_all(page, 10)
    page.get_by_role("tab", name="Endpoints").click()
    call_often("tried", 50)
    page.locator(".jp-Deploy-item").filter(has_text="tried").click()
    page.get_by_text("A canary answers 20 % of the calls.").wait_for()
    rows = page.get_by_role("group", name="The version that is tried").locator("tbody tr")
    rows.nth(1).get_by_role("cell", name="10", exact=True).wait_for()
    page.get_by_text("80 % of calls").wait_for()
    check_accessibility(page)
    take_picture(page, "canary-light")
    press(page, "Promote…")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.get_by_text("of tried is live.").wait_for()
    page.get_by_text("A canary answers").wait_for(state="detached")
    assert find_target("local").status("tried")[0].versions[0].number == 2


FAILING = "def half(x: int) -> int:\n    if x > 1:\n        raise RuntimeError('too large')\n    return x"


def test_what_was_done_without_a_person_is_told(page: Any, lab: Application) -> None:
    calls = "import contextlib\nfor x in range(30):\n    with contextlib.suppress(Exception):\n        endpoint.call(x)\nendpoint"
    begin(page, lab, "alone.ipynb", "%load_ext jupyter_deploy", "def half(x: int) -> int:\n    return x\nhalf(1)",
          "%deploy half --name asleep --min 0 --idle 1s", "endpoint = %deploy half --name alone",
          FAILING + "\nhalf(1)", "endpoint = %deploy half --name alone --canary 50% --min-requests 5 --promote-after 1h", calls)
    open_panel(page)
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Target").locator("option", has_text="docker").wait_for(state="attached")
    run_all(page, 7)
    page.get_by_role("tab", name="Endpoints").click()
    page.locator(".jp-Deploy-item").filter(has_text="alone").click()
    page.get_by_role("status").filter(has_text=re.compile("version .* is taken away: .* are errors")).wait_for()
    page.locator(".nbdeploy-panel").last.scroll_into_view_if_needed()
    page.locator(".nbdeploy-banner").filter(has_text="is taken away").last.wait_for()
    page.get_by_text("Events", exact=True).click()
    page.get_by_text("is a canary (50% of the requests)").wait_for()
    check_accessibility(page)

    page.get_by_label("All endpoints").press("Enter")  # the focus goes along
    page.wait_for_function("document.activeElement.matches('.jp-Deploy-item') && document.activeElement.innerText.startsWith('alone')")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".jp-Deploy-head .jp-mod-asleep").wait_for()
    assert page.evaluate("document.activeElement.title") == "All endpoints"
    press(page, "Call half")
    page.locator(".jp-Deploy-verdict").filter(has_text="as in the notebook").wait_for()


def test_what_could_not_be_read_is_asked_for_again(page: Any, lab: Application) -> None:
    begin(page, lab, "again.ipynb")
    open_panel(page)
    run_all(page, 5)
    page.get_by_role("textbox", name="Serve").fill("price")
    press(page, "Deploy")
    page.get_by_text("again is live").wait_for()
    for route in ("entries", "logs"):
        page.route(f"**/nbdeploy/endpoints/again/{route}*", lambda asked: asked.abort())
    press(page, "Show it")
    page.get_by_text("1 of 1 worker", exact=True).wait_for()
    page.get_by_text("Log", exact=True).click()
    page.get_by_text("The log cannot be read: The Jupyter server does not answer.").wait_for()
    page.unroute_all()
    # All at once: what can be read meanwhile has no such button any more.
    page.evaluate("document.querySelectorAll('.jp-Deploy-problem button').forEach(button => button.click())")
    page.get_by_role("log").wait_for()
    page.get_by_role("button", name="Call price").wait_for()

    page.route("**/nbdeploy/endpoints/again?*", lambda _: None)  # a server that hangs
    page.get_by_text("The Jupyter server has not answered for 10 seconds.").wait_for()
    page.get_by_text("What is shown below is as of").wait_for()


def test_a_kernel_without_connection_is_told(page: Any, lab: Application) -> None:
    sockets: list[Any] = []
    page.route_web_socket("**/channels?*", lambda socket: sockets.append(socket) or socket.connect_to_server())
    begin(page, lab, "offline.ipynb")
    open_panel(page)
    page.route_web_socket("**/channels?*", lambda socket: socket.close())
    for socket in sockets:
        socket.close()
    page.wait_for_function("jupyterapp.shell.currentWidget.sessionContext.session.kernel.connectionStatus === 'connecting'")
    press(page, "Dry run")
    assert "The connection to the kernel is interrupted." in problem(page)


def test_a_notebook_that_another_program_changed_is_not_overwritten(page: Any, lab: Application) -> None:
    begin(page, lab, "changed.ipynb")
    open_panel(page)
    run_all(page, 5)
    page.get_by_role("textbox", name="Serve").fill("price")
    written = lab.folder / "changed.ipynb"
    write_notebook(written, ["1"])
    os.utime(written, (time.time() + 60,) * 2)
    press(page, "Deploy")
    page.locator(".jp-Dialog").get_by_role("button", name="Cancel").click()
    assert "its file was changed by another program, and you cancelled" in problem(page)
    assert find_target("local").status() == ()
    assert "model" not in written.read_text()


def test_a_notebook_of_another_language_is_told_so(page: Any, jupyter_folders: Path, lab: Application) -> None:
    spec = jupyter_folders / "data" / "kernels" / "other" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                                "display_name": "other", "language": "R"}))
    begin(page, lab, "other.ipynb", "1", kernel="other", language="R")
    open_panel(page)
    press(page, "Deploy")
    assert "written in r" in problem(page)


def test_without_the_server_extension_the_panel_says_so(page: Any, jupyter_folders: Path) -> None:
    with start_application("lab", jupyter_folders / "bare", "--ServerApp.jpserver_extensions=jupyter_deploy=False") as bare:
        begin(page, bare, "bare.ipynb", "1")
        open_panel(page)
        page.get_by_role("tab", name="Endpoints").click()
        assert "jupyter server extension enable jupyter_deploy" in problem(page)


def test_the_panel_works_in_notebook_7(page: Any, jupyter_folders: Path) -> None:
    with start_application("notebook", jupyter_folders / "classic") as classic:
        begin(page, classic, "flats.ipynb")
        open_panel(page)
        run_all(page, 5)
        choose_role(page, 1, "entry")
        press(page, "Deploy")
        page.get_by_text("flats is live").wait_for()
        assert page.locator(".jp-CodeCell.jp-Deploy-captured").count() == 1  # without a dry run as well
        page.get_by_text("What went to production").wait_for()
        take_picture(page, "notebook-light")
        page.evaluate("source => { const { content } = jupyterapp.shell.currentWidget;"
                      " content.widgets.at(-1).model.sharedModel.setSource(source);"
                      " content.activeCellIndex = content.widgets.length - 1; }", "%deploy --metrics flats")
        execute(page, "notebook:run-cell")
        live = page.locator(".nbdeploy-panel")
        live.locator("svg .nbdeploy-memory[d]").wait_for(state="attached")  # a level line has no height
        assert live.locator(".nbdeploy-state").inner_text() == "live"
        press(page, "Show it")
        page.locator(".jp-Deploy-chart").first.wait_for()
        with page.expect_popup() as popup:
            page.get_by_role("link", name="Docs", exact=True).click()
        docs = popup.value
        docs.get_by_role("button", name="Send").first.click()
        docs.get_by_text(re.compile("^200 in")).wait_for()
