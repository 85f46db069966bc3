"""JupyterLab's export menu: the exporter is in its list, and a download is the whole project."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from saved_notebook import write_notebook

CELLS = (("open('ran', 'w').close()", []), ("def double(x: int) -> int:\n    return 2 * x", ["deploy:entry"]))


async def test_lab_lists_it_and_sends_the_project(jp_fetch: Any, jp_root_dir: Path) -> None:
    write_notebook(jp_root_dir / "model.ipynb", *CELLS)
    formats = json.loads((await jp_fetch("api", "nbconvert")).body)
    assert formats["deploy"] == {"output_mimetype": "text/markdown"}
    sent = await jp_fetch("nbconvert", "deploy", "model.ipynb", params={"download": "true"})
    with zipfile.ZipFile(io.BytesIO(sent.body)) as archive:
        assert {"service.py", "serve.py", "Dockerfile", "model.md"} <= set(archive.namelist())
    assert not (jp_root_dir / "ran").exists()
