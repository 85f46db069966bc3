"""What the extension adds to the start of JupyterLab: to its page in a browser, and to its server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from jupyter_app import Application, open_browser, open_page, start_application

SERVER = """
import logging, time, types
import jupyterlab.labapp, tornado.web
begun = time.process_time()
import jupyter_deploy.server
server = types.SimpleNamespace(web_app=tornado.web.Application(base_url="/"), log=logging.getLogger(),
                               io_loop=types.SimpleNamespace(call_later=lambda *_: None))
jupyter_deploy.server._load_jupyter_server_extension(server)
print(time.process_time() - begun)
"""


def measure_opening(folder: Path, rounds: int) -> dict[str, Any]:
    """Open JupyterLab's page in a browser without cache, with the extension and without, in turn.

    Gives seconds: of the `wall` until the page is restored and of the `cpu` of its main thread, each as the median with
    and without and the quartiles of the differences of neighbours; what of it is in or below a function of `ours`; and
    what loading the `server` extension takes.
    """
    others = folder / "others"
    others.mkdir()
    for extension in Path(sys.prefix, "share", "jupyter", "labextensions").iterdir():
        if extension.name != "nbdeploy":
            (others / extension.name).symlink_to(extension)
    nothing = (f"--LabApp.labextensions_path={others}", "--ServerApp.jpserver_extensions=jupyter_deploy=False")
    with (start_application("lab", folder / "with") as lab,
          start_application("lab", folder / "without", *nothing) as bare, open_browser() as browser):
        pairs = []
        for number in range(rounds + 1):
            # Who is first changes, so that what the machine does meanwhile falls on both alike.
            order = (lab, bare) if number % 2 else (bare, lab)
            taken = {id(application): _open(browser, application) for application in order}
            pairs.append((taken[id(lab)], taken[id(bare)]))
        ours = [_profile(browser, lab) for _ in range(rounds // 3 + 2)]
    figures = {what: _compare([(one[what], other[what]) for one, other in pairs[1:]])  # the first warms the servers up
               for what in ("wall", "cpu")}
    return {**figures, "ours": median(ours[1:]), "server": median(_load_server() for _ in range(3)), "rounds": rounds}


def _open(browser: Any, application: Application) -> dict[str, float]:
    page = open_page(browser)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    restored = _restore(page, application)
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    return {"wall": restored, "cpu": metrics["ThreadTime"]}


def _restore(page: Any, application: Application) -> float:
    page.goto(application.address(), wait_until="commit")
    page.wait_for_function("window.jupyterapp")
    return float(page.evaluate("jupyterapp.restored.then(() => performance.now())")) / 1000


def _profile(browser: Any, application: Application) -> float:
    """Give the seconds of samples with one of our functions on the stack; being sampled makes them a little longer."""
    page = open_page(browser)
    session = page.context.new_cdp_session(page)
    session.send("Profiler.enable")
    session.send("Profiler.setSamplingInterval", {"interval": 100})
    session.send("Profiler.start")
    _restore(page, application)
    profile = session.send("Profiler.stop")["profile"]
    page.close()
    nodes = {node["id"]: node for node in profile["nodes"]}
    ours: set[int] = set()
    for number, node in nodes.items():  # a parent stands before its children
        if number in ours or "extensions/nbdeploy" in node["callFrame"]["url"]:
            ours |= {number, *node.get("children", [])}
    samples = zip(profile["samples"], profile["timeDeltas"], strict=True)
    return sum(microseconds for number, microseconds in samples if number in ours) / 1e6


def _compare(pairs: list[tuple[float, float]]) -> dict[str, float]:
    low, middle, high = quantiles([one - other for one, other in pairs], n=4)
    return {"with": median(one for one, _ in pairs), "without": median(other for _, other in pairs),
            "added": middle, "low": low, "high": high}


def _load_server() -> float:
    """Give the CPU seconds of loading the server extension into a process that has imported JupyterLab."""
    return float(subprocess.run([sys.executable, "-c", SERVER], capture_output=True, text=True, check=True).stdout)
