"""What is to be checked: one notebook with one set of parameters."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import UsageError


@dataclass(frozen=True)
class Job:
    """A notebook to be run and checked; it travels as JSON to the process that does so."""

    notebook: str
    parameters: Mapping[str, Any]
    label: str
    """Tells the set of parameters from others of the same notebook; empty where there is only one."""
    output: str
    """Where the executed notebook goes."""
    kernel: str | None = None
    start_timeout: int = 60
    cell_timeout: int | None = None
    entries: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Options for the notebook's `%deploy` lines."""
    golden: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Calls to ask each service beside its own golden calls, by the name of the service: `entry`, `request`."""
    seconds: float = 0.5
    """How long to measure each entry."""

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.notebook} [{self.label}]" if self.label else self.notebook

    def dump(self) -> str:
        """Write it as JSON."""
        return json.dumps(dataclasses.asdict(self))


def parse_job(text: str) -> Job:
    """Read what `dump` wrote."""
    raw = json.loads(text)
    return Job(**{**raw, "entries": tuple(raw["entries"])})


@dataclass(frozen=True)
class ParameterSet:
    """Values for the cell tagged `parameters`."""

    values: Mapping[str, Any]
    label: str = ""


def read_parameter_sets(file: Path | None, given: Mapping[str, Any]) -> tuple[ParameterSet, ...]:
    """Read the sets of a YAML file: a mapping is one set, a list of mappings several; `given` goes before each.

    Raises
    ------
    UsageError
        When the file is neither.

    """
    if file is None:
        return (ParameterSet(given),)
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the parameters cannot be read: {error.strerror}", where=str(file)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"the parameters are not YAML: {error}", where=str(file)) from error
    sets = content if isinstance(content, list) else [content]
    if not sets or not all(isinstance(one, dict) and all(isinstance(key, str) for key in one) for one in sets):
        raise UsageError("wanted names with their values, or a list of such sets", where=str(file),
                         advice="for instance  - {region: uk, trees: 100}")
    labels = _label_sets(sets) if isinstance(content, list) else [""]
    return tuple(ParameterSet({**one, **given}, label) for one, label in zip(sets, labels, strict=True))


def _label_sets(sets: Sequence[Mapping[str, Any]]) -> list[str]:
    """Label each set by the values that are not the same in all: `region-uk`."""
    telling = [key for key in dict.fromkeys(key for one in sets for key in one)
               if len({json.dumps(one.get(key), default=str) for one in sets}) > 1]
    labels = [_slug("-".join(f"{key}-{one[key]}" for key in telling if key in one)) for one in sets]
    return [label if label and labels.count(label) == 1 else f"{label or 'set'}-{number}"
            for number, label in enumerate(labels, start=1)]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:60]
