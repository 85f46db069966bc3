"""A hand-made folder of installed distributions."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class SiteFolder:
    """A folder of `sys.path` with distributions written by hand, as an installer would leave them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)

    def add(
        self,
        name: str,
        files: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
        requires: Sequence[str] = (),
        direct_url: Mapping[str, Any] | None = None,
        record: bool = True,
        top_level: str | None = None,
    ) -> Path:
        """Install a distribution; gives its metadata folder."""
        info = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        described = "".join(f"Requires-Dist: {one}\n" for one in requires)
        written = dict(files or {})
        written[f"{info.name}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{described}\nText: x\n"
        if direct_url is not None:
            written[f"{info.name}/direct_url.json"] = json.dumps(direct_url)
        if top_level is not None:
            written[f"{info.name}/top_level.txt"] = top_level
        lines = ["../../bin/tool,sha256=x,1"]
        for path, text in written.items():
            write(self.path / path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            lines.append(f"{path},sha256={digest},{len(text)}")
        if record:
            write(info / "RECORD", "\n".join([*lines, f"{info.name}/RECORD,,"]) + "\n")
        return info

    def python(self, code: str, **kwargs: Any) -> Any:
        """Run code in an interpreter that has this site folder, `.pth` files and all; gives what it assigned to `answer`."""
        setup = f"import json, site, sys\nsite.addsitedir({str(self.path)!r})\n"
        return run_python([sys.executable, "-c", f"{setup}{code}\nprint(json.dumps(answer))"], **kwargs)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def run_python(command: Sequence[str], **kwargs: Any) -> Any:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **kwargs)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
