"""The service that a bundle holds: its module, imported and set up, and its entries, ready to be called."""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import os
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import GeneratorType, ModuleType
from typing import TYPE_CHECKING, Any

from .counters import Meter
from .decode import InvalidInput, compile_decoder
from .grip import Finding
from .manifest import Entry, Manifest, check_files
from .tables import Calls, FormDecoder

if TYPE_CHECKING:
    from .batches import Plan
    from .queues import Queue

SERVICE = "service.py"
SETTINGS = "_set_libraries"
"""What `service.py` calls the function that sets what the notebook set in libraries, if there is any."""
INFINITY = float("inf")

Arguments = dict[str, Any] | Calls
"""One call's keyword arguments, or the calls that another protocol's request asks for."""


class EnvironmentIncomplete(Exception):
    """Environment variables that the service needs are not set."""


class ServedEntry:
    """An entry with everything that a call of it needs.

    `seconds` is the running mean of its calls' duration: it decides where the next one runs.
    """

    __slots__ = ("alone", "decode", "described", "finding", "forms", "function", "is_async", "meter", "name",
                 "needs_rows", "original", "plan", "queue", "seconds")

    meter: Meter
    """Set by the worker that serves it."""
    plan: Plan | None
    """How its requests are answered together, if that was tried and makes no difference."""
    queue: Queue | None
    """Where they become batches then."""
    alone: str | None
    """Why they are answered one by one, if that was found out."""

    def __init__(self, described: Entry, function: Callable[..., Any]) -> None:
        self.name = described.name
        self.described = described
        self.decode: Callable[[Any], dict[str, Any]] = compile_decoder(described)
        self.forms = FormDecoder(described, self.decode)
        self.original = function
        if described.positional:
            function = by_position(function, described.positional)
        yields = inspect.isasyncgenfunction(inspect.unwrap(function))
        self.is_async = yields or described.is_async or inspect.iscoroutinefunction(function)
        self.function = _collect_async(function) if yields else function
        self.seconds = INFINITY
        self.finding = Finding("unknown")
        self.plan = None
        self.queue = None
        self.alone = None
        self.needs_rows = False

    def require_rows(self) -> None:
        """Refuse tables without rows from now on: the function fails with them, which is no fault of the service."""
        decode, table = self.decode, str(self.forms.target)
        self.needs_rows = True

        def decode_rows(request: Any) -> dict[str, Any]:
            arguments = decode(request)
            if not len(arguments[table]):
                raise InvalidInput(table, "at least one row", "none")
            return arguments

        self.decode = self.forms.decode = decode_rows

    def call(self, arguments: Arguments) -> Any:
        """Call the function (not for async entries); what a generator yields is collected."""
        if isinstance(arguments, Calls):
            results = [self.call(one) for one in arguments.arguments]
            return results if arguments.many else results[0]
        result = self.function(**arguments)
        return list(result) if type(result) is GeneratorType else result

    async def call_async(self, arguments: Arguments) -> Any:
        """Call an async entry."""
        try:
            if isinstance(arguments, Calls):
                results = [await self.function(**one) for one in arguments.arguments]
                return results if arguments.many else results[0]
            return await self.function(**arguments)
        except SystemExit as error:
            # In a task it would end the event loop.
            raise RuntimeError(f"the entry ended itself with sys.exit({error.code!r})") from error

    def took(self, seconds: float) -> None:
        """Count a call and take its duration into the running mean."""
        self.seconds = seconds if self.seconds == INFINITY else self.seconds + (seconds - self.seconds) / 8
        self.meter.called(seconds)


def by_position(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """Let a function be called by name though it takes the arguments called `names` by position only.

    The last name may be `*name`: the function takes the elements of that list one by one.
    """
    several = names[-1][1:] if names and names[-1].startswith("*") else ""
    single = names[:-1] if several else names
    defaults = {one.name: one.default for one in inspect.signature(function).parameters.values()} if several else {}

    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        more = arguments.pop(several, ())
        given = list(itertools.takewhile(lambda name: name in arguments or more, single))
        return function(*[arguments.pop(name, defaults.get(name)) for name in given], *more, **arguments)

    return call


def _collect_async(function: Callable[..., AsyncIterator[Any]]) -> Callable[..., Awaitable[list[Any]]]:
    async def collect(**arguments: Any) -> list[Any]:
        return [item async for item in function(**arguments)]

    return collect


@dataclass(frozen=True)
class Service:
    """What a worker serves."""

    bundle: Path
    manifest: Manifest
    name: str
    version: str
    entries: dict[str, ServedEntry]
    setup: tuple[Callable[[], Any], ...]
    begin_thread: Callable[[], Any] | None = None
    """What each thread that calls entries runs first: some libraries keep their settings for each thread."""

    @property
    def stateful(self) -> bool:
        """Whether calls change what later calls read; then they run one at a time, as in the notebook."""
        return any(entry.described.mutates for entry in self.entries.values())

    def models(self) -> dict[str, ServedEntry]:
        """Give the entries under the names that model protocols use: also the service's, when it has one entry."""
        models = dict(self.entries)
        if len(models) == 1:
            models.setdefault(self.name, *models.values())
        return models


def load_service(bundle: Path, manifest: Manifest, name: str | None) -> Service:
    """Check the bundle, import its slice and compile its entries.

    Raises
    ------
    BundleDamaged, EnvironmentIncomplete
        And whatever importing the slice raises.

    """
    check_files(bundle, manifest)
    if missing := [variable for variable in manifest.environment if variable not in os.environ]:
        raise EnvironmentIncomplete(
            f"the service needs {', '.join(missing)} in its environment, but nothing is set under "
            f"{'these names' if len(missing) > 1 else 'this name'}: secrets are not stored in a bundle, "
            f"so give them to the process that serves it"
        )
    module = importlib.import_module("service")
    entries = {entry.name: ServedEntry(entry, _function(module, entry.function)) for entry in manifest.entries}
    setup = tuple(_function(module, function) for function in manifest.setup)
    settings = getattr(module, SETTINGS, None)
    return Service(bundle, manifest, name or manifest.name, manifest.version, entries, setup, settings)


def _function(module: ModuleType, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        raise TypeError(f"{SERVICE} should define the function {name}, but has {function!r} under this name")
    return function


@dataclass(frozen=True)
class Place:
    """Where in the service's code something happened."""

    where: str | None = None
    """`service.py:12`"""
    cell: str | None = None
    """`cell 3, line 4`"""


def place_error(error: BaseException, bundle: Path, manifest: Manifest) -> Place:
    """Find the innermost line of the slice that an exception passed through."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).name == SERVICE:
        return place_line(error.lineno or 1, manifest)
    frames = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__))
    return _place_frames(frames, bundle, manifest)


def place_stack(frame: Any, bundle: Path, manifest: Manifest) -> Place:
    """Find the innermost line of the slice that a running frame is in."""
    frames = [(one.f_code.co_filename, line) for one, line in traceback.walk_stack(frame)]
    return _place_frames(reversed(frames), bundle, manifest)


def _place_frames(frames: Iterator[tuple[str, int]], bundle: Path, manifest: Manifest) -> Place:
    slice_file = str(bundle / SERVICE)
    lines = [line for file, line in frames if file == slice_file]
    return place_line(lines[-1], manifest) if lines else Place()


def place_line(line: int, manifest: Manifest) -> Place:
    """Name a line of the slice and the cell it came from."""
    return Place(f"{SERVICE}:{line}", manifest.cell_of(line))
