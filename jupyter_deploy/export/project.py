"""Writing a bundle as a project that its owner may change, and that `docker build` makes nbdeploy's own image of."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.bundle import Bundle, open_bundle
from jupyter_deploy.errors import ImageError, RequirementError, UsageError, telling_when_full
from jupyter_deploy.export.readme import describe_image
from jupyter_deploy.image.build import default_base, read_platform
from jupyter_deploy.image.choice import choose_system, guess_system
from jupyter_deploy.image.dockerfile import SCRIPT, WHEELS, dockerfile
from jupyter_deploy.image.engine import connect
from jupyter_deploy.image.project import Project, check_secrets, choose_wheels_for, leave_out, make_project
from jupyter_deploy.image.sbom import write_sbom
from jupyter_deploy.image.wheels import Platform, Wheel
from jupyter_deploy.registry import data_dir
from jupyter_deploy.runtime.manifest import MANIFEST
from jupyter_deploy.runtime.workplace import WORK

_TEMPLATE = Path(__file__).parent / "template"


@dataclass(frozen=True)
class ExportOptions:
    """What the author asked for."""

    wheels: bool = True
    """Whether the wheels go along that an index has, too; without them, they are fetched by their hashes."""
    image: bool = True
    """Whether what an image takes goes along; without it, nothing is fetched."""
    base: str | None = None
    """The image to build on; by default `python:<minor>-slim`."""
    platform: str | None = None
    """Such as `linux/arm64`; by default that of this machine."""


@telling_when_full()
def export(bundle: Path, folder: Path, options: ExportOptions | None = None) -> Path:
    """Write the bundle in folder `bundle` as a project into `folder`, which must be new or empty.

    The project is the bundle with a test that replays the golden calls and, under `image/` and in the Dockerfile, all
    that `build_image` would send to the engine: `docker build` gives the same layers. When it fails, nothing is left.

    Raises
    ------
    UsageError
        When `folder` holds something already.
    BundleError
        When the bundle is damaged.
    RequirementError
        When there is no wheel for a line of the lock.

    """
    options = options or ExportOptions()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", advice="name a new folder")
    opened = open_bundle(bundle)
    project = _gather(opened, options) if options.image else None
    existed = folder.exists()
    try:
        _write_bundle(opened, folder)
        if project is not None:
            _write_image(project, folder, options)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if existed:
            folder.mkdir()
        raise
    return folder


def _write_bundle(bundle: Bundle, folder: Path) -> None:
    shutil.copytree(bundle.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", f"{WORK}*"))
    # The hashes that the image has: what is for people only may be edited freely.
    (folder / MANIFEST).write_bytes(leave_out(bundle.manifest, golden=True).dump())
    (folder / "tests").mkdir()
    shutil.copyfile(_TEMPLATE / "replay.py", folder / "tests" / "test_golden.py")
    shutil.copyfile(_TEMPLATE / "seal.py", folder / "tests" / "seal.py")


def _gather(bundle: Bundle, options: ExportOptions) -> Project:
    """Gather what the image is made of, without an engine; one that has the base is asked what that lacks."""
    base = options.base or default_base(bundle.manifest.python)
    machine = read_platform(options.platform) if options.platform else _own_machine()
    try:
        wheels = choose_wheels_for(bundle, Platform(bundle.manifest.python, machine), data_dir() / "wheels",
                                   lambda _: None)
        project = make_project(bundle, wheels, base, system=_find_system(wheels, base))
    except RequirementError as error:
        raise RequirementError(error.message, where=error.where, advice="; ".join(filter(None, (
            error.advice, "nbdeploy export --no-image leaves out what an image takes")))) from error
    check_secrets(project, ())
    return project


def _own_machine() -> str:
    """Name the machine as Linux does: a Mac's engine runs Linux on the same processor."""
    machine = platform.machine().lower()
    return {"arm64": "aarch64", "amd64": "x86_64"}.get(machine, machine)


def _find_system(wheels: tuple[Wheel, ...], base: str) -> tuple[str, ...]:
    try:
        engine = connect()
        found = engine.find(base)
    except ImageError:
        found = None
    if found is None:
        return guess_system(wheels)
    return choose_system(wheels, engine, str(found["Id"]), data_dir() / "wheels")


def _write_image(project: Project, folder: Path, options: ExportOptions) -> None:
    """Write the Dockerfile and what it takes beside the bundle's own files."""
    (folder / WHEELS).mkdir(parents=True)
    fetched = {f"{WHEELS}/{one.file.name}" for one in project.wheels if one.origin == "index" and not options.wheels}
    for path, source in project.environment.items():
        if isinstance(source, bytes):
            (folder / path).write_bytes(source)
        elif path not in fetched:
            shutil.copyfile(source, folder / path)
    layout = project.layout
    (folder / "Dockerfile").write_text(dockerfile(layout), encoding="utf-8")
    (folder / ".dockerignore").write_text("**/__pycache__\n.git\ntests\n", encoding="utf-8")
    sbom = write_sbom(project.bundle.manifest, project.wheels, layout.base, layout.system)
    (folder / Path(SCRIPT).parent / "sbom.cdx.json").write_text(sbom, encoding="utf-8")
    with (folder / "README.md").open("a", encoding="utf-8") as readme:
        readme.write(describe_image(project, fetched=bool(fetched)))
