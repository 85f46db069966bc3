"""Make ready what the container tests need: a running Docker engine, and a base image from Debian's packages.

`python tests/container/engine.py` as root starts `dockerd` if no engine answers, and builds the base image once.
No registry is asked: the base is a minimal Debian with its own Python and without any package manager for it.
"""

from __future__ import annotations

import os
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
IPTABLES = ("", "legacy", "nft")
"""Which of its two forms `iptables` is run in; the first is what the system chose."""
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
    """Start `dockerd` in the background, unless an engine answers.

    A kernel may know one form of `iptables` only, and not the one that the system chose: then the other is tried.
    """
    if run("docker", "info").returncode == 0:
        return
    if shutil.which("dockerd") is None:
        sys.exit("no `dockerd` here: install docker.io")
    folder = Path(tempfile.mkdtemp(prefix="dockerd-"))
    for form in IPTABLES:
        log = folder / f"{form or 'default'}.log"
        if _start(form, folder, log):
            return
    told = "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.log")))
    reasons = [line for line in told.splitlines() if "fail" in line.lower() or "error" in line.lower()]
    sys.exit(f"dockerd does not start: {reasons[-1] if reasons else 'it says nothing'} (all of it: {folder})")


def _start(form: str, folder: Path, log: Path) -> bool:
    """Start `dockerd` with one form of `iptables`, first in its path; gives whether it answers."""
    links = folder / form
    for name in ("iptables", "ip6tables") if form else ():
        links.mkdir(exist_ok=True)
        found = shutil.which(f"{name}-{form}", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if found is None:
            return False
        (links / name).symlink_to(found)
    path = f"{links}:{os.environ['PATH']}" if form else os.environ["PATH"]
    with log.open("ab") as output:
        process = subprocess.Popen(["dockerd"], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                   start_new_session=True, env={**os.environ, "PATH": path})
    for _ in range(120):
        if run("docker", "info").returncode == 0:
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.5)
    process.terminate()
    process.wait(60)
    return False


def make_base() -> None:
    """Build the base image from Debian's packages, unless it is there."""
    if run("docker", "image", "inspect", BASE).returncode == 0:
        return
    with tempfile.TemporaryDirectory(prefix="nbdeploy-base-", dir="/var/tmp") as folder:
        root = Path(folder, "root")
        command = ["debootstrap", "--variant=minbase", "--include=python3", SUITES[PYTHON], str(root)]
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
