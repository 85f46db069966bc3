"""The options that the magic and the command share: one grammar, parsed once."""

from __future__ import annotations

import argparse
import difflib
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_deploy.errors import UsageError
from jupyter_deploy.runtime.options import read_batch

if TYPE_CHECKING:
    from jupyter_deploy.recipe import DeployOptions

_RULES = ("promote_after", "min_requests", "max_error_rate", "max_slowdown", "max_disagreement", "tolerance")
_SETTINGS = ("workers", "min", "max", "idle", "host", "port", "timeout", "max_body", "max_queue", "batch", "base",
             "memory", "cpus", "canary", "shadow", *_RULES)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UsageError` instead of ending the process."""

    takes_parameters = False
    """Whether it has the options of `add_parameters`."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; `-p NAME VALUE` and `-p NAME=VALUE` are the same."""
        given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(_join_parameters(given) if self.takes_parameters else given, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the arguments."""
        raise UsageError(message, advice=self._advise(message))

    def _advise(self, message: str) -> str:
        unknown = next(iter(message.partition("unrecognized arguments: ")[2].split()), "")
        if near := difflib.get_close_matches(unknown, self._option_string_actions, n=1):
            return f"did you mean {near[0]}?"
        if unknown and not unknown.startswith("-") and "--example" in self._option_string_actions:
            return "put an expression in quotes: --example 'predict(df.head(3))'"
        return f"{self.prog} --help lists the options"


def build_magic_parser() -> Parser:
    """Build the grammar of `%deploy`."""
    parser = Parser(prog="%deploy", add_help=False, formatter_class=argparse.RawDescriptionHelpFormatter,
                    description="Serve a function or a model of this notebook as a proven live HTTP endpoint.",
                    epilog="examples:\n  %deploy predict\n  %deploy model --name churn --workers 2\n"
                           "  %deploy predict --example 'predict(df.head(3))' --dry-run\n"
                           "  %deploy predict --canary 10% --promote-after 10m\n"
                           "  %deploy --list")
    parser.add_argument("names", nargs="*", metavar="ENTRY|MODEL",
                        help="functions and models to serve; none means the cells tagged deploy:entry")
    parser.add_argument("--dry-run", action="store_true", help="show what would be deployed and why; change nothing")
    verbs = parser.add_mutually_exclusive_group()
    verbs.add_argument("--list", action="store_true", help="list the endpoints")
    for verb, text in (("stop", "stop an endpoint"), ("start", "bring back a stopped endpoint"),
                       ("rollback", "go back to the previous version"),
                       ("promote", "make the canary or shadow the live version"),
                       ("abort", "take the canary or shadow away"),
                       ("logs", "show the last log records"),
                       ("metrics", "show requests, errors and latency of the last five minutes")):
        verbs.add_argument(f"--{verb}", metavar="NAME", help=text)
    parser.add_argument("--help", "-h", action="store_true", help="show this text")
    add_deploy_options(parser)
    return parser


def split_line(line: str) -> list[str]:
    """Split what stands behind `%deploy` as a shell does (raises `UsageError`)."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%deploy {line}: {error}", advice="put an expression in quotes: "
                         "--example 'predict(df.head(3))'") from error


def add_deploy_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to capture, prove and deploy."""
    parser.add_argument("--name", help="the endpoint's name; by default the notebook's")
    parser.add_argument("--target", metavar="T", help="where to deploy (default: local, this machine)")
    parser.add_argument("--example", action="append", default=[], metavar="EXPR", dest="examples",
                        help="a golden call, such as 'predict(df.head(3))', or just its argument; can be repeated")
    parser.add_argument("--strict", action="store_true", help="treat every warning (stale cells, ...) as an error")
    parser.add_argument("--unproven", action="store_true", help="deploy even without a golden call")
    parser.add_argument("--exact", action="store_true",
                        help="serve models as they are: compile none, even where that is proven equal")
    parser.add_argument("--workers", type=read_workers, metavar="N|auto",
                        help="worker processes (default: as before, at first 1); auto: as many as the calls need and "
                             "this machine can hold")
    parser.add_argument("--min", type=int, metavar="N",
                        help="local: the fewest workers; with 0 the service sleeps when nobody calls, and the next "
                             "call wakes it")
    parser.add_argument("--max", type=read_workers, metavar="N|auto",
                        help="local: the most workers (default with --min: auto)")
    parser.add_argument("--idle", type=_read_time, metavar="TIME",
                        help="local: how long a worker that is not needed is kept, such as 90s or 10m (default: 5m)")
    parser.add_argument("--port", type=int, metavar="P",
                        help="the port; by default a free one from 8100 on, remembered")
    parser.add_argument("--host", metavar="H", help="the address to listen on (default: 127.0.0.1); "
                                                    "others need --api-key")
    parser.add_argument("--api-key", metavar="KEY", help="callers must send it as 'X-API-Key' or as a bearer token; "
                                                         "$NAME takes it from the environment")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds that one call may take (default: 60)")
    parser.add_argument("--max-body", type=int, metavar="BYTES", help="largest request body (default: 64 MiB)")
    parser.add_argument("--max-queue", type=int, metavar="N", help="calls that may wait before callers get 429")
    gpu = parser.add_mutually_exclusive_group()
    gpu.add_argument("--gpu", action="store_true", default=None,
                     help="the service gets a GPU; by default only if a value or the code uses one")
    gpu.add_argument("--no-gpu", action="store_false", dest="gpu", default=None,
                     help="the service gets no GPU, and is proven without one")
    parser.add_argument("--gpu-memory", type=_read_size, metavar="SIZE",
                        help="GPU memory that the service gets, such as 8GB")
    parser.add_argument("--batch", type=read_batch, metavar="off|max=N",
                        help="how many calls that arrive together may be answered together, where the golden calls "
                             "prove that this makes no difference (default: max=128)")
    parser.add_argument("--base", metavar="IMAGE", help="docker: the image to build on (default: python:VERSION-slim)")
    parser.add_argument("--memory", type=_read_size, metavar="SIZE",
                        help="memory of a worker, such as 512MiB: one that outgrows it is replaced. docker: of a "
                             "container; by default what the proof suggests")
    parser.add_argument("--cpus", type=float, metavar="N",
                        help="docker: processors of a container; by default what the proof suggests")
    _add_rollout_options(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _add_rollout_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for a version that is tried beside the live one."""
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--canary", type=_read_share, metavar="SHARE",
                       help="try the new version beside the live one: it answers a share of the requests, such as 10%%")
    modes.add_argument("--shadow", action="store_true", default=None,
                       help="try the new version beside the live one: it answers copies of the requests, to compare")
    parser.add_argument("--promote-after", type=_read_time, metavar="TIME",
                        help="promote the canary or shadow after this time, such as 10m, if the rules below hold")
    parser.add_argument("--min-requests", type=int, metavar="N",
                        help="and once it has answered this many requests (default: 100)")
    parser.add_argument("--max-error-rate", type=_read_share, metavar="SHARE",
                        help="take it away when its share of errors exceeds the live version's by more than this "
                             "(default: 1%%)")
    parser.add_argument("--max-slowdown", type=float, metavar="RATIO",
                        help="take a canary away when its p95 is more than this many times the live version's "
                             "(default: 2)")
    parser.add_argument("--max-disagreement", type=_read_share, metavar="SHARE",
                        help="take a shadow away when a larger share of its answers differ (default: any may)")
    parser.add_argument("--tolerance", type=float, metavar="X",
                        help="numbers of a shadow that differ by no more than this are equal (default: 0)")


def read_deploy_options(arguments: argparse.Namespace, names: tuple[str, ...]) -> DeployOptions:
    """Turn parsed arguments into options; what was not given is left to the target (raises `UsageError`)."""
    # Imported here: most verbs of the command neither capture nor deploy.
    from jupyter_deploy.capture.capture import CaptureOptions
    from jupyter_deploy.recipe import DeployOptions

    settings: dict[str, Any] = {key: value for key in _SETTINGS if (value := getattr(arguments, key)) is not None}
    captured = CaptureOptions(names=names, name=arguments.name, examples=tuple(arguments.examples),
                              strict=arguments.strict, unproven=arguments.unproven, gpu=arguments.gpu,
                              gpu_memory=arguments.gpu_memory, exact=arguments.exact)
    return DeployOptions(captured, arguments.target or "local", settings, read_key(arguments.api_key))


def read_workers(text: str) -> int | str:
    """Read a number of processes, or `auto`."""
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted a number, or auto") from None


def _read_share(text: str) -> float:
    """Read a share: `10%`, `0.1`."""
    number, sign, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if sign else 1)
    except ValueError:
        share = -1.0
    if rest or not 0 <= share <= 1:
        if not sign and 1 < share <= 100:
            raise argparse.ArgumentTypeError(f"{text!r} is not a share: did you mean {text.strip()}%?")
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: wanted one such as 10% or 0.1")
    return share


def _read_time(text: str) -> float:
    """Read a time in seconds: `90s`, `10m`, `1.5h`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: wanted one such as 90s, 10m or 1h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2].lower()]


def _read_size(text: str) -> int:
    """Read a number of bytes: `8GB`, `512MiB`, `1000000`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: wanted a number of bytes such as 8GB or 512MiB")
    power = " kmgt".index(found[2].lower() or " ")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def add_parameters(parser: Parser, text: str) -> None:
    """Add the options that set a notebook's parameters; `text` says what a file of them may hold."""
    parser.takes_parameters = True
    parser.add_argument("-p", "--parameter", type=_read_parameter, action="append", default=[], metavar="NAME VALUE",
                        help="set a value of the cell tagged 'parameters', also as NAME=VALUE; can be repeated")
    parser.add_argument("-f", "--parameters", type=Path, metavar="FILE", help=text)


def _join_parameters(arguments: Sequence[str]) -> list[str]:
    """Write each `-p NAME VALUE` as one word, as `-p NAME=VALUE` is: a value may begin with a hyphen."""
    words = iter(arguments)
    joined: list[str] = []
    for word in words:
        if word not in ("-p", "--parameter"):
            joined.append(word)
            continue
        name = next(words, None)
        value = next(words, None) if name is not None and "=" not in name else None
        joined.append("=".join(["--parameter", *(part for part in (name, value) if part is not None)]))
    return joined


def _read_parameter(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted a name and a value: -p NAME VALUE, or -p NAME=VALUE")
    return name, value


def read_value(text: str) -> Any:
    """Read a parameter's value as papermill's `-p` does: numbers and booleans as such, all else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)
    return value if isinstance(value, (int, float, bool)) or value is None else text


def read_key(text: str | None) -> str | None:
    """Read `$NAME` from the environment, so that the key itself need not stand in the notebook."""
    if text is None or not text.startswith("$"):
        return text
    import os

    value = os.environ.get(text[1:])
    if not value:
        raise UsageError(f"--api-key {text}: the environment variable {text[1:]} is not set",
                         advice=f"set os.environ[{text[1:]!r}] first")
    return value
