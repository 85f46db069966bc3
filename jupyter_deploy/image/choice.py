"""Which build of each distribution an image takes, and what its base must have for it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.errors import ImageError
from jupyter_deploy.hardware import SystemLibrary, choose_wheels, is_runtime, name_cuda_package, system_libraries
from jupyter_deploy.hardware.libraries import OBJECT
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.image.wheels import Wheel
from jupyter_deploy.requirements import Distribution, Pin, Requirements, name_with_cuda
from jupyter_deploy.requirements.distributions import Source
from jupyter_deploy.runtime.manifest import Manifest

RELEASE = "trixie"
"""The Debian release of the default base."""


@dataclass(frozen=True)
class Choice:
    """The builds that an image takes."""

    pins: tuple[Pin, ...]
    indexes: tuple[str, ...]
    """Indexes that have them, if the author's own have not."""
    left_out: tuple[str, ...]


_ASK = """
import json, shutil, subprocess
with open("/etc/os-release") as file:
    facts = dict(line.strip().split("=", 1) for line in file if "=" in line)
linker = shutil.which("ldconfig", path="/sbin:/usr/sbin") or "false"
listed = subprocess.run([linker, "-p"], capture_output=True, text=True).stdout.splitlines()
names = [line.split()[0] for line in listed if "=>" in line]
print(json.dumps([facts.get("VERSION_CODENAME", ""), shutil.which("apt-get") is not None, names]))
"""
"""What the base image is asked: its release, whether it has apt, and the libraries that its linker finds."""


def choose_pins(pins: Sequence[Pin], manifest: Manifest) -> Choice:
    """Take builds for the processor where the service gets no GPU."""
    distributions = tuple(Distribution(pin.name, pin.version, "", pin.reason, Source(pin.kind)) for pin in pins)
    wheels = choose_wheels(Requirements(manifest.python, "", distributions), manifest.hardware)
    kept = [pin for pin in pins if pin.name not in wheels.left_out]
    chosen = []
    for pin, wheel in zip(kept, wheels.taken, strict=True):
        if (wheel.name, wheel.version) == (pin.name, pin.version):
            chosen.append(pin)
        else:
            reason = "; ".join(filter(None, (pin.reason, wheel.reason)))
            chosen.append(dataclasses.replace(pin, name=wheel.name, version=wheel.version, reason=reason,
                                              requirement=f"{wheel.name}=={wheel.version}"))
    indexes = sorted({wheel.index for wheel in wheels.taken if wheel.index})
    return Choice(tuple(chosen), tuple(indexes), wheels.left_out)


def find_lacks(wheels: Sequence[Wheel], manifest: Manifest) -> tuple[str, ...]:
    """Name the packages of a service with a GPU that load the libraries of CUDA, where no wheel has these.

    Nothing else would tell: without them TensorFlow and JAX go on, on the processor.
    """
    if manifest.hardware is None or manifest.hardware.gpu == "none" or any(is_runtime(one.pin.name) for one in wheels):
        return ()
    wanted = {one.pin: name_with_cuda(one.pin.name) for one in wheels}
    return tuple(f"no wheel has the libraries of CUDA that {pin.name} {pin.version} loads: install '{name}' in the "
                 "kernel and deploy again, or name a --base that has CUDA and Python"
                 for pin, name in wanted.items() if name)


def choose_system(wheels: Sequence[Wheel], engine: Engine, base: str, cache: Path) -> tuple[str, ...]:
    """Name the packages of the base's distribution with the libraries that the wheels link to and the base has not.

    It is found out once for a set of wheels and a base image, which is given by its id.

    Raises
    ------
    ImageError
        When a library is missing that the base cannot install.

    """
    facts = " ".join([base, *sorted(wheel.sha256 for wheel in wheels)])
    kept = cache / f"system-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.json"
    try:
        return tuple(json.loads(kept.read_text()))
    except (OSError, ValueError):
        pass
    release, has_apt, present = json.loads(engine.ask(base, ["python3", "-I", "-S", "-c", _ASK]))
    missing = [one for one in _find_libraries(wheels, release) if one.soname not in present]
    if unknown := [one for one in missing if one.package is None or not has_apt]:
        raise ImageError(
            f"{unknown[0].wanted_by[0]} links to {unknown[0].soname}, which the base image does not have, "
            + ("and no package is known that does" if has_apt else "and it has no apt to install it with"),
            advice=_advise(unknown[0].soname))
    packages = sorted({one.package for one in missing if one.package is not None})
    kept.write_text(json.dumps(packages))
    return tuple(packages)


def _advise(soname: str) -> str:
    """Say where a library is to be had: those of CUDA come as packages, because its images have no Python."""
    base = "name a base image that has it with --base"
    package = name_cuda_package(soname)
    if package is None:
        return base
    return (f"install {package}-cu12 (or -cu13, as your packages are built) in the kernel, import it there and deploy "
            f"again; or {base}")


def guess_system(wheels: Sequence[Wheel]) -> tuple[str, ...]:
    """Name these packages where no engine can be asked: for a base such as `python:3.x-slim`."""
    found = _find_libraries(wheels, RELEASE, None)
    return tuple(sorted({one.package for one in found if one.package is not None}))


def _find_libraries(wheels: Sequence[Wheel], release: str, present: Sequence[str] | None = ()
                    ) -> tuple[SystemLibrary, ...]:
    """Find the libraries that the wheels leave to the system."""
    with tempfile.TemporaryDirectory(prefix="nbdeploy-objects-") as folder:
        for wheel in wheels:
            with zipfile.ZipFile(wheel.file) as archive:
                archive.extractall(folder, [name for name in archive.namelist() if OBJECT.fullmatch(name)])
        return system_libraries([Path(folder)], release=release, present=present)
