"""The manifest's bytes: the same for the same service, and for bundles from before it spoke of hardware."""

from __future__ import annotations

import dataclasses
import json

import pytest

from jupyter_deploy.runtime.devices import choose_device, hide_gpus
from jupyter_deploy.runtime.manifest import Evidence, Hardware, Manifest, parse_manifest

PLAIN = Manifest("houses", "3.11", ())
HARDWARE = Hardware("needed", (Evidence("call", "the code says .cuda()", "cell [2], line 1"),), "12.6", "525.60.13", "5.0", 8 << 30)


def test_a_manifest_without_hardware_is_what_it_was() -> None:
    assert "hardware" not in json.loads(PLAIN.dump())
    assert parse_manifest(PLAIN.dump()) == PLAIN


def test_hardware_is_read_back_as_it_was_written() -> None:
    manifest = dataclasses.replace(PLAIN, hardware=HARDWARE)
    assert parse_manifest(manifest.dump()) == manifest
    assert manifest.version != PLAIN.version


@pytest.mark.parametrize(("hardware", "shown", "device"), [
    (None, None, "cuda:0"), (HARDWARE, None, "cuda:0"), (Hardware("usable"), None, "cuda:0"), (Hardware("none"), "-1", "cpu"),
])
def test_gpus_are_hidden_from_a_service_that_goes_without(hardware, shown, device, monkeypatch) -> None:
    import os

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    hide_gpus(dataclasses.replace(PLAIN, hardware=hardware))
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == shown
    assert (choose_device("cuda:0"), choose_device("cpu")) == (device, "cpu")
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
