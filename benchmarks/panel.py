"""What the live panel costs: the kernel while it watches endpoints, and the browser to show a day of samples.

    python benchmarks/panel.py [--endpoints 10] [--seconds 20]

Real endpoints under load, a real kernel, and a real JupyterLab in Chromium if there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from jupyter_app import (
    CHROMIUM,
    execute,
    open_browser,
    open_notebook,
    open_page,
    start_application,
    write_notebook,
)
from live_notebook import LiveNotebook

from jupyter_deploy.registry import open_registry, registry_path
from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.target import find_target

PANELS = ("import time\nfrom jupyter_deploy.targets.target import find_target\n"
          "from jupyter_deploy.widget.panel import Panel\n"
          "panels = [Panel(find_target('local'), f'e{number}') for number in range(%d)]")
TIMES = "(time.process_time(), time.time())"


def call_all(urls: list[str], rate: float, ended: threading.Event) -> None:
    while not ended.wait(1 / rate):
        for url in urls:
            request = urllib.request.Request(f"{url}/f", b'{"x": 1}', {"Content-Type": "application/json"})
            with suppress(OSError), urllib.request.urlopen(request, timeout=10) as response:
                response.read()


def measure_kernel(folder: Path, endpoints: int, seconds: float) -> None:
    notebook = LiveNotebook(folder)
    notebook.run("%load_ext jupyter_deploy", "def f(x):\n    return x", "f(1)")
    urls = [str(notebook.deploy(f"f --name e{number}")["url"]) for number in range(endpoints)]
    for number in range(endpoints):
        fill_history(f"e{number}")
    notebook.execute(PANELS % endpoints)
    ended = threading.Event()
    thread = threading.Thread(target=call_all, args=(urls, 20.0, ended))
    thread.start()
    alone = share(notebook, seconds / 2)
    for panel in notebook.value("[panel.model_id for panel in panels]"):
        say = notebook.client.session.msg("comm_msg", {"comm_id": panel, "data": {
            "method": "custom", "content": {"op": "look", "view": "benchmark", "new": True}}})
        notebook.client.shell_channel.send(say)
    time.sleep(2)
    watched = share(notebook, seconds)
    ended.set()
    thread.join()
    print(f"kernel, {endpoints} endpoints at 20 requests/s each, all watched: {watched - alone:.2%} of a core "
          f"({watched:.2%}, and {alone:.2%} without a look)")
    notebook.close()


def share(notebook: LiveNotebook, seconds: float) -> float:
    """The share of a core that the kernel's process uses while it runs no cell."""
    before = notebook.value(TIMES)
    time.sleep(seconds)
    after = notebook.value(TIMES)
    return float((after[0] - before[0]) / (after[1] - before[1]))


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


def measure_browser(folder: Path) -> None:
    with start_application("lab", folder / "lab") as lab, open_browser() as browser:
        show = "from jupyter_deploy.endpoint import find_endpoint\nfind_endpoint('e0')"
        write_notebook(lab.folder / "show.ipynb", [show])
        page = open_page(browser)
        open_notebook(page, lab, "show.ipynb")
        for attempt in ("the first time", "again"):
            execute(page, "notebook:clear-all-cell-outputs")
            page.locator(".nbdeploy-panel").wait_for(state="detached")
            print(f"browser, from running the cell to the painted panel, {attempt}: "
                  f"{page.evaluate(STOPWATCH, ['run', '.nbdeploy-panel .nbdeploy-rate[d]']):.0f} ms")
        for span in ("day", "month"):
            print(f"browser, to open a {span} of samples: "
                  f"{page.evaluate(STOPWATCH, [span, f'.nbdeploy-panel[data-range={span}]']):.0f} ms")


STOPWATCH = """async ([what, wanted]) => {
    const began = performance.now();
    if (what === "run") jupyterapp.commands.execute("notebook:run-all-cells");
    else document.querySelector(`.nbdeploy-range[data-range=${what}]`).click();
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    while (!document.querySelector(wanted)) await frame();
    await frame();
    return performance.now() - began;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["JUPYTER_DATA_DIR"], os.environ["JUPYTER_RUNTIME_DIR"] = str(folder / "data"), str(folder / "run")
        try:
            measure_kernel(folder, arguments.endpoints, arguments.seconds)
            if CHROMIUM:
                measure_browser(folder)
        finally:
            for status in find_target("local").status():
                find_target("local").delete(status.name)
            stop_supervisor()


if __name__ == "__main__":
    main()
