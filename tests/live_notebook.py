"""A real kernel with real cells, the way an author works in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager


class CellFailed(Exception):
    """A cell raised; the text is what the notebook would show."""


class LiveNotebook:
    """A running kernel, and optionally a document that is saved beside it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.path = folder / "notebook.ipynb"
        self.cells: list[Any] = []
        self.manager = KernelManager(kernel_name="python3")
        environment = {
            **os.environ,
            "NBDEPLOY_NOTEBOOK": str(self.path),
            "PYTHONWARNINGS": "ignore",
            "NO_COLOR": "1",
            **variables,
        }
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=150)

    def run(self, *sources: str, tags: Sequence[str] = ()) -> str:
        """Write and execute cells; gives all their output as text (raises `CellFailed`)."""
        return "".join(self._run(source, tags) for source in sources)

    def _run(self, source: str, tags: Sequence[str]) -> str:
        self.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}))
        return self.execute(source)

    def execute(self, source: str) -> str:
        """Execute a cell that the document does not get."""
        output: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    output.append(content["text"])
                case "execute_result" | "display_data":
                    output.append(content["data"].get("text/plain", "") + "\n")
                case "error":
                    output.append("\n".join(content["traceback"]) + "\n")

        reply = self.client.execute_interactive(source, timeout=120, output_hook=keep, allow_stdin=False)
        text = "".join(output)
        if reply["content"]["status"] != "ok":
            raise CellFailed(text)
        return text

    def save(self) -> None:
        """Save the document as it is now."""
        notebook = nbformat.v4.new_notebook(cells=self.cells)
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.path)

    def value(self, expression: str) -> Any:
        """Evaluate an expression in the kernel and bring its JSON here."""
        return json.loads(self.execute(f"import json as _json; print(_json.dumps({expression}))"))

    def deploy(self, line: str) -> dict[str, Any]:
        """Execute `%deploy` and give what it did: the endpoint's figures, and the text of `service.py`."""
        self.execute("%load_ext jupyter_deploy")
        output = self.execute(f"_endpoint = %deploy {line}")
        done: dict[str, Any] = self.value(
            "(lambda r: {'name': r.deployment.name, 'url': r.deployment.url, 'version': r.deployment.version,"
            " 'calls': r.proof.calls, 'equal': r.proof.equal, 'service': r.packaged.capture.text,"
            " 'packages': [one.name for one in r.packaged.requirements.distributions],"
            " 'state': {name: value.format for name, value in r.packaged.capture.code.state.items()},"
            " 'warnings': [str(finding) for finding in r.packaged.capture.findings],"
            " 'sources': [golden.source for _, golden in r.packaged.capture.golden],"
            " 'folder': str(r.packaged.bundle.folder)})(_endpoint.release)"
        )
        return {**done, "output": output}

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def nbdeploy(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "jupyter_deploy", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
    )
