from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine import BASE, why_not
from live_notebook import LiveNotebook

from jupyter_deploy.image import BuildOptions, Image, build_image
from jupyter_deploy.image.engine import Engine, connect
from jupyter_deploy.targets.target import find_target

CELLS = ("import math\nfactors = [float(n) for n in range(1000)]", """\
def scale(x: float, root: bool = False) -> dict[str, float]:
    value = x * sum(factors)
    return {'value': math.sqrt(value) if root else value}
""")


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Give the engine; without one that has the base image, the test is skipped with the reason."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    return connect()


@pytest.fixture(scope="session")
def make_bundle(jupyter_folders: Path, tmp_path_factory: pytest.TempPathFactory, engine: Engine):
    """Give the function that deploys cells from a real kernel on the local target and gives the bundle's folder."""

    def make(name: str, *cells: str, example: str = "scale(2.0)") -> Path:
        live = LiveNotebook(tmp_path_factory.mktemp(name))
        try:
            live.run(*cells)
            return Path(live.deploy(f"scale --name {name} --example '{example}' --example 'scale(3.0, root=True)'")["folder"])
        finally:
            live.close()
            find_target("local").delete(name)

    return make


@pytest.fixture(scope="session")
def bundle(make_bundle) -> Path:
    return make_bundle(f"scaling-{os.getpid()}", *CELLS)


@pytest.fixture(scope="session")
def image(bundle: Path, engine: Engine) -> Iterator[Image]:
    built = build_image(bundle, options=BuildOptions(base=BASE))
    yield built
    engine.remove_image(built.reference)
