"""What is played: the golden calls of a version, in turn, or the requests of a recorded log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jupyter_deploy.errors import UsageError
from jupyter_deploy.runtime.manifest import Manifest
from jupyter_deploy.traffic.job import Case, write_request
from jupyter_deploy.traffic.recording import Recorded


def read_golden(bundle: Path, manifest: Manifest, headers: Sequence[tuple[str, str]]) -> tuple[Case, ...]:
    """Give the golden calls of a bundle's entries (`UsageError` when there is none that can be repeated).

    Those of entries that change state are left out: they would answer differently each time, and leave traces.
    """
    lasting = {entry.name for entry in manifest.entries if not entry.mutates}
    cases = []
    for call in manifest.golden:
        if call.entry in lasting:
            golden = json.loads((bundle / call.file).read_bytes())
            body = json.dumps(golden["request"], ensure_ascii=False).encode()
            cases.append(Case(call.entry, write_request(quote(call.entry), body, headers), golden["answer"]))
    if not cases:
        why = "its entries change state" if manifest.golden else "it was deployed without a golden call"
        raise UsageError(f"version {manifest.version} has nothing to play: {why}",
                         advice="play a log with bodies: --log FILE")
    return tuple(cases)


def read_recorded(
    requests: Sequence[Recorded], bundle: Path, manifest: Manifest, headers: Sequence[tuple[str, str]]
) -> tuple[tuple[Case, ...], tuple[tuple[float, int], ...]]:
    """Give the cases of a log, and for each of its requests the moment and the number of its case."""
    known = {entry.name for entry in manifest.entries}
    if unknown := sorted({one.entry for one in requests if one.entry is not None} - known):
        raise UsageError(f"the log calls {unknown[0]!r}, which this service does not have",
                         advice=f"its entries are: {', '.join(sorted(known))}")
    golden = read_golden(bundle, manifest, headers) if any(one.body is None for one in requests) else ()
    cases, played = list(golden), []
    by_body: dict[tuple[str, bytes], int] = {}
    turns: dict[str | None, int] = {}
    for one in requests:
        if one.body is None:
            played.append((one.moment, _choose(golden, one.entry, turns)))
            continue
        entry = one.entry or manifest.entries[0].name
        if (entry, one.body) not in by_body:
            by_body[entry, one.body] = len(cases)
            cases.append(Case(entry, write_request(quote(entry), one.body, headers), checked=False))
        played.append((one.moment, by_body[entry, one.body]))
    return tuple(cases), tuple(played)


def _choose(golden: Sequence[Case], entry: str | None, turns: dict[str | None, int]) -> int:
    """Take the golden calls of an entry in turn, or of all."""
    numbers = [number for number, case in enumerate(golden) if entry in (None, case.entry)]
    if not numbers:
        raise UsageError(f"the log calls {entry!r} without a body, and there is no golden call of it",
                         advice="give the records of this entry a body")
    turns[entry] = turns.get(entry, -1) + 1
    return numbers[turns[entry] % len(numbers)]
