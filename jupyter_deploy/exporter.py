"""The nbconvert exporter: `jupyter nbconvert --to deploy` writes a service project, and executes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbconvert.utils.exceptions import ConversionException

from jupyter_deploy.errors import NotebookError
from jupyter_deploy.static.document import parse_document
from jupyter_deploy.static.project import make_project


class DeployExporter(Exporter):  # type: ignore[misc]  # nbconvert has no types
    """Writes the folder `NOTEBOOK-service`: service.py, serve.py, requirements.txt, Dockerfile, README.md."""

    export_from_notebook = "Service project (nbdeploy)"
    """What JupyterLab's menu Save and Export Notebook As calls it."""
    output_mimetype = "text/markdown"

    def _file_extension_default(self) -> str:
        return ".md"

    def from_notebook_node(self, nb: Any, resources: Any = None, **_: Any) -> tuple[str, Any]:
        """Make the project of a notebook: its README is the output, all else its files.

        No preprocessor runs, so that none executes the notebook.

        Raises
        ------
        ConversionException
            When nothing in the notebook is to be served.

        """
        resources = {} if resources is None else resources
        metadata = resources.get("metadata", {})
        name = str(metadata.get("name") or "notebook")
        path = Path(str(metadata.get("path") or "."), f"{name}.ipynb")
        try:
            project = make_project(parse_document(json.loads(json.dumps(nb)), path), f"{name}-service")
        except NotebookError as error:
            raise ConversionException(str(error)) from error
        outputs = {f"{name}-service/{file}": text.encode() for file, text in project.files.items()
                   if file != "README.md"}
        resources["outputs"] = {**resources.get("outputs", {}), **outputs}
        resources["output_extension"] = self.file_extension
        resources["unique_key"] = f"{name}-service/README"
        return project.files["README.md"], resources
