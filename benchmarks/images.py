"""An image of a scikit-learn service: how large, how long to build and to rebuild, how soon it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cells import CANCER, CASES
from benchmarks.kernel import Kernel, Workspace, workspace
from benchmarks.machine import Quiet, summarise
from benchmarks.rivals.build import STYLES, Context, prepare
from benchmarks.servers import Server, find_port, read_cases, serve, wait_answer
from benchmarks.tables import seconds, table

ROUNDS = {"quick": 1, "full": 3}
BASE = os.environ.get("BENCH_BASE", f"nbdeploy-test-base:{sys.version_info.major}.{sys.version_info.minor}")
"""By default what the container tests use: `python tests/container/engine.py` makes it."""
OURS = "nbdeploy"
OWN_CASES = "\n".join(line for line in CASES.splitlines() if "predict" not in line and '"add"' not in line
                      and "churn" not in line)


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Build, rebuild and start each in turn; gives bytes and seconds, or why there is nothing to measure."""
    if reason := why_not():
        return {"skipped": reason}
    base = f"nbdeploy-bench-base:{os.getpid()}"  # under a name of its own, no part of an earlier build fits
    docker("tag", BASE, base)
    try:
        with workspace() as place, Kernel(place) as kernel:
            return Images(place, kernel, base, quiet).measure(ROUNDS["quick" if quick else "full"])
    finally:
        for part in _list_parts(_tag(OURS)):
            subprocess.run(["docker", "rmi", part], capture_output=True, check=False, timeout=60)
        for name in (OURS, *STYLES):
            subprocess.run(["docker", "rmi", "--force", _tag(name)], capture_output=True, check=False, timeout=60)
        docker("rmi", base)


def why_not() -> str | None:
    """Say why no image can be built here."""
    done = subprocess.run(["docker", "image", "inspect", BASE], capture_output=True, text=True, check=False, timeout=60)
    return None if done.returncode == 0 else f"no engine here that has the image {BASE}"


def docker(*arguments: str) -> str:
    """Run the engine's command; gives what it wrote."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def _list_parts(image: str) -> list[str]:
    """Name the parts that nbdeploy keeps of an image's build."""
    history = subprocess.run(["docker", "history", "--quiet", "--no-trunc", image], capture_output=True, text=True,
                             check=False, timeout=60).stdout.split()
    named = docker("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}", "nbdeploy/*").splitlines()
    return [line.split()[1] for line in named if line.split()[0] in history]


def _tag(name: str) -> str:
    return f"bench-{name}:{os.getpid()}"


class Images:
    """The images of one model."""

    def __init__(self, place: Workspace, kernel: Kernel, base: str, quiet: Quiet) -> None:
        self._place, self._kernel, self._base, self._quiet = place, kernel, base, quiet
        self._found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def measure(self, rounds: int) -> dict[str, Any]:
        """Build all, then rebuild and start each in turn."""
        self._kernel.run("%load_ext jupyter_deploy", *CANCER, OWN_CASES)
        bundle = self._deploy(0)
        project = self._place.folder / "project"
        self._export(bundle, project)
        sizes = self._size_packages(project)
        folder = self._place.folder / "rivals"
        folder.mkdir()
        rivals = prepare(project, self._place.folder / "cancer.joblib", folder, self._base)
        image = self._build(bundle, "first")
        for style in STYLES:
            self._found[style]["first"].append(rivals.build(style, _tag(style), "--no-cache"))
        for number in range(1, rounds + 1):
            self._quiet.probe()
            bundle = self._deploy(number)
            image = self._build(bundle, "rebuild")
            self._rebuild_rivals(rivals)
            self._start_all(bundle)
        layers = {one["name"]: one["size"] for one in image["layers"]}
        base = int(docker("image", "inspect", self._base, "--format", "{{.Size}}"))
        total = {name: int(docker("image", "inspect", _tag(name), "--format", "{{.Size}}")) - base
                 for name in (OURS, *STYLES)}
        return {**sizes, "layers": layers, "total": total,
                "times": {name: {what: summarise(values) for what, values in one.items()}
                          for name, one in self._found.items()}}

    def _deploy(self, number: int) -> Path:
        """Edit the function and deploy it; gives the bundle."""
        self._kernel.run(CANCER[1].replace("    benign =", f"    edit = {number}\n    benign ="), CANCER[2])
        return Path(self._kernel.deploy("diagnose --name diagnose")["bundle"])

    def _export(self, bundle: Path, folder: Path) -> None:
        """Write the project; the wheels are in the cache from then on."""
        self._place.run("-c", "import sys; from pathlib import Path\n"
                        "from jupyter_deploy.export import ExportOptions, export\n"
                        "export(Path(sys.argv[1]), Path(sys.argv[2]), ExportOptions(base=sys.argv[3]))",
                        str(bundle), str(folder), self._base)

    def _build(self, bundle: Path, what: str) -> dict[str, Any]:
        """Run `nbdeploy build` to a proven image, from the start of the command to its end."""
        begun = time.perf_counter()
        image: dict[str, Any] = json.loads(self._place.run(
            "-m", "jupyter_deploy", "build", str(bundle), "--base", self._base, "--tag", _tag(OURS), "--json"))
        self._found[OURS][f"{what}, with the command"].append(time.perf_counter() - begun)
        self._found[OURS][what].append(image["seconds"])
        return image

    def _rebuild_rivals(self, rivals: Context) -> None:
        rivals.edit()
        for style in STYLES:
            self._found[style]["rebuild"].append(rivals.build(style, _tag(style)))

    def _size_packages(self, project: Path) -> dict[str, int]:
        """Give bytes: the wheels unpacked, and what `pip install` makes of the same lock."""
        wheels = list((project / "image" / "wheels").glob("*.whl"))
        unpacked = sum(one.file_size for wheel in wheels for one in zipfile.ZipFile(wheel).infolist())
        target = self._place.folder / "installed"
        self._place.run("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--require-hashes",
                        "--find-links", str(project / "image" / "wheels"), "--target", str(target), "-r",
                        str(project / "image" / "requirements.lock"))
        installed = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        return {"unpacked": unpacked, "installed": installed}

    def _start_all(self, bundle: Path) -> None:
        case = read_cases(self._place, "diagnose")[0]
        for name in (OURS, *STYLES):
            begun = time.perf_counter()
            with _container(_tag(name)) as server:
                wait_answer(server, "diagnose", case)
                self._found[name]["start"].append(time.perf_counter() - begun)
        port = find_port()
        command = [sys.executable, "-I", "-S", str(bundle / "runtime" / "__main__.py"), "--path",
                   str(self._place.folder / "installed"), "serve", "--port", str(port)]
        begun = time.perf_counter()
        with serve(command, port, self._place) as server:
            wait_answer(server, "diagnose", case)
            self._found["outside"]["start"].append(time.perf_counter() - begun)


@contextmanager
def _container(image: str) -> Iterator[Server]:
    port = find_port()
    identity = docker("run", "--detach", "--publish", f"127.0.0.1:{port}:8080", image)
    try:
        yield Server(port, psutil.Process())
    finally:
        docker("rm", "--force", identity)


def describe(figures: dict[str, Any]) -> str:
    """Write the table, and the sizes against their goals."""
    if "skipped" in figures:
        return f"Not measured: {figures['skipped']}."
    times, total = figures["times"], figures["total"]
    names = {OURS: "nbdeploy, to a proven image", "mlflow": "as MLflow lays it out, unproven",
             "bentoml": "as BentoML lays it out, unproven", "outside": "the same service outside of a container"}
    rows = []
    for name, text in names.items():
        one = times[name]
        cells = [seconds(one[what]["median"]) if what in one else "" for what in ("first", "rebuild", "start")]
        rows.append([text, f"{total[name] / 1e6:.1f}" if name in total else "", *cells])
    head = ["", "without the base, MB", "first build, s", "rebuild after an edit, s", "start to first right answer, s"]
    environment, unpacked = figures["layers"]["environment"], figures["unpacked"]
    whole = times[OURS]["rebuild, with the command"]["median"]
    return (f"{table(head, rows)}\n\nThe environment's layer has {environment / 1e6:.1f} MB, "
            f"{100 * (environment / unpacked - 1):+.1f} % of its wheels unpacked; the whole image without its base is "
            f"{total[OURS] / figures['installed']:.2f} times what `pip install` makes of the same lock. With the start "
            f"of the command itself, a rebuild takes {seconds(whole)} s.")
