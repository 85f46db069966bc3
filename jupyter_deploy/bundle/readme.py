"""The README of a bundle, for the person who finds the folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # to read a bundle takes nothing of what writes one
    from jupyter_deploy.capture.capture import Capture


def write_readme(capture: Capture) -> str:
    """Say what the bundle is, how to run it, and what it was made of."""
    example = next(((entry, golden.request) for entry, golden in capture.golden), None)
    lines = [
        f"# {capture.name}",
        "",
        "A service captured from a notebook. `service.py` is its code, `state/` what it read from the notebook,",
        "`golden/` calls with the notebook's answers, `requirements.lock` the packages that it needs, and `runtime/`",
        "the server.",
        "",
        f"Run it with Python {capture.python}:",
        "",
        "    pip install -r requirements.lock",
        "    python -m runtime serve --port 8080",
        "",
        "| route | |",
        "| --- | --- |",
        *(f"| `POST /{entry.name}` | {_first_line(entry.doc)} |" for entry in capture.entries),
        "",
        "`/docs` describes the routes, `/metrics` is for Prometheus, `/readyz` tells whether it answers.",
    ]
    if example is not None:
        body = json.dumps(example[1], ensure_ascii=False)
        if len(body) < 1000:
            quoted = body.replace("'", "'\\''")
            lines += [
                "",
                "    curl -X POST http://127.0.0.1:8080/" + example[0] + " -H 'Content-Type: application/json' \\",
                f"      -d '{quoted}'",
            ]
    if capture.code.environment:
        lines += ["", f"These environment variables must be set: {', '.join(capture.code.environment)}."]
    return "\n".join(lines) + "\n"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].replace("|", "\\|")
