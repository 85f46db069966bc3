"""An engine on another machine: builds and proves there, through nothing but its address."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from engine import BASE
from remote_engine import HERE, SSHD, remote_engine, ssh_server, why_not, write_context
from test_built_image import rewrite
from tiny_registry import serving

from jupyter_deploy.errors import ImageError, ProofError, TargetError
from jupyter_deploy.image import BuildOptions, Image, build_image
from jupyter_deploy.image.engine import connect
from jupyter_deploy.targets.docker.options import check_local


def test_an_image_is_built_and_proven_there(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := why_not():
        pytest.skip(reason)
    here = connect()
    folder = Path(tempfile.mkdtemp(prefix="nbdeploy-remote-", dir="/var/tmp"))  # an engine's layers need a file system that has them
    wrong = rewrite(bundle, tmp_path / "wrong", "service.py", "x * sum(factors)", "x * sum(factors) + 1")
    try:
        with remote_engine(folder) as address:
            write_context(tmp_path / "config", "remote", address, folder / "certificates")
            monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
            monkeypatch.setenv("DOCKER_CONTEXT", "remote")
            # What many set for a proxy of their company must not be what the engine is judged by.
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
            there = connect()
            assert there.where == address
            with serving(HERE) as registry:
                image = build_image(bundle, options=BuildOptions(base=BASE, tag=f"{registry.name}/scaling:1", push=True))
                assert [place.rpartition("/")[2] for place in registry.manifests] == ["1"]
            assert (image.proof.calls, image.proof.equal) == (2, 2)
            assert there.find(image.reference) is not None
            assert here.find(image.id) is None
            with pytest.raises(ProofError, match=r"(?s)0 of 2 golden calls equal.*answer.value +999000.0 +999001.0"):
                build_image(wrong, options=BuildOptions(base=BASE, tag="scaling-wrong:1"))
            assert there.find("scaling-wrong:1") is None
            assert there.api.containers(all=True) == []
            with pytest.raises(TargetError, match="the engine is on another"):
                check_local(there)
            (tmp_path / "config" / "config.json").write_text(json.dumps({"currentContext": "remote"}))
            monkeypatch.delenv("DOCKER_CONTEXT")
            assert connect().where == address
    finally:
        shutil.rmtree(folder)


def test_an_engine_behind_ssh_builds_too(bundle: Path, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0 or not Path(SSHD).exists():
        pytest.skip(f"no {SSHD} here, or no right to start it")
    with ssh_server(tmp_path) as programs:
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        monkeypatch.setenv("DOCKER_HOST", "ssh://builder")
        for _ in range(100):  # until it listens
            with contextlib.suppress(ImageError):
                assert connect().where == "ssh://builder"
                break
            time.sleep(0.1)
        built = build_image(bundle, options=BuildOptions(base=BASE))
        assert (built.id, built.proof.equal) == (image.id, 2)
        with pytest.raises(TargetError, match="the engine is on another"):
            check_local(connect())
        monkeypatch.setenv("DOCKER_HOST", "ssh://builder/run/no-such.sock")
        with pytest.raises(ImageError, match=r"docker --host ssh://builder/run/no-such\.sock version"):
            connect()
        monkeypatch.setenv("DOCKER_HOST", "ssh://no-such-machine.invalid")
        with pytest.raises(ImageError, match="resolve hostname"):
            connect()
