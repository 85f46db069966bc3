"""What looking costs: the side panel's routes, the kernel behind the live panel, and the browser that shows both.

Real endpoints under load, a real kernel, and a real JupyterLab in Chromium if there is one.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from jupyter_app import (
    BUILT,
    CHROMIUM,
    execute,
    open_browser,
    open_notebook,
    open_page,
    start_application,
    write_notebook,
)
from live_notebook import LiveNotebook

from benchmarks.machine import Quiet
from benchmarks.opening import measure_opening
from benchmarks.tables import milliseconds, table
from jupyter_deploy.registry import (
    add_version,
    find_version,
    list_deployments,
    open_registry,
    registry_path,
    save_deployment,
)
from jupyter_deploy.server import views
from jupyter_deploy.server.board import Board
from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.target import find_target

LIVE, ALL = 10, 50
"""Endpoints that are live and called all the time; with those that are stopped."""
SECONDS = {"quick": 6.0, "full": 12.0}
POLL_SECONDS = 2.0
"""How often the side panel asks."""
PANELS = ("import time\nfrom jupyter_deploy.targets.target import find_target\n"
          "from jupyter_deploy.widget.panel import Panel\n"
          "panels = [Panel(find_target('local'), f'e{number}') for number in range(%d)]")
TIMES = "(time.process_time(), time.time())"


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Give shares of a core, seconds and bytes."""
    seconds = SECONDS["quick" if quick else "full"]
    with tempfile.TemporaryDirectory() as name, _data_in(Path(name)):
        notebook = LiveNotebook(Path(name))
        try:
            urls = _deploy(notebook)
            with _load(urls):
                figures = {"kernel": _measure_kernel(notebook, seconds), LIVE: _measure_list(seconds)}
                quiet.probe()
                _add_stopped(ALL - LIVE)
                figures |= {ALL: _measure_list(seconds), "history": _measure_histories()}
        finally:
            notebook.close()
        quiet.probe()
        figures["script"] = _measure_script()
        if CHROMIUM:
            figures["browser"] = _measure_browser(Path(name))
            figures["opening"] = measure_opening(Path(name), 3 if quick else 16)
    return {str(key): value for key, value in figures.items()}


def describe(figures: dict[str, Any]) -> str:
    """Give the table."""
    rows = [["live panels in the notebook, all watched: the kernel", f"{figures['kernel']:.1%} of a core",
             f"{LIVE} endpoints"]]
    for count in (str(LIVE), str(ALL)):
        found = figures[count]
        rows += [
            ["side panel, list of endpoints: the Jupyter server", f"{found['share']:.1%} of a core",
             f"{count} endpoints"],
            ["  one look, CPU", milliseconds(found["look"]) + " ms", f"{found['bytes'] / 1000:.1f} kB sent"],
            ["  the first look, CPU", milliseconds(found["first"]) + " ms", ""],
        ]
    for span, found in figures["history"].items():
        rows.append([f"side panel, a {span} of samples: the Jupyter server, CPU", milliseconds(found["first"]) + " ms",
                     f"{found['bytes'] / 1000:.0f} kB sent"])
        rows.append(["  each further look, CPU", milliseconds(found["look"]) + " ms",
                     f"{found['again'] / 1000:.1f} kB sent"])
    for what, found in figures.get("browser", {}).items():
        rows.append([f"browser: {what}", milliseconds(found) + " ms", ""])
    rows.append(["JavaScript of the side panel, compressed", f"{figures['script'] / 1000:.0f} kB", ""])
    if opening := figures.get("opening"):
        rows += [
            ["JupyterLab's page until it is restored: what the panel adds", _write_added(opening["wall"]),
             f"{milliseconds(opening['wall']['without'])} ms without, {opening['rounds']} pairs"],
            ["  to the CPU time of the page's main thread", _write_added(opening["cpu"]),
             f"{milliseconds(opening['cpu']['without'])} ms without"],
            ["  time in the panel's own functions and what they call", milliseconds(opening["ours"]) + " ms", ""],
            ["JupyterLab's server: loading the extension, CPU", milliseconds(opening["server"]) + " ms", ""],
        ]
    return table(["what", "it costs", "with"], rows)


def _write_added(found: dict[str, float]) -> str:
    added, low, high = (f"{found[key] * 1000:+.0f}" for key in ("added", "low", "high"))
    return f"{added} ms (half of the pairs: {low} to {high})"


@contextmanager
def _data_in(folder: Path) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    os.environ["JUPYTER_DATA_DIR"], os.environ["JUPYTER_RUNTIME_DIR"] = str(folder / "data"), str(folder / "run")
    try:
        yield
    finally:
        for status in find_target("local").status():
            find_target("local").delete(status.name)
        stop_supervisor()
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _deploy(notebook: LiveNotebook) -> list[str]:
    notebook.run("%load_ext jupyter_deploy", "def f(x):\n    return x", "f(1)")
    urls = [str(notebook.deploy(f"f --name e{number}")["url"]) for number in range(LIVE)]
    for number in range(LIVE):
        fill_history(f"e{number}")
    return urls


@contextmanager
def _load(urls: list[str]) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=call_all, args=(urls, 20.0, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def call_all(urls: list[str], rate: float, ended: threading.Event) -> None:
    """Call each of the endpoints so many times a second."""
    while not ended.wait(1 / rate):
        for url in urls:
            request = urllib.request.Request(f"{url}/f", b'{"x": 1}', {"Content-Type": "application/json"})
            with suppress(OSError), urllib.request.urlopen(request, timeout=10) as response:
                response.read()


def _measure_kernel(notebook: LiveNotebook, seconds: float) -> float:
    notebook.execute(PANELS % LIVE)
    alone = _share(notebook, seconds / 2)
    for panel in notebook.value("[panel.model_id for panel in panels]"):
        say = notebook.client.session.msg("comm_msg", {"comm_id": panel, "data": {
            "method": "custom", "content": {"op": "look", "view": "benchmark", "new": True}}})
        notebook.client.shell_channel.send(say)
    time.sleep(2)
    return _share(notebook, seconds) - alone


def _share(notebook: LiveNotebook, seconds: float) -> float:
    """The share of a core that the kernel's process uses while it runs no cell."""
    before = notebook.value(TIMES)
    time.sleep(seconds)
    after = notebook.value(TIMES)
    return float((after[0] - before[0]) / (after[1] - before[1]))


def _measure_list(seconds: float) -> dict[str, float]:
    board = Board()  # as after the start of the server
    first, _ = _take(board.describe)
    looks = []
    for _ in range(int(seconds / POLL_SECONDS)):
        time.sleep(POLL_SECONDS)
        looks.append(_take(board.describe))
    look = sum(cost for cost, _ in looks) / len(looks)
    return {"first": first, "look": look, "share": look / POLL_SECONDS, "bytes": looks[-1][1]}


def _take(view: Callable[[], Any]) -> tuple[float, int]:
    """Give the CPU time of this thread for an answer as it is sent, and its size."""
    begun = time.thread_time()
    body = gzip.compress(json.dumps(view(), separators=(",", ":")).encode(), 1)
    return time.thread_time() - begun, len(body)


def _measure_histories() -> dict[str, dict[str, float]]:
    found = {}
    for span, seconds, width in (("day", 86400, 60), ("month", 31 * 86400, 900)):
        since = time.time() - seconds
        first, size = _take(partial(views.show_endpoint, "e0", since, width))
        settled = views.show_endpoint("e0", since, width)["settled"]
        again, small = _take(partial(views.show_endpoint, "e0", settled, width))
        found[span] = {"first": first, "bytes": size, "look": again, "again": small}
    return found


def _add_stopped(count: int) -> None:
    with closing(open_registry(registry_path())) as registry:
        record = list_deployments(registry)[0]
        version = find_version(registry, record.name, record.version)
        for number in range(count):
            save_deployment(registry, replace(record, name=f"old{number}", wanted="stopped", port=20000 + number))
            if version is not None:
                add_version(registry, replace(version, deployment=f"old{number}"))
    for number in range(count):
        fill_history(f"old{number}")


def fill_history(name: str) -> None:
    """Write full minutes, a full day and a full month of samples."""
    now = time.time()
    latency = json.dumps({"0.001": 300, "0.0025": 500, "0.005": 90, "0.01": 9, "0.25": 1})
    with closing(open_registry(registry_path())) as registry, registry:
        for width, count in ((1, 900), (60, 1440), (900, 2976)):
            registry.executemany(
                "INSERT OR REPLACE INTO samples (deployment, resolution, time, seconds, requests, errors, latency,"
                " in_flight, workers, cpu, memory) VALUES (?, ?, ?, ?, 900, 1, ?, 3, 1, ?, 60000000)",
                [(name, width, now - 60 - width * number, width, latency, 0.1 * width * (1 + number % 7))
                 for number in range(count)])


def _measure_script() -> int:
    scripts = (BUILT.parent / "static").glob("*.js")
    return sum(len(gzip.compress(path.read_bytes())) for path in scripts)


def _measure_browser(folder: Path) -> dict[str, float]:
    figures: dict[str, float] = {}
    with start_application("lab", folder / "lab") as lab, open_browser() as browser:
        show = "from jupyter_deploy.endpoint import find_endpoint\nfind_endpoint('e0')"
        write_notebook(lab.folder / "show.ipynb", [show])
        page = open_page(browser)
        open_notebook(page, lab, "show.ipynb")
        for attempt in ("the first time", "again"):
            execute(page, "notebook:clear-all-cell-outputs")
            page.locator(".nbdeploy-panel").wait_for(state="detached")
            figures[f"from running the cell to the live panel, {attempt}"] = page.evaluate(
                STOPWATCH, ["run", ".nbdeploy-panel .nbdeploy-rate[d]"]) / 1000
        for span in ("day", "month"):
            figures[f"live panel, a {span} of samples"] = page.evaluate(
                STOPWATCH, [span, f".nbdeploy-panel[data-range={span}]"]) / 1000
        figures[f"side panel, first paint with {ALL} endpoints"] = page.evaluate(
            STOPWATCH, ["panel", f".jp-Deploy-list li:nth-child({ALL})"]) / 1000
        page.locator(".jp-Deploy-item").first.click()
        page.locator(".jp-Deploy-charts").wait_for()
        for span in ("1 day", "1 month"):
            figures[f"side panel, {span} of samples"] = page.evaluate(STOPWATCH, [span, ".jp-Deploy-charts"]) / 1000
    return figures


STOPWATCH = """async ([what, wanted]) => {
    const began = performance.now();
    if (what === "run") jupyterapp.commands.execute("notebook:run-all-cells");
    else if (what === "panel") {
        jupyterapp.commands.execute("nbdeploy:show-panel");
        document.getElementById("nbdeploy-tab-endpoints").click();
    } else if (/^1 /.test(what)) {
        [...document.querySelectorAll(".jp-Deploy-windows button")].find((one) => one.textContent === what).click();
        await new Promise((done) => requestAnimationFrame(done));
    } else document.querySelector(`.nbdeploy-range[data-range=${what}]`).click();
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    while (!document.querySelector(wanted)) await frame();
    await frame();
    return performance.now() - began;
}"""
