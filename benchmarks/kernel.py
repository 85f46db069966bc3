"""A workspace of its own for a measurement, with real kernels in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager

STOP = "from jupyter_deploy.targets.local.client import stop_supervisor; stop_supervisor()"


@dataclass(frozen=True)
class Workspace:
    """A folder with Jupyter's data folders in it: nothing of the user's is read or changed."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment of every process that is measured.

        Without `PYTHON*`: `PYTHONDONTWRITEBYTECODE` alone would make every start several times slower.
        """
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return {
            **kept,
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            "NBDEPLOY_NOTEBOOK": str(self.notebook),
            "NBDEPLOY_RESULT": str(self.folder / "result.json"),
            "PYTHONWARNINGS": "ignore",
            "NO_COLOR": "1",
        }

    @property
    def notebook(self) -> Path:
        """The document that kernels in this workspace believe to be theirs."""
        return self.folder / "notebook.ipynb"

    def run(self, *arguments: str) -> str:
        """Run Python with `arguments`; gives what it wrote."""
        done = subprocess.run([sys.executable, *arguments], cwd=self.folder, env=self.variables, check=True,
                              capture_output=True, text=True, timeout=300)
        return done.stdout

    def stop_supervisor(self) -> None:
        """End whatever is deployed here."""
        self.run("-c", STOP)

    def save(self, cells: Sequence[str]) -> None:
        """Save a document with these cells."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
        nbformat.write(notebook, self.notebook)


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Give a fresh workspace; afterwards nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        place = Workspace(Path(folder))
        try:
            yield place
        finally:
            place.stop_supervisor()


class Kernel:
    """A running kernel."""

    def __init__(self, place: Workspace) -> None:
        self._place = place
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(cwd=str(place.folder), env=place.variables, stderr=subprocess.DEVNULL)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(self, *cells: str) -> str:
        """Execute cells; gives what they printed (raises `RuntimeError` with the traceback of one that fails)."""
        return "".join(map(self._run, cells))

    def _run(self, cell: str) -> str:
        said: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])

        reply = self._client.execute_interactive(cell, timeout=300, output_hook=keep, allow_stdin=False)
        if reply["content"]["status"] != "ok":
            raise RuntimeError("\n".join(reply["content"]["traceback"]))
        return "".join(said)

    def read(self, expression: str) -> Any:
        """Evaluate an expression; gives its value, by way of JSON."""
        return json.loads(self.run(f"import json as _json; print(_json.dumps({expression}))"))

    def deploy(self, line: str) -> dict[str, Any]:
        """Execute `%deploy`; gives what `--json` would print, and `cell`: the seconds that the cell took."""
        self.run(f"import time as _time\n_begun = _time.perf_counter()\n_endpoint = %deploy {line}\n"
                 "_seconds = _time.perf_counter() - _begun")
        done: dict[str, Any] = json.loads((self._place.folder / "result.json").read_bytes())
        return {**done, "cell": self.read("_seconds")}

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
