"""Proving an image: its container answers the golden calls, over HTTP, before the image gets a name."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jupyter_deploy.bundle import Bundle
from jupyter_deploy.errors import DeployError, ImageError, ProofError, ServiceError
from jupyter_deploy.image.dockerfile import PORT
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.image.refusals import explain_foreign
from jupyter_deploy.proof import TIMEOUT, Proof, prove, table

_PATIENCE = 300.0
"""Seconds that a service may take to load."""
_TRACE = 12
"""Lines of a traceback that are shown: its end says what failed."""


def prove_image(engine: Engine, image: str, bundle: Bundle, environment: Mapping[str, str]) -> Proof:
    """Run the image under a private name and replay the golden calls; the container is gone afterwards.

    It runs as strictly as any platform would: as nobody, without capabilities, its file system read-only but for
    `/tmp`. A service that needs a GPU gets the engine's, and one that can use a GPU gets them where there are any.

    Raises
    ------
    ProofError
        When an answer differs from the notebook's.
    ServiceError
        When the service does not start in the container.
    ImageError
        When the engine cannot run it: among others, when the service needs a GPU and the engine has none.

    """
    wanted = bundle.manifest.environment
    environment = {**{name: os.environ[name] for name in wanted if name in os.environ}, **environment}
    if missing := [name for name in wanted if name not in environment]:
        raise ImageError(f"the service needs {', '.join(missing)} in its environment, and the proof runs it",
                         advice="set them in the shell that builds: they are given to the proof and never stored")
    with _running(engine, image, environment, gpus=engine.wants_gpus(bundle.manifest)) as container:
        connection = engine.dial(container, PORT, timeout=TIMEOUT)
        _wait_until_ready(engine, container, connection)
        proof = prove(bundle.folder, bundle.manifest, connection)
        log = engine.logs(container) if not proof.holds else ""
    if not proof.holds:
        raise ProofError(
            "the container does not answer what the notebook answered: "
            f"{proof.equal} of {proof.calls} golden calls equal, so the image has no name\n\n{table(proof.differences)}"
            f"\n\n{_tail(log)}", where=str(bundle.folder), differences=proof.differences,
            advice="packages built for another machine can calculate otherwise; random numbers and the clock always do")
    return proof


@contextmanager
def _running(engine: Engine, image: str, environment: Mapping[str, str], *, gpus: bool) -> Iterator[str]:
    name = f"nbdeploy-proof-{secrets.token_hex(6)}"
    try:
        yield engine.run(image, name=name, environment=environment, gpus=gpus)
    finally:
        engine.remove_container(name)


def _wait_until_ready(engine: Engine, container: str, connection: http.client.HTTPConnection) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < _PATIENCE:
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            response.read()
            if response.status == 200:
                return
        except (OSError, http.client.HTTPException, ImageError) as error:
            connection.close()
            if engine.has_ended(container):
                raise _not_started(engine, container) from error
            if isinstance(error, ImageError):
                raise
        time.sleep(0.02)
    raise ServiceError(f"the service was not ready in its container after {_PATIENCE:g} s:\n"
                       f"{_tail(engine.logs(container))}")


def _not_started(engine: Engine, container: str) -> DeployError:
    log = engine.logs(container)
    return explain_foreign(log) or ServiceError(f"the service did not start in its container:\n{_tail(log)}")


def _tail(log: str) -> str:
    return "\n".join(_lay_out(line) for line in log.strip().splitlines()[-15:])


def _lay_out(line: str) -> str:
    """Write a line of a service's log for people; one that something else wrote stays as it is."""
    try:
        record = json.loads(line)
        text = f"{record['message']} ({record['where']})" if "where" in record else str(record["message"])
    except (ValueError, TypeError, KeyError):
        return line
    trace = str(record.get("traceback", "")).rstrip().splitlines()[-_TRACE:]
    return "\n".join([text, *(f"    {one}" for one in trace)])
