from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_deploy.environment import Environment
from jupyter_deploy.errors import BundleError


def test_a_worker_starts_without_the_users_settings() -> None:
    environment = Environment("carved", "/usr/bin/python3", ("/carved",))
    assert environment.command(Path("/b")) == ["/usr/bin/python3", "-I", "-S", "/b/runtime/__main__.py"]


def test_it_survives_json() -> None:
    environment = Environment("installed", "/usr/bin/python3", ("/a", "/b"))
    assert Environment.parse(json.loads(json.dumps(environment.dump()))) == environment


@pytest.mark.parametrize("raw", [{}, None, {"kind": "borrowed", "python": "p", "paths": []}])
def test_what_is_no_environment_is_refused(raw: object) -> None:
    with pytest.raises(BundleError, match="environment"):
        Environment.parse(raw)  # type: ignore[arg-type]  # that is the point
