"""Images of a scikit-learn service: how large, how long to build and to rebuild, how soon they answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
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
OURS = {"exact": "--exact", "compiled": ""}
"""The same service with scikit-learn, as the others have it, and with its model compiled, which is the default."""
NOTHING = """\
import socket
with socket.create_server(("0.0.0.0", 8080)) as server:
    while True:
        client = server.accept()[0]
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}")
        client.close()
"""
"""A container of the base that answers and does nothing else: what it takes is the engine's own."""
OWN_CASES = "\n".join(line for line in CASES.splitlines() if "predict" not in line and '"add"' not in line
                      and "churn" not in line)


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Build, rebuild and start each in turn; gives bytes and seconds, or why there is nothing to measure."""
    if reason := why_not():
        return {"skipped": reason}
    base = f"nbdeploy-bench-base:{os.getpid()}"
    # An image of its own: the engine has no layer yet that was built upon it.
    docker("build", "--quiet", "--tag", base, "-", text=f"FROM {BASE}\nLABEL bench={os.getpid()}\n")
    try:
        with workspace() as place, Kernel(place) as kernel:
            return Images(place, kernel, base, quiet).measure(ROUNDS["quick" if quick else "full"])
    finally:
        for part in [part for name in OURS for part in _list_parts(_tag(name))]:
            subprocess.run(["docker", "rmi", part], capture_output=True, check=False, timeout=60)
        for name in (*OURS, *STYLES):
            subprocess.run(["docker", "rmi", "--force", _tag(name)], capture_output=True, check=False, timeout=60)
        docker("rmi", base)
        docker("image", "prune", "--force", "--filter", f"label=bench={os.getpid()}")  # what had these names before


def why_not() -> str | None:
    """Say why no image can be built here."""
    done = subprocess.run(["docker", "image", "inspect", BASE], capture_output=True, text=True, check=False, timeout=60)
    return None if done.returncode == 0 else f"no engine here that has the image {BASE}"


def docker(*arguments: str, text: str | None = None) -> str:
    """Run the engine's command; gives what it wrote (raises `RuntimeError` with what it says is wrong)."""
    done = subprocess.run(["docker", *arguments], input=text, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"docker {arguments[0]}: {done.stderr.strip()}")
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
        bundles = {name: self._deploy(name, 0) for name in OURS}
        sizes = {name: self._size_packages(name, self._export(name, bundle)) for name, bundle in bundles.items()}
        rivals = self._prepare_rivals()
        built = {name: self._build(name, bundle, "first") for name, bundle in bundles.items()}
        for style in STYLES:
            self._found[style]["first"].append(rivals.build(style, _tag(style), "--no-cache"))
        for number in range(1, rounds + 1):
            self._quiet.probe()
            bundles = {name: self._deploy(name, number) for name in OURS}
            built = {name: self._build(name, bundle, "rebuild") for name, bundle in bundles.items()}
            self._rebuild_rivals(rivals)
            self._start_all(bundles)
        base = _size(self._base)
        layers = {name: {one["name"]: one["size"] for one in image["layers"]} for name, image in built.items()}
        return {"packages": sizes, "layers": layers,
                "total": {name: _size(_tag(name)) - base for name in (*OURS, *STYLES)},
                "times": {name: {what: summarise(values) for what, values in one.items()}
                          for name, one in self._found.items()}}

    def _deploy(self, name: str, number: int) -> Path:
        """Edit the function and deploy it; gives the bundle."""
        self._kernel.run(CANCER[1].replace("    benign =", f"    edit = {number}\n    benign ="), CANCER[2])
        return Path(self._kernel.deploy(f"diagnose --name {name} {OURS[name]}")["bundle"])

    def _export(self, name: str, bundle: Path) -> Path:
        """Write the project; the wheels are in the cache from then on, and nothing else that a build finds out."""
        folder = self._place.folder / f"project-{name}"
        self._place.run("-c", "import sys; from pathlib import Path\n"
                        "from jupyter_deploy.export import ExportOptions, export\n"
                        "export(Path(sys.argv[1]), Path(sys.argv[2]), ExportOptions(base=sys.argv[3]))",
                        str(bundle), str(folder), BASE)
        return folder

    def _prepare_rivals(self) -> Context:
        """Give the others the wheels of the service that has scikit-learn, which they need."""
        folder = self._place.folder / "rivals"
        folder.mkdir()
        return prepare(self._place.folder / "project-exact", self._place.folder / "cancer.joblib", folder, self._base)

    def _build(self, name: str, bundle: Path, what: str) -> dict[str, Any]:
        """Run `nbdeploy build` to a proven image, from the start of the command to its end."""
        begun = time.perf_counter()
        image: dict[str, Any] = json.loads(self._place.run(
            "-m", "jupyter_deploy", "build", str(bundle), "--base", self._base, "--tag", _tag(name), "--json"))
        self._found[name][f"{what}, with the command"].append(time.perf_counter() - begun)
        self._found[name][what].append(image["seconds"])
        return image

    def _rebuild_rivals(self, rivals: Context) -> None:
        rivals.edit()
        for style in STYLES:
            if style != "mlflow" or not self._found[style]["rebuild"]:  # that installs everything again: once tells it
                self._found[style]["rebuild"].append(rivals.build(style, _tag(style)))

    def _size_packages(self, name: str, project: Path) -> dict[str, int]:
        """Give bytes: the wheels unpacked, and what `pip install` makes of the same lock."""
        wheels = list((project / "image" / "wheels").glob("*.whl"))
        unpacked = sum(one.file_size for wheel in wheels for one in zipfile.ZipFile(wheel).infolist())
        target = self._installed(name)
        self._place.run("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--require-hashes",
                        "--find-links", str(project / "image" / "wheels"), "--target", str(target), "-r",
                        str(project / "image" / "requirements.lock"))
        installed = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        return {"unpacked": unpacked, "installed": installed}

    def _installed(self, name: str) -> Path:
        return self._place.folder / f"installed-{name}"

    def _start_all(self, bundles: dict[str, Path]) -> None:
        case = read_cases(self._place, "diagnose")[0]
        self._start("nothing", {"body": "{}", "answer": {}}, self._base, "python3", "-I", "-S", "-c", NOTHING)
        for name in (*OURS, *STYLES):
            self._start(name, case, _tag(name))
        for name, bundle in bundles.items():
            port = find_port()
            command = [sys.executable, "-I", "-S", str(bundle / "runtime" / "__main__.py"), "--path",
                       str(self._installed(name)), "serve", "--port", str(port)]
            begun = time.perf_counter()
            with serve(command, port, self._place) as server:
                wait_answer(server, "diagnose", case)
                self._found[f"{name} outside"]["start"].append(time.perf_counter() - begun)

    def _start(self, name: str, case: dict[str, Any], *run: str) -> None:
        """Run a container until its first right answer."""
        port = find_port()
        begun = time.perf_counter()
        identity = docker("run", "--detach", "--publish", f"127.0.0.1:{port}:8080", *run)
        try:
            wait_answer(Server(port, psutil.Process()), "diagnose", case, lambda: _why_ended(identity))
            self._found[name]["start"].append(time.perf_counter() - begun)
        finally:
            docker("rm", "--force", identity)


def _size(image: str) -> int:
    return int(docker("image", "inspect", image, "--format", "{{.Size}}"))


def _why_ended(container: str) -> str | None:
    """Say how a container ended, with the end of its log; None while it runs."""
    state = docker("inspect", container, "--format", "{{.State.Status}} with {{.State.ExitCode}}")
    if state.startswith(("created", "running")):
        return None
    done = subprocess.run(["docker", "logs", "--tail", "15", container], capture_output=True, text=True, check=False,
                          timeout=60)
    return f"{state}\n{done.stdout}{done.stderr}"


NAMES = {"exact": "nbdeploy `--exact`, to a proven image", "mlflow": "as MLflow lays it out, unproven",
         "bentoml": "as BentoML lays it out, unproven", "exact outside": "`--exact`, outside of a container",
         "compiled": "nbdeploy, its model compiled, to a proven image",
         "compiled outside": "its model compiled, outside of a container",
         "nothing": "a container with Python that does nothing"}


def describe(figures: dict[str, Any]) -> str:
    """Write the table, and the figures against their goals."""
    if "skipped" in figures:
        return f"Not measured: {figures['skipped']}."
    times, total = figures["times"], figures["total"]
    rows = []
    for name, text in NAMES.items():
        one = times[name]
        cells = [seconds(one[what]["median"]) if what in one else "" for what in _columns(name)]
        rows.append([text, f"{total[name] / 1e6:.1f}" if name in total else "", *cells])
    head = ["", "without the base, MB", "first build, s", "rebuild after an edit, s", "start to first right answer, s"]
    said = [_describe_ours(name, figures) for name in OURS]
    return f"{table(head, rows)}\n\n" + "\n\n".join(said)


def _columns(name: str) -> list[str]:
    """Name the times of a row: ours are those of the whole command."""
    more = ", with the command" if name in OURS else ""
    return [f"first{more}", f"rebuild{more}", "start"]


def _describe_ours(name: str, figures: dict[str, Any]) -> str:
    times, packages, layers = figures["times"], figures["packages"][name], figures["layers"][name]
    title = "With `--exact`" if name == "exact" else "With its model compiled"
    start, outside, nothing = (times[one]["start"]["median"] for one in (name, f"{name} outside", "nothing"))
    more = 100 * (layers["environment"] / packages["unpacked"] - 1)
    return (f"{title}, the environment's layer has {layers['environment'] / 1e6:.1f} MB, {more:+.1f} % of its wheels "
            f"unpacked; the image without its base is {figures['total'][name] / packages['installed']:.2f} times what "
            f"`pip install` makes of the same lock. Of a rebuild, {seconds(times[name]['rebuild']['median'])} s are "
            f"the build and the proof, the rest is the start of the command. A start takes {start / outside:.2f} times "
            f"that outside; less the {seconds(nothing)} s that the engine takes for a container that does nothing, "
            f"{(start - nothing) / outside:.2f} times.")
