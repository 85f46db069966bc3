"""The bill of materials: a CycloneDX 1.6 document of what the lock lists (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from packaging.utils import canonicalize_name

from jupyter_deploy.image.wheels import Wheel
from jupyter_deploy.runtime.manifest import Manifest


def write_sbom(manifest: Manifest, wheels: Sequence[Wheel]) -> str:
    """Write the document: the same service with the same wheels, the same text, without a time."""
    components = [_component(wheel) for wheel in sorted(wheels, key=lambda one: canonicalize_name(one.pin.name))]
    service = {"type": "application", "bom-ref": manifest.name, "name": manifest.name, "version": manifest.version}
    seed = json.dumps([service, components], sort_keys=True)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}",
        "version": 1,
        "metadata": {"component": service},
        "components": components,
        "dependencies": [{"ref": manifest.name, "dependsOn": [one["bom-ref"] for one in components]}],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _component(wheel: Wheel) -> dict[str, Any]:
    pin = wheel.pin
    purl = f"pkg:pypi/{canonicalize_name(pin.name)}@{pin.version.replace('+', '%2B')}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": pin.name,
        "version": pin.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        "properties": [{"name": "nbdeploy:reason", "value": pin.reason},
                       {"name": "nbdeploy:origin", "value": wheel.origin}],
    }
