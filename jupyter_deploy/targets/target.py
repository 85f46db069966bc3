"""The one seam for places where a bundle can run, and how such places are found."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from jupyter_deploy.errors import TargetError, UsageError

if TYPE_CHECKING:
    from jupyter_deploy.environment import Environment

GROUP = "nbdeploy.targets"
Report = Callable[[str, str, float], None]
"""Called after each stage with its name, what came of it, and the seconds it took."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class Plan:
    """What a target would do for a bundle."""

    target: str
    name: str
    """The deployment's."""
    version: str
    bundle: Path
    environment: Environment
    options: Any
    """The target's own options: an instance of its `Options`."""
    lines: tuple[str, ...]
    """What would be done, to be read by a person: `--dry-run` prints it."""
    notebook: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A packaged service that runs and answers, unseen by callers."""

    name: str
    version: str
    url: str
    """Where the proof talks to it."""
    handle: str
    """What the target calls it."""
    pids: tuple[int, ...] = ()
    """The processes of one of its workers, where they are this machine's: what they use is measured."""
    conduct: Mapping[str, Any] = field(default_factory=dict)
    """What a worker found out about the entries, as `runtime.conduct.dump_conduct` gives it."""


@dataclass(frozen=True)
class Deployment:
    """A version that is live."""

    name: str
    target: str
    version: str
    url: str
    seconds: float
    """How long it took to make the candidate live."""
    beside: str | None = None
    """What it is while another version is live: `canary (10% of the requests)`; None: it is live itself."""
    lacks: tuple[str, ...] = ()
    """Entries of the version that it is tried beside, or was, which it does not have."""


@dataclass(frozen=True)
class Version:
    """One of the versions that a deployment has had."""

    version: str
    number: int
    deployed_at: float
    """Seconds since 1970."""
    bundle: str
    notebook: str | None = None
    proof: dict[str, Any] | None = None


@dataclass(frozen=True)
class Status:
    """How a deployment is."""

    name: str
    target: str
    state: str
    """`live`, `starting`, `asleep` (the next call wakes it), `stopped` or `failed`."""
    url: str
    version: str
    workers: int
    """How many accept requests now."""
    wanted_workers: int
    reason: str | None = None
    """Why it has failed."""
    versions: tuple[Version, ...] = ()
    """The newest first."""
    events: tuple[dict[str, Any], ...] = ()
    """`time`, `kind` and `text`, the oldest first."""
    warnings: tuple[str, ...] = ()
    """What does no harm yet, and may."""
    rollout: dict[str, Any] | None = None
    """The version that is tried beside the live one, as `Rollout.describe` of the local target gives it."""
    details: dict[str, Any] = field(default_factory=dict)
    """What only this target knows, such as process ids."""


class Target(Protocol):
    """A place where bundles run. Every method but `plan` acts on the world and may raise `TargetError`."""

    name: str
    Options: type
    """A frozen dataclass: the options that this target takes, each with a default."""

    def plan(self, bundle: Path, *, name: str, environment: Environment, options: Any,
             notebook: str | None = None) -> Plan:
        """Say what would be done; nothing is."""

    def prepare(self) -> None:
        """Begin in the background what a first `stage` would wait for; called before the notebook is read."""

    def check(self, name: str, options: Any, version: str | None = None) -> None:
        """Refuse what could not go live (`TargetError`), before it is started; at first its version is not known."""

    def stage(self, plan: Plan, report: Report | None = None) -> Candidate:
        """Run the bundle unseen by callers (`ServiceError` when it does not start); `report` hears what takes long."""

    def apply(self, plan: Plan, candidate: Candidate, proof: Mapping[str, Any] | None) -> Deployment:
        """Make that very candidate live; `proof` is kept with the version."""

    def discard(self, candidate: Candidate) -> None:
        """Take the candidate away; what runs is left untouched."""

    def status(self, name: str | None = None) -> tuple[Status, ...]:
        """Tell how one deployment is, or all."""

    def logs(self, name: str, *, lines: int = 100, follow: bool = False) -> Iterator[dict[str, Any]]:
        """Give the last log lines, parsed; with `follow`, go on with what comes."""

    def start(self, name: str | None = None) -> tuple[Status, ...]:
        """Bring back a stopped deployment, or all that should be live."""

    def stop(self, name: str) -> Status:
        """Take a deployment off the air without losing a request; `start` brings it back."""

    def rollback(self, name: str, version: str | None = None) -> Deployment:
        """Make an earlier version live: the one that the present one replaced, unless `version` names one."""

    def promote(self, name: str) -> Deployment:
        """Make the version live that is tried beside the live one (`TargetError` when there is none)."""

    def abort(self, name: str) -> Status:
        """Take away the version that is tried beside the live one (`TargetError` when there is none)."""

    def delete(self, name: str) -> None:
        """Stop a deployment and forget it."""


def check_name(name: str) -> str:
    """Give `name` back when it can name a deployment (`UsageError` otherwise)."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a deployment: wanted lower-case letters, digits and hyphens, "
            "the first a letter or a digit, at most 63",
            advice=_suggest_name(name),
        )
    return name


def _suggest_name(name: str) -> str:
    fitting = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63]
    return f"for instance --name {fitting or 'my-model'}"


def list_targets() -> tuple[str, ...]:
    """Name the targets that are installed."""
    return tuple(sorted({point.name for point in _find_points()}))


def _find_points() -> EntryPoints:
    """Find the entry points; all metadata is read for that, so only when a folder with packages has changed."""
    return _read_points(tuple((folder, _changed_at(folder)) for folder in sys.path))


@functools.lru_cache(1)
def _read_points(_folders: tuple[tuple[str, int], ...]) -> EntryPoints:
    return entry_points(group=GROUP)


def _changed_at(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def find_target(name: str) -> Target:
    """Give the target called `name` (`UsageError`, with a near match, when there is none)."""
    for point in _find_points():
        if point.name == name:
            try:
                return cast("Target", point.load()())
            except ImportError as error:
                raise TargetError(
                    f"the target {name!r} cannot be loaded: {error}", where=point.value,
                    advice="install what it needs, or reinstall the package that adds it",
                ) from error
    raise UsageError(f"there is no target {name!r}", advice=_near(name, list_targets(), "targets"))


def build_options(target: Target, values: Mapping[str, Any]) -> Any:
    """Build the target's options from `values` (`UsageError`, with a near match, for one that it does not take)."""
    known = tuple(item.name for item in dataclasses.fields(target.Options))
    for key in values:
        if key not in known:
            raise UsageError(f"the target {target.name!r} has no option {key!r}", advice=_near(key, known, "options"))
    return target.Options(**values)


def _near(name: str, known: tuple[str, ...], what: str) -> str:
    matches = difflib.get_close_matches(name, known, 1)
    return f"did you mean {matches[0]!r}?" if matches else f"the {what} are: {', '.join(known) or 'none'}"
