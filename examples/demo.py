"""The main job without a screen: run `churn.ipynb`, prove its service, make it live, call it, and say what happened."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jupyter_deploy.capture.capture import CaptureOptions
from jupyter_deploy.errors import DeployError
from jupyter_deploy.execution import execute_and_deploy
from jupyter_deploy.packaged import format_size
from jupyter_deploy.recipe import DeployOptions
from jupyter_deploy.runtime.manifest import read_manifest
from jupyter_deploy.unattended import Run

NOTEBOOK = Path(__file__).with_name("churn.ipynb")
NAME = "churn-demo"  # not "churn": nobody's own endpoint of that name is replaced
FOLDER = Path(__file__).parents[1] / ".demo"
SERVES = "serves the endpoint"
COLORED = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def main() -> int:
    """Run the demonstration; gives the exit code."""
    FOLDER.mkdir(exist_ok=True)
    executed = FOLDER / NOTEBOOK.name
    print(f"\nRunning {shorten(NOTEBOOK)} from top to bottom. It ends with one line:  %deploy predict", flush=True)
    started = time.perf_counter()
    try:
        done = execute_and_deploy(Run(NOTEBOOK, {}, executed), (), DeployOptions(CaptureOptions(name=NAME)))
    except DeployError as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - started
    request, status, answer = call(done)
    proof = done["proof"]

    heading("It is live")
    row("url", done["url"])
    row("proof", f"{proof['equal']} of {proof['calls']} golden calls equal: in a clean environment and over HTTP, "
                 "the service")
    row("", "answered exactly what the notebook answered")
    row("time", f"{done['seconds']:.1f} s from %deploy to live; {seconds:.1f} s in all, with starting a kernel and training")
    stages = [f"{one['name']} {one['seconds']:.2f} s" for one in done["stages"]]
    row("", "; ".join(stages[:4]))
    row("", "; ".join(stages[4:]))

    heading("Call it")
    row("POST", f"{done['url']}/predict")
    show_table('{"customers": [', request["customers"], "]}")
    row(f"answer {status}", "")
    show_table("[", answer, "]")

    show_contents(done)
    command = shorten(Path(sys.executable).with_name("nbdeploy"))
    heading("What now")
    row("try it", f"{done['url']}/docs")
    row("look", f"{command} ls")
    row("", f"{command} metrics {NAME}")
    row("stop it", f"{command} stop {NAME}")
    row("read", f"{shorten(executed)} is the notebook as it ran")
    print()
    return 0


def call(done: dict[str, Any]) -> tuple[dict[str, Any], int, Any]:
    """Make the notebook's first golden call over HTTP; gives the request, the status and the answer."""
    bundle = Path(done["bundle"])
    golden = json.loads((bundle / read_manifest(bundle).golden[-1].file).read_bytes())
    request = urllib.request.Request(f"{done['url']}/predict", json.dumps(golden["request"]).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.loads(response.read())
    if answer != golden["answer"]:
        raise SystemExit(f"the live endpoint answered {answer}, the notebook {golden['answer']}")
    return golden["request"], response.status, answer


def show_contents(done: dict[str, Any]) -> None:
    """Say what went along, and why."""
    heading("What went along, and why")
    code = sorted(done["code"], key=lambda one: one["kind"] == "import")
    columns("code", ((one["name"], one["cell"] or one["kind"],
                      "what you deploy" if one["reason"] == one["name"] else one["reason"]) for one in code))
    columns("values", ((one["name"], format_size(one["size"]), one["reason"]) for one in done["state"]))
    columns("files", ((one["path"], format_size(one["size"]), "beside the notebook; the code imports it")
                      for one in done["files"]))
    columns("calls", ((one["entry"], one["source"], "the service must answer what the notebook did")
                      for one in reversed(done["golden"])))

    heading("Which packages it needs, and why")
    wanted = [one for one in done["packages"] if not one["reason"].startswith("required by")]
    columns("yours", ((one["name"], one["version"], one["reason"]) for one in wanted if one["reason"] != SERVES))
    columns("the server's", ((one["name"], one["version"], one["reason"]) for one in wanted if one["reason"] == SERVES))
    row("", f"and {len(done['packages']) - len(wanted)} more that these require")
    if all(one["name"] != "matplotlib" for one in done["packages"]):
        row("left out", "matplotlib: only the plot needs it")


def show_table(opening: str, rows: list[dict[str, Any]], closing: str) -> None:
    """Show the first of many records."""
    text = f"{opening}{json.dumps(rows[0], ensure_ascii=False)}, … {len(rows) - 1} more{closing}"
    for line in textwrap.wrap(text, 84, subsequent_indent="  ", break_on_hyphens=False):
        row("", line)


def heading(text: str) -> None:
    """Begin a part."""
    print(f"\n\033[1m{text}\033[0m" if COLORED else f"\n{text}")


def row(label: str, text: str) -> None:
    """Print a line under a label."""
    print(f"  {label:<13} {text}".rstrip())


def columns(label: str, rows: Iterable[tuple[str, str, str]]) -> None:
    """Print aligned lines under a label."""
    for name, detail, reason in rows:
        row(label, f"{name:<18} {detail:<10} {reason}")
        label = ""


def shorten(path: Path) -> str:
    """Write a path as one would type it here."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near


if __name__ == "__main__":
    raise SystemExit(main())
