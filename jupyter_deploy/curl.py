"""The shell line that calls an endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_deploy.runtime.manifest import Manifest, TypeSpec

LONGEST = 400
"""Characters of a request that still is a line to copy."""


def curl_line(url: str, manifest: Manifest, bundle: Path) -> str:
    """Write a shell line that makes a golden call, of its tables with the first row; where to go if that is long."""
    entry = manifest.entries[0]
    requests: list[dict[str, Any]] = [{}]
    if manifest.golden:
        entry = next(one for one in manifest.entries if one.name == manifest.golden[0].entry)
        files = [bundle / one.file for one in manifest.golden if one.entry == entry.name]
        requests = [json.loads(file.read_bytes())["request"] for file in files]
    types = {one.name: one.type for one in entry.parameters}
    for request in [*requests, *({name: _first_row(types[name], one[name]) for name in one} for one in requests)]:
        body = json.dumps(request, ensure_ascii=False)
        if len(body) <= LONGEST:
            quoted = body.replace("'", "'\\''")
            return f"curl {url}/{entry.name} -H 'Content-Type: application/json' -d '{quoted}'"
    return f"{url}/docs has a form for it"


def _first_row(spec: TypeSpec, value: Any) -> Any:
    """Keep one row of a table."""
    if spec["kind"] == "frame" and isinstance(value, dict) and "data" in value:
        return {key: part if key == "columns" else part[:1] for key, part in value.items()}
    return value[:1] if spec["kind"] in ("frame", "polars_frame") and isinstance(value, list) else value
