"""The image on its way elsewhere: into a registry, into Lambda, behind KServe's first protocol."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from containers import docker, inspect, running
from engine import BASE
from tiny_registry import serving

from jupyter_deploy.image import BuildOptions, Image, build_image
from jupyter_deploy.image.dockerfile import LAMBDA_ADAPTER
from jupyter_deploy.image.engine import Engine


def test_it_is_pushed(bundle: Path, image: Image, engine: Engine) -> None:
    with serving() as registry:
        tag = f"{registry.name}/scaling:{os.getpid()}"
        told: list[str] = []
        built = build_image(bundle, options=BuildOptions(base=BASE, tag=tag, push=True), say=told.append)
        try:
            (manifest,) = registry.manifests.values()
            layers = {one["digest"] for one in manifest["layers"]}  # type: ignore[attr-defined]
            assert layers <= registry.blobs.keys()
            assert len(layers) == len(inspect(built.reference, ".RootFS.Layers"))
            assert sum(line.startswith("pushed layer") for line in told) == len(layers)
        finally:
            engine.remove_image(tag)


def test_the_lambda_adapter_lies_where_lambda_looks(bundle: Path, image: Image, engine: Engine) -> None:
    """The adapter itself comes from its own registry; here a stand-in has its name."""
    name, _, version = LAMBDA_ADAPTER.rpartition(":")
    own = engine.find(LAMBDA_ADAPTER) is None
    if own:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("lambda-adapter")
            entry.size, entry.mode = 4, 0o755
            tar.addfile(entry, io.BytesIO(b"stub"))
        engine.api.import_image_from_data(archive.getvalue(), repository=name, tag=version)
    tag = f"scaling-lambda-{os.getpid()}:1"
    try:
        built = build_image(bundle, options=BuildOptions(base=BASE, tag=tag, lambda_adapter=True))
        assert "lambda-adapter" in [layer.name for layer in built.layers]
        assert docker("run", "--rm", "--entrypoint", "ls", tag, "-l", "/opt/extensions").split("\n")[1].startswith("-rwxr-xr-x")
        assert "AWS_LWA_READINESS_CHECK_PATH=/v2/health/ready" in inspect(tag, ".Config.Env")
    finally:
        for one in (tag, *([LAMBDA_ADAPTER] if own else [])):
            engine.remove_image(one)


def test_kserve_v1_asks_for_predictions(image: Image) -> None:
    with running(image.reference, "--env", "PORT=8081", port=8081) as container:
        assert container.ask("GET", "/v1/models/scale") == (200, {"name": "scale", "ready": True})
        status, answer = container.ask("POST", "/v1/models/scale:predict", {"instances": [{"x": 2.0}, {"x": 3.0, "root": True}]})
        assert (status, answer["predictions"][0]) == (200, {"value": 999000.0})
