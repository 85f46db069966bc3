"""The live panel in a real JupyterLab in a real browser, as a person meets it."""

from __future__ import annotations

import json
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from jupyter_app import (
    execute,
    find_obstacle,
    open_browser,
    open_notebook,
    open_page,
    start_application,
    write_notebook,
)

from jupyter_deploy.environment import Environment
from jupyter_deploy.metrics import Sample
from jupyter_deploy.registry import add_sample, find_version, open_registry, registry_path
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.target import find_target

OBSTACLE = find_obstacle(built=False)
pytestmark = [pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE)), pytest.mark.timeout(300)]

PICTURES = os.environ.get("NBDEPLOY_PICTURES")
"""Environment variable: a folder for pictures of the panel."""

PRICE = """def price(rooms: int, area: float):
    time.sleep(random.random() ** 4 / 50)
    if area < 0:
        raise ValueError(f'area is below zero: {area}')
    return round(50 + 3.2 * area + 10 * rooms, 1)"""
CELLS = [
    "%load_ext jupyter_deploy\nimport random, time",
    PRICE,
    "price(3, 80.0)",
    "%deploy price --name houses",
    PRICE.replace("50", "55"),
    "price(3, 80.0)",
    "%deploy price --name houses",
]


def call(url: str, area: float) -> None:
    body = json.dumps({"rooms": 3, "area": area}).encode()
    request = urllib.request.Request(f"{url}/price", body, {"Content-Type": "application/json"})
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30) as response:
        response.read()


@contextmanager
def load(url: str) -> Iterator[None]:
    """Call the endpoint all the time; every 50th call fails."""
    ended = threading.Event()

    def go_on() -> None:
        number = 0
        while not ended.wait(0.01):
            number += 1
            with suppress(OSError):
                call(url, -1.0 if number % 50 == 0 else 80.0)

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def wait_until(page: Any, true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it did not come about"
        page.wait_for_timeout(100)


def picture(panel: Any, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        panel.screenshot(path=Path(PICTURES) / f"panel-{name}.png")


@pytest.fixture(scope="module")
def page(jupyter_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with start_application("lab", tmp_path_factory.mktemp("lab")) as lab, open_browser() as browser:
        write_notebook(lab.folder / "houses.ipynb", CELLS)
        page = open_page(browser, 1280, 1100)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        open_notebook(page, lab, "houses.ipynb")
        execute(page, "application:toggle-left-area")
        execute(page, "notebook:run-all-cells")
        page.locator(".nbdeploy-panel").nth(1).wait_for(timeout=60000)
        yield page
    for status in find_target("local").status():
        find_target("local").delete(status.name)


@pytest.fixture
def panel(page: Any) -> Any:
    panel = page.locator(".nbdeploy-panel").last
    panel.scroll_into_view_if_needed()
    return panel


def figure(text: str) -> float:
    """Read the number in a figure such as `1,234` or `3.2 ms`."""
    found = re.search(r"[\d.,]+", text)
    return float(found.group().replace(",", "")) if found else 0.0


def figures(panel: Any) -> dict[str, str]:
    return dict(zip(("rate", "latency", "errors", "in_flight", "cpu", "memory"),
                    panel.locator(".nbdeploy-tile:not([hidden]) .nbdeploy-figure").all_inner_texts(), strict=False))


def test_figures_and_charts_move_under_load(page: Any, panel: Any) -> None:
    assert "1 of 1 golden call answered as in the notebook" in panel.locator(".nbdeploy-proof").inner_text()
    assert panel.locator(".nbdeploy-state").inner_text() == "live"
    chart = panel.locator("svg[aria-label^='Requests/s'] .nbdeploy-rate")
    with load(panel.locator(".nbdeploy-url").inner_text()):
        wait_until(page, lambda: figure(figures(panel)["rate"]) > 10 and figure(figures(panel)["errors"]) > 0)
        seen, drawn = figures(panel), chart.get_attribute("d")
        assert figure(seen["latency"]) > 0
        assert figure(seen["memory"]) > 1
        wait_until(page, lambda: chart.get_attribute("d") != drawn and figures(panel)["rate"] != seen["rate"])
        failure = panel.locator(".nbdeploy-failure").first
        failure.wait_for()
        assert "ValueError: area is below zero: -1.0" in failure.inner_text()
        assert failure.locator("strong").inner_text() == "cell [5], line 4"
        page.wait_for_timeout(30000 if PICTURES else 0)
        picture(panel, "light")
        execute(page, "apputils:change-theme", theme="JupyterLab Dark")
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        panel.scroll_into_view_if_needed()
        shades = panel.evaluate("node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color]")
        assert brightness(shades[0]) < 80 < 180 < brightness(shades[1])
        page.wait_for_timeout(1000 if PICTURES else 0)
        picture(panel, "dark")
        execute(page, "apputils:change-theme", theme="JupyterLab Light")
        page.locator("body[data-jp-theme-light=true]").wait_for(state="attached")
        page.locator("#jupyterlab-splash").wait_for(state="detached")


def brightness(colour: str) -> float:
    return sum(map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])) / 3


def test_histories_open(page: Any, panel: Any) -> None:
    for span in ("day", "month", "minutes"):
        panel.locator(f"[data-range={span}].nbdeploy-range").click()
        wait_until(page, lambda span=span: panel.get_attribute("data-range") == span)
        assert panel.locator("[aria-pressed=true]").get_attribute("data-range") == span


def test_url_and_curl_are_copied_and_the_docs_open(page: Any, panel: Any) -> None:
    url = panel.locator(".nbdeploy-url").inner_text()
    panel.get_by_role("button", name="Copy URL").click()
    assert page.evaluate("navigator.clipboard.readText()") == url
    panel.get_by_role("button", name="Copy curl").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith(f"curl {url}/price")
    docs = panel.get_by_role("link", name="Open docs")
    wait_until(page, lambda: docs.get_attribute("href").endswith("/nbdeploy/endpoints/houses/call/docs"))
    with page.expect_popup() as popup:
        docs.click()
    popup.value.get_by_role("button", name="Send").first.click()
    popup.value.get_by_text(re.compile("^200 in")).wait_for()
    popup.value.close()


def test_a_hidden_panel_is_silent(page: Any, panel: Any) -> None:
    page.evaluate("() => { window.sent = []; const send = WebSocket.prototype.send;"
                  " WebSocket.prototype.send = function (data) { window.sent.push(String(data instanceof ArrayBuffer ?"
                  " new TextDecoder().decode(data) : data)); return send.call(this, data); }; }")
    execute(page, "launcher:create")
    page.wait_for_function("window.sent.filter((one) => one.includes('\"leave\"')).length >= 1")
    execute(page, "application:close")
    page.wait_for_function("window.sent.some((one) => one.includes('\"look\"'))")
    panel.scroll_into_view_if_needed()


def test_roll_back_and_stop_from_the_keyboard(page: Any, panel: Any) -> None:
    live = panel.locator(".nbdeploy-live code")
    second = live.inner_text()
    panel.get_by_role("button", name="Roll back to version 1").click()
    panel.get_by_role("alertdialog").get_by_role("button", name="Roll back").click()
    wait_until(page, lambda: live.inner_text() != second)
    panel.get_by_role("button", name="Stop", exact=True).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Cancel"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Stop"
    assert panel.locator(".nbdeploy-state").inner_text() == "live"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_until(page, lambda: panel.locator(".nbdeploy-state").inner_text() == "stopped")
    with pytest.raises(OSError, match="refused"):
        call(panel.locator(".nbdeploy-url").inner_text(), 1.0)
    panel.get_by_role("button", name="Start").click()
    wait_until(page, lambda: panel.locator(".nbdeploy-state").inner_text() == "live")


def test_a_canary_is_seen_and_promoted(page: Any, panel: Any) -> None:
    target = find_target("local")
    status = target.status("houses")[0]
    other = next(one for one in status.versions if one.version != status.version)
    with closing(open_registry(registry_path())) as registry:
        found = find_version(registry, "houses", other.version)
    assert found is not None
    plan = target.plan(Path(other.bundle), name="houses", environment=Environment.parse(found.environment),
                       options=LocalOptions(canary=0.1))
    target.apply(plan, target.stage(plan), None)
    tried = panel.locator(".nbdeploy-tried")
    tried.wait_for()
    assert "canary · 10 %" in tried.inner_text()
    assert "live · 90 %" in panel.locator(".nbdeploy-live").inner_text()
    tried.get_by_role("button", name="Promote").click()
    panel.get_by_role("alertdialog").get_by_role("button", name="Promote").click()
    wait_until(page, lambda: panel.locator(".nbdeploy-live code").inner_text() == other.version)
    assert tried.count() == 0


def test_gpu_figures_are_shown_where_there_are_any(page: Any, panel: Any) -> None:
    share, memory = (panel.locator(".nbdeploy-tile", has_text=title).first for title in ("GPU", "GPU memory"))
    assert share.is_hidden()
    with closing(open_registry(registry_path())) as registry:
        def is_shown() -> bool:
            add_sample(registry, "houses", Sample(time.time(), 1.0, 3, 0, {0.005: 3}, in_flight=1, workers=1, cpu=0.2,
                                                  memory=6 * 10**7, gpu=0.55, gpu_memory=3 * 10**9))
            return "peak 3.0 GB" in memory.inner_text()

        wait_until(page, is_shown)
    # The latest figure may be that of a sample that came in between, of a machine without a GPU.
    assert "mean 55 %" in share.inner_text()


def test_the_picture_stays_when_the_kernel_goes(page: Any, panel: Any) -> None:
    before = figures(panel)["errors"]
    execute(page, "kernelmenu:restart")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    panel.get_by_text("No kernel: this is how it was at").wait_for()
    assert figures(panel)["errors"] == before
    assert panel.get_by_role("button", name="Stop", exact=True).is_disabled()
    assert panel.get_by_role("button", name="Copy URL").is_enabled()
    assert len(panel.locator("svg .nbdeploy-rate").get_attribute("d")) > 10
    assert page.problems == []
