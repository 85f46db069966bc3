"""The bill of materials: a CycloneDX 1.6 document of packages, Python, base and libraries (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from packaging.utils import canonicalize_name

from jupyter_deploy.image.wheels import Wheel
from jupyter_deploy.runtime.manifest import Manifest


def write_sbom(manifest: Manifest, wheels: Sequence[Wheel], base: str, system: Sequence[str] = ()) -> str:
    """Write the document: the same service with the same wheels, the same text, without a time.

    Of the base image its name is listed; what is in it is known to its own bill of materials. `system` are the packages
    of its distribution that the build adds.
    """
    components = [_component(wheel) for wheel in sorted(wheels, key=lambda one: canonicalize_name(one.pin.name))]
    components += [
        {"type": "container", "bom-ref": f"base:{base}", "name": base},
        {"type": "platform", "bom-ref": f"python:{manifest.python}", "name": "python", "version": manifest.python,
         "properties": [{"name": "nbdeploy:origin", "value": "base image"}]},
        *({"type": "library", "bom-ref": f"pkg:deb/debian/{name}", "name": name, "purl": f"pkg:deb/debian/{name}",
           "properties": [{"name": "nbdeploy:origin", "value": "apt, while the image is built"}]}
          for name in sorted(system)),
    ]
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
