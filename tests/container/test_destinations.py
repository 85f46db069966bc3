"""The image on its way elsewhere: into a registry, behind KServe's first protocol."""

from __future__ import annotations

import os
from pathlib import Path

from containers import inspect, running
from engine import BASE
from tiny_registry import serving

from jupyter_deploy.image import BuildOptions, Image, build_image
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


def test_kserve_v1_asks_for_predictions(image: Image) -> None:
    with running(image.reference, "--env", "PORT=8081", port=8081) as container:
        assert container.ask("GET", "/v1/models/scale") == (200, {"name": "scale", "ready": True})
        status, answer = container.ask("POST", "/v1/models/scale:predict", {"instances": [{"x": 2.0}, {"x": 3.0, "root": True}]})
        assert (status, answer["predictions"][0]) == (200, {"value": 999000.0})
