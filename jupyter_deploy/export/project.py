"""Writing a bundle as a project that its owner may change."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from jupyter_deploy.bundle import open_bundle
from jupyter_deploy.errors import UsageError
from jupyter_deploy.runtime.manifest import MANIFEST

_TEMPLATE = Path(__file__).parent / "template"


def export(bundle: Path, folder: Path) -> Path:
    """Write the bundle in folder `bundle` as a project into `folder`, which must be new or empty.

    The project is the bundle with a Dockerfile and a test that replays the golden calls. Its manifest lists no file
    hashes, because from here on its owner edits the files.

    Raises
    ------
    UsageError
        When `folder` holds something already.
    BundleError
        When the bundle is damaged.

    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", advice="name a new folder")
    opened = open_bundle(bundle)
    shutil.copytree(bundle, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / MANIFEST).write_bytes(dataclasses.replace(opened.manifest, files={}).dump())
    dockerfile = (_TEMPLATE / "Dockerfile").read_text(encoding="utf-8")
    (folder / "Dockerfile").write_text(dockerfile.replace("{python}", opened.manifest.python), encoding="utf-8")
    (folder / ".dockerignore").write_text("__pycache__\n.git\ntests\n", encoding="utf-8")
    (folder / "tests").mkdir()
    shutil.copyfile(_TEMPLATE / "replay.py", folder / "tests" / "test_golden.py")
    return folder
