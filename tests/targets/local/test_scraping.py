"""Who answers on the port of a container: the deployment, nobody, or somebody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_deploy.targets.local.listeners import LOOPBACK
from jupyter_deploy.targets.local.scraping import Scraper


def write_metrics(name: str, version: str) -> bytes:
    """Write what a worker says of itself."""
    info = "nbdeploy_model_info"
    return (f"# HELP {info} The service and its version.\n# TYPE {info} gauge\n"
            f'{info}{{name="{name}",version="{version}"}} 1\n').encode()


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


OURS = answer("200 OK", write_metrics("churn", "1"))
FOREIGN = {
    "another deployment": answer("200 OK", write_metrics("prices", "7")),
    "another version": answer("200 OK", write_metrics("churn", "2")),
    "somebody else's page": answer("200 OK", b"<html>"),
    "nothing of that name": answer("404 Not Found", b""),
    "an end without an answer": b"",
}


def look(answers: list[bytes], file: Path) -> list[tuple[bool, bool]]:
    """Look at a port that answers so in turn, and then is closed: whether it answered, and whether it was somebody else."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        writer.close()

    async def run() -> list[tuple[bool, bool]]:
        server = await asyncio.start_server(serve, LOOPBACK, 0)
        scraper = Scraper(server.sockets[0].getsockname()[1], file, "churn", None)
        found = [(await scraper.scrape(), scraper.foreign) for _ in answers]
        server.close()
        await server.wait_closed()
        return [*found, (await scraper.scrape(), scraper.foreign)]

    return asyncio.run(run())


@pytest.mark.parametrize("said", FOREIGN.values(), ids=FOREIGN.keys())
def test_somebody_else_is_told_from_the_deployment(said: bytes, tmp_path: Path) -> None:
    assert look([OURS, said, OURS], tmp_path / "m") == [(True, False), (False, True), (True, False), (False, False)]


def test_one_that_has_no_room_may_be_ours(tmp_path: Path) -> None:
    assert look([OURS, answer("503 Service Unavailable", b"")], tmp_path / "m")[1] == (False, False)


def test_who_came_first_does_not_say_who_is_meant(tmp_path: Path) -> None:
    """After a restart of the machine, somebody else may have the port before the container is back."""
    assert look([FOREIGN["another deployment"], OURS], tmp_path / "m")[:2] == [(False, True), (True, False)]
