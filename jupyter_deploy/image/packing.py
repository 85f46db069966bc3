"""Packing an installed distribution into a wheel: the very files that the notebook ran on."""

from __future__ import annotations

import base64
import hashlib
import platform
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from jupyter_deploy.capture.editable import Editable, package_files
from jupyter_deploy.capture.installed import Index, Installed, installed, recorded_files
from jupyter_deploy.errors import RequirementError
from jupyter_deploy.requirements import Pin
from jupyter_deploy.requirements.distributions import read_metadata

_LEFT_OUT = frozenset({"RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", "RECORD.jws", "RECORD.p7s"})
"""Of a wheel's description: what the installer wrote, with paths and perhaps credentials of this machine in it."""
_NATIVE = (".so", ".dylib", ".pyd")


def installed_facts(pin: Pin) -> list[str]:
    """Give what tells this installation from another one of the same version; empty when it is gone."""
    found = installed().find(pin.name)
    if found is None:
        return []
    record = found.metadata / "RECORD"
    digest = hashlib.sha256(record.read_bytes()).hexdigest() if record.is_file() else ""
    return [found.site, digest]


def pack_installed(pin: Pin, python: str, machine: str, folder: Path) -> Path:
    """Write a wheel of what is installed under the pin's name, for Python `python` on a `machine` with Linux.

    Raises
    ------
    RequirementError
        When it is not installed here in that version, or not in a form that runs there.

    """
    index = installed()
    found = index.find(pin.name)
    if found is None or read_metadata(found).version != pin.version:
        raise _missing(pin, python, machine, "and it is not installed here either" if found is None else
                       f"and the one installed here is {read_metadata(found).version}")
    if (found.metadata / "INSTALLER").is_file() and (found.metadata / "INSTALLER").read_text().strip() == "conda":
        raise _missing(pin, python, machine, "and conda's files run in its own folders only")
    files = dict(_files(pin, found, index))
    native = any(name.endswith(_NATIVE) for name in files)
    if native and not (sys.platform == "linux" and platform.machine() == machine and python == _own_version()):
        raise _missing(pin, python, machine, f"and the one installed here was compiled for {platform.machine()} with "
                       f"{platform.system()} and Python {_own_version()}")
    version = "cp" + python.replace(".", "")
    tag = f"{version}-{version}-linux_{machine}" if native else "py3-none-any"
    return _write(pin, found, files, tag, folder)


def _own_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _missing(pin: Pin, python: str, machine: str, but: str) -> RequirementError:
    """Say which requirement has no wheel, and who asked for it."""
    return RequirementError(
        f"there is no wheel of {pin.name} {pin.version} for Python {python} on {machine} with Linux at the indexes of "
        f"`pip config list`, {but}", where=pin.reason or None,
        advice="name its index with --extra-index-url in pip's configuration, install another version in the kernel, "
               "or build for another --platform")


def _files(pin: Pin, found: Installed, index: Index) -> Iterator[tuple[str, Path]]:
    editable = index.editable(found)
    if editable is not None:
        if pin.sources and editable.fingerprint() != pin.sources:
            raise RequirementError(f"the sources of {pin.name} were edited since the bundle was made",
                                   where=editable.project, advice="run the notebook and build again")
        yield from _editable_files(editable)
        return
    for name in recorded_files(found):
        path = Path(found.site, name)
        outside = name.startswith(found.info + "/") or "__pycache__" in name
        if not outside and path.is_file():
            yield name, path


def _editable_files(editable: Editable) -> Iterator[tuple[str, Path]]:
    for name, path in editable.sources().items():
        if path.is_dir():
            yield from ((f"{name}/{file.relative_to(path).as_posix()}", file) for file in package_files(path))
        else:
            yield name, path


def _write(pin: Pin, found: Installed, files: dict[str, Path], tag: str, folder: Path) -> Path:
    """Write the archive: sorted, uncompressed and without times, so that the same files give the same bytes."""
    name = pin.name.replace("-", "_").replace(".", "_")
    info = f"{name}-{pin.version}.dist-info"
    contents: dict[str, Path | bytes] = {**files}
    contents |= {f"{info}/{path}": data for path, data in _described(found).items()}
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: nbdeploy\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    target = folder / f"{name}-{pin.version}-{tag}.whl"
    lines = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path, source in sorted(contents.items()):
            data = source if isinstance(source, bytes) else source.read_bytes()
            lines.append(f'"{path}",sha256={_record_digest(data)},{len(data)}')
            archive.writestr(_entry(path), data)
        archive.writestr(_entry(f"{info}/RECORD"), "\n".join([*lines, f'"{info}/RECORD",,']) + "\n")
    return target


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path)
    entry.external_attr = 0o644 << 16
    return entry


def _record_digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _described(found: Installed) -> dict[str, bytes]:
    """Read the distribution's description, under the names that a wheel has for it."""
    if found.metadata.is_file():
        return {"METADATA": found.metadata.read_bytes()}
    names = {"PKG-INFO": "METADATA"}
    return {names.get(file.name, file.name): file.read_bytes() for file in sorted(found.metadata.iterdir())
            if file.is_file() and file.name not in _LEFT_OUT and not file.name.endswith(".pyc")}
