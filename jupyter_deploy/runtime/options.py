"""The command line of a worker."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from .grip import Grip

HELP = """\
Serve this bundle over HTTP.

  python -m runtime serve                        in the bundle's folder, on 127.0.0.1:8080
  python -m runtime serve --host 0.0.0.0         in a container, where the platform guards the port
  curl -s localhost:8080/                        the routes; /docs is for people, /openapi.json for programs
  curl -s localhost:8080/readyz                  200 as soon as it is loaded and warm
  python -m runtime health                       status 0 when a worker on this port is ready, else 1

One port speaks every protocol: POST /<entry> (JSON in, JSON out), Open Inference Protocol v2 under /v2,
KServe v1 under /v1, MLflow and SageMaker at /invocations, Prometheus at /metrics.
SIGTERM drains: what was accepted is answered, then the worker exits with status 0.
"""

MAX_BATCH = 4096
"""Requests that may be answered together."""


@dataclass(frozen=True)
class Options:
    """How a worker serves its bundle."""

    bundle: Path
    command: str = "serve"
    """Or `health`, which asks a worker that runs already."""
    paths: tuple[str, ...] = ()
    """Folders of the environment, put on `sys.path` after the standard library."""
    name: str | None = None
    """The deployment's name; the manifest's when None."""
    host: str = "127.0.0.1"
    port: int = 8080
    listen_fd: int | None = None
    control_fd: int | None = None
    forkable: bool = False
    """Load only, if that can be done, and become workers by forking when told to."""
    metrics_file: Path | None = None
    max_body: int = 64 << 20
    """Bytes."""
    max_queue: int = 1024
    """Requests in progress."""
    batch: int = 128
    """Requests that are answered together at most; 1: each is answered alone."""
    timeout: float = 60.0
    """Seconds that one call of an entry may take."""
    receive: float = 20.0
    """Seconds in which a request's head has to come."""
    drain: float = 20.0
    """Seconds of grace after SIGTERM."""
    api_key_digest: str | None = None
    access_log: bool = False
    grips: Mapping[str, Grip] = field(default_factory=dict)
    """What is known of entries, so that it need not be measured."""

    @property
    def supervised(self) -> bool:
        """Whether a supervisor holds the other end of a control channel."""
        return self.control_fd is not None


def read_batch(text: str) -> int:
    """Read `off` or `max=N` as the requests in a batch (raises `ArgumentTypeError`)."""
    number = "1" if text == "off" else text.removeprefix("max=")
    if (text != "off" and not text.startswith("max=")) or not number.isdigit() or not 1 <= int(number) <= MAX_BATCH:
        raise argparse.ArgumentTypeError(f"wanted off, or max=N with N from 1 to {MAX_BATCH}, found {text!r}")
    return int(number)


def read_grip(text: str) -> tuple[str, Grip]:
    """Read what an entry does with the interpreter, `score=holds` (raises `ArgumentTypeError`)."""
    name, _, grip = text.partition("=")
    if grip not in get_args(Grip):
        raise argparse.ArgumentTypeError(f"wanted ENTRY={'|'.join(get_args(Grip))}, found {text!r}")
    return name, cast("Grip", grip)


def name_batch(most: int | None) -> str | None:
    """Give what `read_batch` reads as a number."""
    return None if most is None else f"max={most}"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=110)  # else each option asks how wide the terminal is, with a module just for that


def parse_options(bundle: Path, arguments: list[str]) -> Options:
    """Read the command line (exits with status 2, or after `--help` with 0, as `argparse` does)."""
    parser = argparse.ArgumentParser(
        "runtime", description=HELP, formatter_class=_Formatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("command", nargs="?", choices=["serve", "health"], default="serve",
        help="serve, the default, or ask whether the one that serves is ready")
    add("--path", dest="paths", action="append", default=[], metavar="FOLDER",
        help="a folder of installed packages, put on sys.path after the standard library; may be repeated")
    add("--name", help="the service's name (default: the one in bundle.json)")
    add("--host", default=Options.host, help="the address to listen on (default: %(default)s)")
    add("--port", type=int, default=os.environ.get("PORT") or Options.port,
        help=f"the port to listen on (default: the environment variable PORT, or {Options.port}); 0 takes a free one")
    add("--listen-fd", type=int, metavar="N", help="a listening socket inherited from the supervisor")
    add("--control-fd", type=int, metavar="N", help="the control channel inherited from the supervisor")
    add("--forkable", action="store_true",
        help="load the service, then fork a worker whenever the supervisor asks for one, where that is safe")
    add("--metrics-file", type=Path, metavar="F",
        help="where the counters are kept; /metrics adds up all *.metrics in that folder (default: in memory)")
    add("--max-body", type=int, default=Options.max_body, metavar="BYTES",
        help="a larger request body is refused with 413 (default: %(default)s)")
    add("--max-queue", type=int, default=Options.max_queue, metavar="N",
        help="with more requests in progress, further ones are refused with 429 (default: %(default)s)")
    add("--batch", type=read_batch, default=Options.batch, metavar="off|max=N",
        help="how many requests that arrive together are answered together, where golden calls prove that it makes no "
             f"difference (default: max={Options.batch})")
    add("--grip", dest="grips", type=read_grip, action="append", default=[], metavar="ENTRY=GRIP",
        help=f"what is known of an entry ({', '.join(get_args(Grip))}), and so not measured; may be repeated")
    add("--timeout", type=float, default=Options.timeout, metavar="SECONDS",
        help="a call that takes longer is answered with 504 (default: %(default)s)")
    add("--receive", type=float, default=Options.receive, metavar="SECONDS",
        help="a request whose head takes longer to come is answered with 408; its body gets longer by its size "
             "(default: %(default)s)")
    add("--drain", type=float, default=Options.drain, metavar="SECONDS",
        help="after SIGTERM, how long open connections are served (default: %(default)s)")
    add("--api-key-digest", metavar="SHA256",
        help="SHA-256 of the key that callers send as `Authorization: Bearer KEY` or `X-API-Key: KEY`")
    add("--access-log", action="store_true", help="log one line per request")
    values = vars(parser.parse_args(arguments))
    return Options(bundle=bundle, **{**values, "paths": tuple(values["paths"]), "grips": dict(values["grips"])})
