"""An image without its golden calls: nothing in it tells what callers sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from containers import docker, inspect, running
from engine import BASE

from jupyter_deploy.image import BuildOptions, Image, build_image
from jupyter_deploy.image.engine import Engine

PERSON = "1957.25"
"""What a caller sent."""


@pytest.fixture(scope="module")
def private(make_bundle, engine: Engine) -> Iterator[Image]:
    bundle = make_bundle("scaling-private", "factors = [2.0]", """\
def scale(x: float, root: bool = False) -> float:
    return x * factors[0]
""", example=f"scale({PERSON})")
    assert PERSON in "".join(path.read_text(errors="ignore") for path in Path(bundle).glob("*.md"))
    built = build_image(bundle, options=BuildOptions(base=BASE, golden=False))
    yield built
    engine.remove_image(built.reference)


def test_no_file_has_what_a_caller_sent(private: Image) -> None:
    assert private.proof.equal == 2
    found = docker("run", "--rm", "--user", "0", "--entrypoint", "sh", private.reference, "-c",
                   f"ls /service; grep -rlF -e {PERSON} -e {float(PERSON) * 2} /service /environment || true")
    assert found.split() == ["bundle.json", "runtime", "service.py"]
    labels = inspect(private.reference, ".Config.Labels")
    assert len(labels["nbdeploy.golden"]) == 64


def test_it_describes_itself_and_answers_under_its_version(private: Image) -> None:
    with running(private.reference) as container:
        status, described = container.ask("GET", "/openapi.json")
        assert (status, described["info"]["version"]) == (200, private.version)
        assert "examples" not in str(described)
        assert container.ask("POST", "/scale", {"x": 1.5}) == (200, "3.0")
