"""The README's blocks, run in order: `ipython` in one kernel, `console` in a shell beside the example notebook."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from live_notebook import LiveNotebook
from transcript import check_console, read_blocks

ROOT = Path(__file__).parents[1]


def test_blocks_run(notebook: LiveNotebook) -> None:
    for file in ("churn.ipynb", "features.py"):
        shutil.copy(ROOT / "examples" / file, notebook.folder)
    for language, text in read_blocks(ROOT / "README.md"):
        if language == "ipython":
            notebook.run(text)
        elif language == "console":
            url = notebook.value("endpoint.url") if "8100" in text else ""
            check_console(text, notebook.folder, {"http://127.0.0.1:8100": url})


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
