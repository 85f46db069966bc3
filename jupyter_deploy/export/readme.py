"""What the README of an exported project says of its image."""

from __future__ import annotations

from jupyter_deploy.image.dockerfile import LOCK, PORT, WHEELS
from jupyter_deploy.image.project import Project

_FETCH = f"""
The wheels that an index has were left out. Fetch them once, as the lock names them by their hashes:

    pip download --require-hashes --no-deps --only-binary=:all: --find-links {WHEELS} --dest {WHEELS} \\
      --implementation cp --python-version {{python}} {{platforms}} -r {LOCK}
"""


def describe_image(project: Project, *, fetched: bool) -> str:
    """Say how to build and run the image, and how to change the project."""
    name, python = project.bundle.manifest.name, project.bundle.manifest.python
    platforms = " ".join(f"--platform {one}" for one in project.platforms)
    wheels = _FETCH.format(python=python, platforms=platforms) if fetched else ""
    system = "" if not project.layout.system else (
        f"\nThe build installs {', '.join(project.layout.system)} from the base's distribution, for which it needs the "
        "network.\n")
    return f"""
## The image
{wheels}
    docker build -t {name} .
    docker run --rm --read-only --tmpfs /tmp -p {PORT}:{PORT} {name}

It runs as nobody, takes `serve` as its argument or none, and listens on `PORT` where that is set. `image/` holds what
it is made of: the packages by their hashes in `{LOCK}`, their bill of materials in `image/sbom.cdx.json`.
{system}
## Changing it

`python tests/test_golden.py` replays the golden calls. `bundle.json` has a hash of every file that is served, and the
service does not start with others: after an edit, `python tests/seal.py` brings them up to date.
"""
