"""Notebooks served for tests: real deployments, apart from the user's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from jupyter_deploy.document import NOTEBOOK
from jupyter_deploy.endpoint import Endpoint, find_endpoint
from jupyter_deploy.targets.local.client import stop_supervisor
from jupyter_deploy.targets.target import find_target

_TIMEOUT = 3600


class ServeNotebook(Protocol):
    """What the fixture `endpoint` gives."""

    def __call__(self, notebook: str | Path, params: Mapping[str, Any] | None = None, *,
                 entry: str | Sequence[str] = (), name: str | None = None) -> Endpoint:
        """Serve a notebook.

        Parameters
        ----------
        notebook
            Its path, from the test's folder.
        params
            Values for its cell tagged `parameters`.
        entry
            What to serve, where neither tags nor a `%deploy` line of the notebook say so.
        name
            The endpoint's name; by default the notebook's.

        """


class Serving:
    """The deployments of one test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._served: dict[str, Endpoint] = {}
        self._names: dict[str, int] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Serving:
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        for key, value in _own_folders(self._folder).items():
            patch.setenv(key, value)
        patch.delenv(NOTEBOOK, raising=False)
        self._stack.callback(stop_supervisor)
        return self

    def __exit__(self, *error: object) -> None:
        target = find_target("local")
        with self._stack:
            for status in target.status():
                target.delete(status.name)

    def bind(self, folder: Path) -> ServeNotebook:
        """Serve notebooks by their paths from a test's folder."""

        def serve(notebook: str | Path, params: Mapping[str, Any] | None = None, *,
                  entry: str | Sequence[str] = (), name: str | None = None) -> Endpoint:
            entries = [entry] if isinstance(entry, str) else list(entry)
            order = {"notebook": str((folder / notebook).resolve()), "parameters": dict(params or {}),
                     "entries": entries, "name": name}
            key = json.dumps(order, sort_keys=True)
            if key not in self._served:
                self._served[key] = self._serve(order)
            return self._served[key]

        return serve

    def _serve(self, order: dict[str, Any]) -> Endpoint:
        order["name"] = self._choose_name(order["name"] or Path(order["notebook"]).stem)
        try:
            done = subprocess.run([sys.executable, "-m", "jupyter_deploy.testing"], input=json.dumps(order), text=True,
                                  capture_output=True, check=False, timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{Path(order['notebook']).name} was not served within {_TIMEOUT} s", pytrace=False)
        if done.returncode:
            pytest.fail(f"{Path(order['notebook']).name} could not be served\n{done.stderr.strip()}", pytrace=False)
        return find_endpoint(json.loads(done.stdout)["name"])

    def _choose_name(self, wanted: str) -> str:
        """Number the endpoints of one notebook with several sets of parameters."""
        slug = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")[:50].strip("-") or "service"
        self._names[slug] = self._names.get(slug, 0) + 1
        return slug if self._names[slug] == 1 else f"{slug}-{self._names[slug]}"


def _own_folders(folder: Path) -> dict[str, str]:
    """Give data and runtime folders of their own; kernels that the user installed are still found."""
    from jupyter_core.paths import jupyter_data_dir

    path = os.pathsep.join(filter(None, [os.environ.get("JUPYTER_PATH"), jupyter_data_dir()]))
    return {"JUPYTER_DATA_DIR": str(folder / "data"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_PATH": path}
