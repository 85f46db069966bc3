"""Where an engine is looked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from jupyter_deploy.errors import ImageError
from jupyter_deploy.image.addresses import Address, list_addresses

pytest.importorskip("docker")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of the `docker` command's settings, in which there is a context `elsewhere`."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    (tmp_path / "config.json").write_text("{}")
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"elsewhere").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({
        "Name": "elsewhere", "Metadata": {}, "Endpoints": {"docker": {"Host": "unix:///elsewhere.sock"}}}))
    return tmp_path


def list_hosts() -> list[str]:
    return [one.host for one in list_addresses()]


def test_without_a_choice_the_usual_socket_is_asked_first(config: Path) -> None:
    assert list_hosts()[0] == "unix:///var/run/docker.sock"


def test_what_was_chosen_is_asked_and_nothing_else(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config / "config.json").write_text(json.dumps({"currentContext": "elsewhere"}))
    assert list_hosts() == ["unix:///elsewhere.sock"]
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    assert list_hosts() == ["tcp://127.0.0.1:9"]


def test_a_context_is_chosen_in_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    assert list_hosts() == ["unix:///elsewhere.sock"]
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewere")
    with pytest.raises(ImageError, match="there is no context 'elsewere'"):
        list_hosts()


def test_a_context_that_was_chosen_and_is_gone_is_no_other_engine(config: Path) -> None:
    (config / "config.json").write_text(json.dumps({"currentContext": "elsewere"}))
    with pytest.raises(ImageError, match="there is no context 'elsewere'"):
        list_hosts()


def test_certificates_that_are_not_there_are_said(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(config))
    with pytest.raises(ImageError, match=r"no certificates for tcp://127.0.0.1:9"):
        list_hosts()


@pytest.mark.parametrize(("where", "local"), [
    ("unix:///var/run/docker.sock", True), ("tcp://127.0.0.1:2375", True), ("tcp://localhost:2375", True),
    ("tcp://docker:2375", False), ("ssh://me@build.example", False),
])
def test_containers_are_reached_at_an_engine_of_this_machine(where: str, local: bool) -> None:
    assert Address(where).local is local
