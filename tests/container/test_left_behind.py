"""What builds leave in the engine: the image, and of what failed nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import time
from pathlib import Path

import pytest
from containers import docker, list_containers
from engine import BASE, PYTHON
from tiny import make_bundle as make_tiny

from jupyter_deploy.errors import ImageError, ServiceError
from jupyter_deploy.image import BuildOptions, build_image
from jupyter_deploy.image.choice import choose_system
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.image.parts import prune_parts
from jupyter_deploy.requirements import resolve, write_lock
from jupyter_deploy.runtime.manifest import Hardware

BARE = f"nbdeploy-test-bare:{os.getpid()}"
TAG = f"tiny-left-{os.getpid()}:1"
OTHER = "linux/arm64" if os.uname().machine == "x86_64" else "linux/amd64"


@pytest.fixture
def tiny(tmp_path: Path, jupyter_folders: Path, engine: Engine):
    """Give the function that makes a bundle."""
    def make(**options: object) -> Path:
        more = {"requirements.lock": write_lock(resolve({})), "README.md": "tiny\n"}
        return make_tiny(tmp_path, "one", more=more, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def bare(engine: Engine):
    """Give an image in which there is nothing."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("nothing")
        tar.addfile(entry, io.BytesIO())
    engine.api.import_image_from_data(archive.getvalue(), repository=BARE.partition(":")[0], tag=BARE.partition(":")[2])
    yield BARE
    engine.remove_image(BARE)


def list_built_on(image: str) -> set[str]:
    """List the images, also those without a name, that were built on one: other tests build meanwhile on another."""
    first = json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))[0]
    ids = set(docker("images", "--all", "--quiet", "--filter", f"since={image}").split())
    found = set()
    for one in ids:
        with contextlib.suppress(AssertionError):  # it is gone meanwhile
            found |= {one} if first in docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", one) else set()
    return found


def test_a_service_that_does_not_start_leaves_no_image(tiny, engine: Engine) -> None:
    bundle = tiny(source="raise ValueError('broken on purpose')\ndef answer(x: int) -> int:\n    return x\n")
    nameless = ("images", "--quiet", "--filter", "dangling=true", "--filter", "label=org.opencontainers.image.title=tiny")
    before = set(docker(*nameless).split())
    parts = engine.list_names("nbdeploy/content")
    with pytest.raises(ServiceError, match=r"broken on purpose \(service.py:1\)\n    ") as caught:
        build_image(bundle, options=BuildOptions(base=BASE, tag=TAG))
    assert '"traceback"' not in caught.value.message
    assert set(docker(*nameless).split()) <= before
    assert list_containers(bundle) == []
    assert parts.keys() <= engine.list_names("nbdeploy/content").keys()


def test_a_gpu_that_is_needed_and_not_there_is_no_proof(tiny, engine: Engine) -> None:
    if "nvidia" in engine.api.info().get("Runtimes", {}):
        pytest.skip("this engine has GPUs")
    stages: list[str] = []
    with pytest.raises(ImageError, match="needs a GPU, and the container engine cannot give it one") as caught:
        build_image(tiny(hardware=Hardware("needed")), options=BuildOptions(base=BASE, tag=TAG),
                    report=lambda name, *_: stages.append(name))
    assert stages == []  # wheels with CUDA are gigabytes: they are not fetched for nothing
    assert "--no-gpu" in str(caught.value.advice)
    assert docker("images", "--quiet", TAG) == ""


def test_a_base_without_python_leaves_no_container(bare: str, tiny, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="run python3 in the base image"):
        choose_system((), engine, bare, tmp_path)
    assert docker("ps", "--all", "--quiet", "--filter", f"ancestor={bare}") == ""


def test_a_build_that_fails_leaves_no_layers(bare: str, tiny, engine: Engine) -> None:
    with pytest.raises(ImageError, match="the image cannot be built"):
        build_image(tiny(), options=BuildOptions(base=bare, tag=TAG, system=()))
    assert list_built_on(bare) == set()


def test_a_base_for_another_platform_is_refused_before_anything_is_built(tiny) -> None:
    with pytest.raises(ImageError, match=f"the base image is for linux/.*, and the platform wanted is {OTHER}") as caught:
        build_image(tiny(), options=BuildOptions(base=BASE, platform=OTHER))
    assert "docker pull --platform" in str(caught.value.advice)


def test_what_layers_say_reaches_the_author(tiny) -> None:
    """The base has another Python than the one that the bundle's packages are for."""
    other = "3.13" if PYTHON != "3.13" else "3.12"
    bundle = tiny()
    manifest = (bundle / "bundle.json").read_text()
    (bundle / "bundle.json").write_text(manifest.replace(f'"python": "{PYTHON}"', f'"python": "{other}"'))
    with pytest.raises(ImageError, match=r"the image cannot be built: \S+\.whl cannot be used in this base image: it is for"):
        build_image(bundle, options=BuildOptions(base=BASE, tag=TAG))


def test_parts_that_no_build_takes_are_taken_away(engine: Engine) -> None:
    reference = f"nbdeploy/content:test-{os.getpid()}"
    engine.tag(BASE, reference)
    named = engine.list_names("nbdeploy/content")[reference]
    assert abs(time.time() - named) < 60
    prune_parts(engine)
    assert engine.find(reference) is not None
    engine.remove_image(reference)
    assert engine.find(BASE) is not None
