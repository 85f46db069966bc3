"""What `bundle.json` says: the contract between the side that packages and the side that serves."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FORMAT = 1
MANIFEST = "bundle.json"
GOLDEN = "golden"
"""The folder of the golden calls."""

TypeSpec = dict[str, Any]
"""A JSON description of a type, always with a `kind`; see `types.py`."""


class BundleDamaged(Exception):
    """A bundle's file is missing, was changed, or its manifest cannot be read."""


@dataclass(frozen=True)
class Parameter:
    """One argument of an entry."""

    name: str
    type: TypeSpec
    required: bool = True
    default: Any = None
    """The default as JSON, for documentation only: a call that leaves it out uses the function's own."""


@dataclass(frozen=True)
class Entry:
    """A function of `service.py` that is served as `POST /<name>`."""

    name: str
    function: str
    parameters: tuple[Parameter, ...]
    returns: TypeSpec
    doc: str = ""
    is_async: bool = False
    mutates: bool = False
    """Calling it changes state that a later call reads, so it is not called to warm up."""
    positional: tuple[str, ...] = ()
    """Parameters that must be passed by position: they are positional-only, or a decorator's wrapper names none.
    The last may be `*name`, a list that is passed element by element."""


@dataclass(frozen=True)
class Compiled:
    """What takes a model's place, and how near its answers were to the model's when it was tried.

    Nothing here is measured anew each time: how fast it is stands with the proof.
    """

    form: str
    """What computes it: `NumPy`, `ONNX Runtime`."""
    rtol: float = 0.0
    """How far a number may be from the notebook's, of its size; 0: it was equal to the last bit."""
    atol: float = 0.0
    """How far it may be beyond that."""


@dataclass(frozen=True)
class StateItem:
    """A value that `service.py` reads with `load_state(name)`."""

    name: str
    file: str
    format: str
    type: str
    size: int
    """Bytes on disk."""
    reason: str
    """The chain of names that leads from an entry to this value."""
    globals: tuple[tuple[str, str], ...] = ()
    """The (module, name) pairs that unpickling may look up; nothing else is admitted."""
    compiled: Compiled | None = None
    """Set where a compiled form stands for the model."""


@dataclass(frozen=True)
class GoldenCall:
    """A call made in the notebook, as it travels over HTTP."""

    entry: str
    file: str
    """Holds `{"request": {...}, "answer": ..., "kind": "..."}`."""
    source: str
    """Where the call comes from: a cell, `--example`."""


@dataclass(frozen=True)
class Span:
    """Lines `first` to `last` of `service.py` came from `cell`, beginning at its line `line`."""

    first: int
    last: int
    cell: str
    line: int


@dataclass(frozen=True)
class Evidence:
    """One reason to say that a service needs a GPU, can use one, or goes without."""

    kind: Literal["option", "state", "call", "framework", "build"]
    """What was looked at: what the author asked for, captured values, code, packages and what they are built for."""
    text: str
    where: str | None = None
    """The place: a cell with its line, or the chain of names that leads to a value."""


@dataclass(frozen=True)
class Hardware:
    """What a service wants of the machine beyond a processor; nothing in it depends on the machine it was found on."""

    gpu: Literal["needed", "usable", "none"]
    evidence: tuple[Evidence, ...] = ()
    cuda: str | None = None
    """The CUDA version that the frameworks are built with: `12.6`."""
    driver: str | None = None
    """The oldest NVIDIA driver that runs that CUDA version."""
    capability: str | None = None
    """The least compute capability that the frameworks have code for: `7.5`."""
    memory: int | None = None
    """Bytes of GPU memory that the author asked for."""


@dataclass(frozen=True)
class Manifest:
    """Everything that a worker needs to know about the bundle it serves."""

    name: str
    python: str
    """The kernel's minor version, `3.11`."""
    entries: tuple[Entry, ...]
    setup: tuple[str, ...] = ()
    """Functions of `service.py` that run once in each worker before it is ready."""
    state: tuple[StateItem, ...] = ()
    golden: tuple[GoldenCall, ...] = ()
    spans: tuple[Span, ...] = ()
    environment: tuple[str, ...] = ()
    """Names of environment variables that must be set: the secrets that were not captured."""
    hardware: Hardware | None = None
    """None where no package of the service could use a GPU."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of every other file of the bundle, by its path in it."""
    whole: str | None = None
    """The version of the whole bundle, where files were left out: an image takes those only that it runs on."""
    format: int = FORMAT

    def dump(self) -> bytes:
        """Give the canonical bytes of `bundle.json`: the same manifest, the same bytes."""
        fields = dataclasses.asdict(self)
        for name in ("hardware", "whole"):
            if fields[name] is None:
                del fields[name]  # as bundles were before there was such a field, so that they keep their version
        for item in fields["state"]:
            if item["compiled"] is None:
                del item["compiled"]  # the same
        return json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    @property
    def tolerance(self) -> tuple[float, float]:
        """How far numbers may be from the notebook's, relatively and absolutely: 0 unless a model is compiled so."""
        compiled = [item.compiled for item in self.state if item.compiled is not None]
        return max((one.rtol for one in compiled), default=0.0), max((one.atol for one in compiled), default=0.0)

    @property
    def version(self) -> str:
        """The content digest: what the manifest says, and through its hashes every file."""
        return self.whole or hashlib.sha256(self.dump()).hexdigest()[:12]

    def cell_of(self, line: int) -> str | None:
        """Name the notebook's cell and line that line `line` of `service.py` came from."""
        return find_cell(self.spans, line)


def find_cell(spans: Iterable[Span], line: int) -> str | None:
    """Name the notebook's cell and line that line `line` of `service.py` came from."""
    for span in spans:
        if span.first <= line <= span.last:
            return f"{span.cell}, line {line - span.first + span.line}"
    return None


def parse_manifest(data: bytes) -> Manifest:
    """Read `bundle.json`.

    Raises
    ------
    BundleDamaged
        When it is not a manifest of this format.

    """
    try:
        raw = json.loads(data)
        if raw["format"] != FORMAT:
            raise BundleDamaged(f"the bundle has format {raw['format']!r}; this runtime reads format {FORMAT}")
        return Manifest(
            name=raw["name"],
            python=raw["python"],
            entries=tuple(_parse_entry(entry) for entry in raw["entries"]),
            setup=tuple(raw["setup"]),
            state=tuple(
                _parse_state(item)
                for item in raw["state"]
            ),
            golden=tuple(GoldenCall(**call) for call in raw["golden"]),
            spans=tuple(Span(**span) for span in raw["spans"]),
            environment=tuple(raw["environment"]),
            hardware=_parse_hardware(raw["hardware"]) if "hardware" in raw else None,
            files=dict(raw["files"]),
            whole=raw.get("whole"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleDamaged(f"{MANIFEST} is not a manifest: {type(error).__name__}: {error}") from error


def _parse_state(raw: dict[str, Any]) -> StateItem:
    compiled = Compiled(**raw["compiled"]) if "compiled" in raw else None
    return StateItem(**{**raw, "globals": tuple((module, name) for module, name in raw["globals"]),
                        "compiled": compiled})


def _parse_entry(raw: dict[str, Any]) -> Entry:
    parameters = tuple(Parameter(**parameter) for parameter in raw["parameters"])
    return Entry(**{**raw, "parameters": parameters, "positional": tuple(raw["positional"])})


def _parse_hardware(raw: dict[str, Any]) -> Hardware:
    return Hardware(**{**raw, "evidence": tuple(Evidence(**one) for one in raw["evidence"])})


def read_manifest(bundle: Path) -> Manifest:
    """Read the manifest of the bundle in folder `bundle` (raises `BundleDamaged`)."""
    try:
        return parse_manifest((bundle / MANIFEST).read_bytes())
    except OSError as error:
        raise BundleDamaged(f"{bundle / MANIFEST} cannot be read: {error}") from error


def check_files(bundle: Path, manifest: Manifest) -> None:
    """Compare every file of the bundle with its hash (raises `BundleDamaged`, naming the first that differs)."""
    for path, expected in manifest.files.items():
        try:
            with (bundle / path).open("rb") as file:
                found = _digest(file)
        except OSError as error:
            raise BundleDamaged(f"{path} is in the manifest but cannot be read: {error}") from error
        if found != expected:
            raise BundleDamaged(f"{path} was changed after the bundle was written: its SHA-256 is {found[:12]}…, "
                                f"the manifest says {expected[:12]}…")


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
