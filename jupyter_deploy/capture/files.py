"""Relative data files that the code names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jupyter_deploy.capture.slice import Finding

LARGEST = 100 * 2**20
"""Bytes; a larger file is not bundled."""
_CODE = frozenset({".py", ".ipynb", ".pyc"})


def find_files(texts: Iterable[str], folder: Path, user: str) -> tuple[dict[str, bytes], list[Finding]]:
    """Read the files that text constants name, relative to the kernel's folder, and say which cannot come along."""
    found: dict[str, bytes] = {}
    findings: list[Finding] = []
    for text in sorted(texts):
        if not text or len(text) > 250 or "\n" in text or "\0" in text:
            continue
        path = folder / text
        try:
            if path.suffix in _CODE or not path.is_file():
                continue
            size = path.stat().st_size
        except OSError:
            continue
        if Path(text).is_absolute() or ".." in Path(text).parts:
            findings.append(
                Finding(
                    f"{user} names the file {text}, which stays on this machine: "
                    "put it beside the notebook and name it by a relative path",
                    code="left-out-file",
                )
            )
        elif size > LARGEST:
            findings.append(
                Finding(f"{user} names the file {text}, {size / 2**20:.0f} MB, which is too large to bundle",
                        code="left-out-file")
            )
        else:
            found[Path(text).as_posix()] = path.read_bytes()
    return found, findings
