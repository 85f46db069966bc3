"""Two versions beside each other, told as text: for the endpoint's own display, `nbdeploy show` and the panels."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_deploy.registry import data_dir
from jupyter_deploy.targets.rollout import (
    describe_lacks,
    name_rollout,
    write_errors,
    write_seconds,
    write_share,
    write_time,
)

SHOWN = 5
"""Places at which answers differ, that are shown of each table."""


def describe_rollout(name: str, live: str, rollout: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give rows of a heading and a text: both versions with their figures, how they compare, what to do next."""
    figures, mode = rollout["figures"], rollout["mode"]
    rest = "all requests" if mode == "shadow" else f"{write_share(1 - rollout['share'])} of the requests"
    part = name_rollout(mode, rollout["share"]).partition("(")[2][:-1]
    rows = [
        ("live", f"{live}: {rest}; {_describe_version(figures['live'])}"),
        (mode, f"{rollout['version']}: {part}; {_describe_version(figures['other'])}"),
    ]
    if mode == "shadow":
        rows.append(("answers", _describe_answers(figures)))
    if figures["returned"]:
        rows.append(("returned", f"{figures['returned']} requests, to the live version: a worker was gone"))
    if lacks := rollout.get("lacks"):
        rows.append(("lacks", describe_lacks(lacks)))
    return [*rows, ("decides", _describe_rules(rollout)),
            ("next", f"nbdeploy promote {name}, or nbdeploy abort {name}")]


def _describe_version(figures: Mapping[str, Any]) -> str:
    said = f"{figures['requests']} answered, {write_errors(figures['errors'], figures['refused'])}"
    if figures["p95"] is None:
        return said  # none came yet, or it is a shadow
    return f"{said}, p50 {write_seconds(figures['p50'])}, p95 {write_seconds(figures['p95'])}"


def _describe_answers(figures: Mapping[str, Any]) -> str:
    if not figures["compared"]:
        return "none compared yet"
    text = (f"{write_share(1 - figures['disagreement'])} of {figures['compared']} equal, largest difference "
            f"{figures['largest']:.6g}")
    return text + (f"; {figures['dropped']} not compared, as it was behind" if figures["dropped"] else "")


def _describe_rules(rollout: Mapping[str, Any]) -> str:
    rules, waits = rollout["rules"], rollout["waits_for"]
    after = rules["promote_after"]
    limits = [f"errors > {write_share(rules['max_error_rate'])} more"]
    if rollout["mode"] == "canary":
        limits.append(f"p95 > {rules['max_slowdown']:g} times")
    if rules["max_disagreement"] is not None:
        limits.append(f"answers that differ > {write_share(rules['max_disagreement'])}")
    how = "you promote it" if after is None else (
        f"it is promoted after {write_time(after)} and {rules['min_requests']} requests"
        + (f" (missing: {', '.join(waits)})" if waits else ""))
    return f"{how}; it is taken away at {', '.join(limits)}"


class Differences(tuple[dict[str, Any], ...]):
    """Places at which answers differ, as `read_differences` gives them: `pandas.DataFrame` takes them as they are.

    They show the first of themselves as a table, with numbers to six digits.
    """

    __slots__ = ()
    _SHOWN, _WIDEST = 20, 40
    _COLUMNS = ("time", "entry", "place", "live", "shadow", "input")

    def __repr__(self) -> str:
        if not self:
            return "no answers that differ were kept"
        rows = [list(self._COLUMNS), *self._rows()]
        widths = [min(self._WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]
        lines = ["  ".join(text[:width].ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
                 for row in rows]
        return "\n".join([*lines, *self._more()])

    def _repr_html_(self) -> str:
        if not self:
            return repr(self)
        head = "".join(f"<th>{name}</th>" for name in self._COLUMNS)
        cell = '<td style="text-align: left">{}</td>'
        rows = ["".join(cell.format(html.escape(text)) for text in row) for row in self._rows()]
        table = f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
        return "\n".join([table, *self._more()])

    def _more(self) -> list[str]:
        more = len(self) - self._SHOWN
        return [f"… and {more} more"] if more > 0 else []

    def _rows(self) -> list[list[str]]:
        return [[one["time"], one["entry"], write_place(one["path"]),
                 *(json.dumps(_shorten(one[key]), ensure_ascii=False)[:200] for key in ("live", "shadow", "input"))]
                for one in self[: self._SHOWN]]


def _shorten(value: Any) -> Any:
    """Give numbers six digits, wherever they are."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [_shorten(one) for one in value]
    if isinstance(value, dict):
        return {key: _shorten(one) for key, one in value.items()}
    return value


def write_place(path: Iterable[str | int]) -> str:
    """Write where in an answer something is: `[0].risk`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def read_differences(name: str) -> Iterator[dict[str, Any]]:
    """Give the places at which a shadow's answers differ, the first ones.

    Each has `time` (ISO 8601), `entry`, `path` (keys and positions), `live`, `shadow` and `input`.
    """
    folder = data_dir() / "rollouts" / name
    for file in sorted(folder.glob("*.jsonl")):
        for line in _read_lines(file):
            try:
                one = json.loads(line)
            except ValueError:
                continue  # it is being written
            moment = datetime.fromtimestamp(one["time"], timezone.utc).isoformat(timespec="seconds")
            yield {"time": moment, "entry": one["entry"], "path": one["path"], "live": one["live"],
                   "shadow": one["other"], "input": one["input"]}


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def format_differences(name: str) -> list[str]:
    """Lay the first of those places out, one a line."""
    lines: list[str] = []
    for one in read_differences(name):
        if len(lines) == SHOWN:
            break
        place = write_place(one["path"])
        asked = json.dumps(one["input"], ensure_ascii=False)
        live, other = (json.dumps(one[key], ensure_ascii=False) for key in ("live", "shadow"))
        lines.append(f"{one['entry']}{place}: live {live}, shadow {other}, for {asked[:120]}{'…' * (len(asked) > 120)}")
    return lines
