"""Wheels for every line of the lock, resolved on the author's side so that the build itself needs no network.

What came from an index is fetched from there by pip, with the author's own settings: extra indexes, folders of wheels,
certificates, credentials. What did not (an editable project, a repository, a local file), or is no longer to be had, is
packed into a wheel from the installed files, which are the very ones that the notebook ran on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from jupyter_deploy.errors import DiskFull, RequirementError
from jupyter_deploy.image.packing import installed_facts, pack_installed
from jupyter_deploy.requirements import Pin

_FORMAT = 1
_GLIBC = 41
"""The newest minor version of glibc 2 that wheels are fetched for; the build sees whether the base has it."""
_MISSING = re.compile(r"No matching distribution found for ([^\s=<>!~]+)==")
_TIMEOUT = 1800
_UV = {"UV_DEFAULT_INDEX": "PIP_INDEX_URL", "UV_INDEX_URL": "PIP_INDEX_URL", "UV_INDEX": "PIP_EXTRA_INDEX_URL",
       "UV_EXTRA_INDEX_URL": "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS": "PIP_FIND_LINKS"}
"""uv's settings and what pip calls them: who works with uv need not say it twice."""


@dataclass(frozen=True)
class Platform:
    """What wheels are wanted for."""

    python: str
    """The minor version: `3.11`."""
    machine: str
    """As Linux calls it: `x86_64`, `aarch64`."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Name the platform tags of wheels, best first (PEP 600)."""
        machine = self.machine
        modern = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC, 4, -1)]
        return (*modern, f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}",
                f"linux_{machine}")


@dataclass(frozen=True)
class Wheel:
    """A wheel on this machine."""

    pin: Pin
    file: Path
    sha256: str
    origin: Literal["index", "installed"]


def gather_wheels(pins: Sequence[Pin], platform: Platform, cache: Path, indexes: Sequence[str] = ()
                  ) -> tuple[Wheel, ...]:
    """Find a wheel for every pin: in `cache`, at the author's indexes or `indexes`, or packed from what is installed.

    Raises
    ------
    RequirementError
        When there is none, naming the requirement and who asked for it.

    """
    cache.mkdir(parents=True, exist_ok=True)
    places = {pin: cache / _key(pin, platform) for pin in pins}
    fetched = [pin for pin in pins if pin.kind == "index" and _cached(pin, places[pin]) is None]
    left = _fetch(fetched, platform, places, ())
    if indexes:  # only for what the author's own have not: these may be out of reach, and know nothing of the others
        _fetch(left, platform, places, indexes)
    return tuple(_cached(pin, places[pin]) or _pack(pin, platform, places[pin]) for pin in pins)


def _key(pin: Pin, platform: Platform) -> str:
    """Digest what decides about the wheel's content; that of an installed distribution is in its record."""
    facts = [_FORMAT, pin.requirement, pin.kind, platform.python, platform.machine]
    if pin.kind != "index":
        facts += [pin.sources, *installed_facts(pin)]
    return f"{canonicalize_name(pin.name)}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}"


def _cached(pin: Pin, place: Path) -> Wheel | None:
    try:
        origin, sha256, name = (place / "wheel").read_text().split()
    except (OSError, ValueError):
        return None
    return Wheel(pin, place / name, sha256, "index" if origin == "index" else "installed")


def _keep(file: Path, place: Path, origin: str) -> None:
    """Move a wheel into its place in the cache, at once and whole."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=place.parent))
    try:
        shutil.move(file, part / file.name)
        (part / "wheel").write_text(f"{origin} {sha256} {file.name}\n")
        part.chmod(0o755)
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fetch(pins: Sequence[Pin], platform: Platform, places: Mapping[Pin, Path], indexes: Sequence[str]) -> list[Pin]:
    """Download what the author's indexes and `indexes` have; gives what they have not."""
    missed = []
    wanted = {str(canonicalize_name(pin.name)): pin for pin in pins}
    with tempfile.TemporaryDirectory(prefix="nbdeploy-wheels-") as folder:
        while wanted:
            done = _download(wanted.values(), platform, Path(folder), indexes)
            if done.returncode == 0:
                break
            if "No space left on device" in done.stderr:
                raise DiskFull("the disk is full", where=folder, advice="free some space, or name a folder with TMPDIR")
            missing = _MISSING.search(done.stderr)
            if missing is None or str(canonicalize_name(missing.group(1))) not in wanted:
                raise RequirementError(
                    f"pip cannot download the wheels of the lock:\n{_tail(done.stderr)}",
                    advice="the same settings as for `pip install` are used: see `pip config list`")
            missed.append(wanted.pop(str(canonicalize_name(missing.group(1)))))
        for file in sorted(Path(folder).glob("*.whl")):
            name = parse_wheel_filename(file.name)[0]
            if name in wanted:
                _keep(file, places[wanted[name]], "index")
    return missed


def _download(pins: Iterable[Pin], platform: Platform, folder: Path, indexes: Sequence[str]
              ) -> subprocess.CompletedProcess[str]:
    abi = "cp" + platform.python.replace(".", "")
    listed = folder / "pins.txt"
    listed.write_text("".join(f"{_checked(pin)}\n" for pin in pins))
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "--dest", str(folder), "--implementation", "cp", "--python-version", platform.python,
        *_each("--abi", (abi, "abi3", "none")), *_each("--platform", platform.tags),
        *_each("--extra-index-url", indexes), "--requirement", str(listed),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False,
                              env={**_translate_uv(os.environ), **os.environ})
    except subprocess.TimeoutExpired:
        raise RequirementError(f"the wheels of the lock could not be downloaded in {_TIMEOUT // 60} minutes",
                               advice="see whether the indexes of `pip config list` can be reached") from None
    if "No module named pip" in done.stderr:
        raise RequirementError("an image takes pip to fetch the wheels, which is not installed", where=sys.executable,
                               advice="install it with: pip install 'nbdeploy[docker]'")
    return done


def _checked(pin: Pin) -> str:
    """Give what to ask pip for; a line of its file could also be an option."""
    try:
        Requirement(pin.requirement)
    except InvalidRequirement as error:
        raise RequirementError(f"not a requirement: {error}", where="requirements.lock") from error
    return pin.requirement


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _translate_uv(environment: Mapping[str, str]) -> dict[str, str]:
    translated: dict[str, str] = {}
    for theirs, ours in _UV.items():
        if value := environment.get(theirs):
            urls = [re.sub(r"^[\w-]+=", "", one) for one in value.split()]
            translated[ours] = " ".join([*translated.get(ours, "").split(), *urls])
    return translated


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])


def _pack(pin: Pin, platform: Platform, place: Path) -> Wheel:
    with tempfile.TemporaryDirectory(prefix="nbdeploy-wheels-") as folder:
        file = pack_installed(pin, platform.python, platform.machine, Path(folder))
        _keep(file, place, "installed")
    found = _cached(pin, place)
    assert found is not None
    return found
