"""Make ready what the container tests need: a running Docker engine, and a base image from Debian's packages.

`python tests/container/engine.py` as root starts `dockerd` if no engine answers, and builds the base image once.
No registry is asked: the base is a minimal Debian with its own Python and without any package manager for it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BASE = f"nbdeploy-test-base:{PYTHON}"
SUITES = {"3.11": "bookworm", "3.13": "trixie"}
"""The Debian release that has this Python."""
MIRROR = "http://deb.debian.org/debian"
LEFT_OUT = ("var/cache/apt/archives", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man", "usr/share/locale")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def why_not() -> str | None:
    """Say why the container tests cannot run here, or None when they can."""
    if shutil.which("docker") is None:
        return "no `docker` command"
    if run("docker", "info").returncode != 0:
        return "no container engine answers: python tests/container/engine.py starts one"
    if run("docker", "image", "inspect", BASE).returncode != 0:
        return f"no image {BASE}: python tests/container/engine.py makes it"
    return None


def start_engine() -> None:
    """Start `dockerd` in the background, unless an engine answers."""
    if run("docker", "info").returncode == 0:
        return
    log = Path(tempfile.gettempdir(), "dockerd.log")
    with log.open("ab") as output:
        subprocess.Popen(["dockerd"], stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)
    for _ in range(120):
        if run("docker", "info").returncode == 0:
            return
        time.sleep(0.5)
    sys.exit(f"dockerd does not answer: see {log}")


def make_base() -> None:
    """Build the base image from Debian's packages, unless it is there."""
    if run("docker", "image", "inspect", BASE).returncode == 0:
        return
    with tempfile.TemporaryDirectory(prefix="nbdeploy-base-", dir="/var/tmp") as folder:
        root = Path(folder, "root")
        command = ["debootstrap", "--variant=minbase", "--include=python3", SUITES[PYTHON], str(root), MIRROR]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for path in LEFT_OUT:
            shutil.rmtree(root / path)
            (root / path).mkdir()
        archive = Path(folder, "root.tar")
        subprocess.run(["tar", "--numeric-owner", "-C", str(root), "-cf", str(archive), "."], check=True)
        subprocess.run(["docker", "import", "--change", 'CMD ["python3"]', str(archive), BASE], check=True,
                       stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    start_engine()
    make_base()
    print(f"an engine runs, and has {BASE}")
