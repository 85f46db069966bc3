"""How entries behave when they are called: what a worker found out about them before it was ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .grip import Grip

if TYPE_CHECKING:
    from .calls import Caller
    from .entries import ServedEntry

SAID: dict[Grip, str] = {
    "waits": "waits for something else: calls run in threads, many at a time",
    "lets go": "computes without the GIL: long calls run in threads, on several cores at a time",
    "holds": "holds the GIL: long calls run in a thread, and only more workers do more at a time",
    "unknown": "was not watched: long calls run in threads",
}


def dump_conduct(entries: Iterable[ServedEntry], caller: Caller) -> dict[str, dict[str, Any]]:
    """Give what was found out, as a JSON object for each entry that was called.

    `seconds` a call; `threads`, whether it runs in one; `grip` and `free`, of one that is not called at once, as
    `grip.Finding` has them; `together`, whether requests are answered together, and if not, why `alone`.
    """
    return {one.name: {"seconds": round(one.seconds, 6), **one.finding._asdict(), "together": one.plan is not None,
                       "threads": not one.is_async and not caller.is_short(one), "alone": one.alone}
            for one in entries if one.seconds < float("inf")}


def known_grips(conduct: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Give what was found out that another worker of the version need not measure again: `--grip` tells it."""
    return {name: one["grip"] for name, one in conduct.items() if one["grip"] != "unknown"}


def brief_conduct(conduct: Mapping[str, Mapping[str, Any]]) -> str:
    """Say it in a few words: `predict 0.1 ms, together; score 12 ms, GIL 3% free`."""
    return "; ".join(", ".join(_list_words(name, one)) for name, one in conduct.items())


def _list_words(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"{name} {_write_time(one)}"
    if one["grip"] != "unknown":
        yield "waits" if one["grip"] == "waits" else f"GIL {one['free']:.0%} free"
    if one["together"]:
        yield "together"


def describe_conduct(conduct: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say it in two lines for each entry."""
    lines = []
    for name, one in conduct.items():
        said = "" if one["grip"] == "unknown" else (
            f" and {SAID[one['grip']]} (it was free for {one['free']:.0%} of the time)")
        lines.append(f"a call of {name} takes {_write_time(one)}{said}")
        lines.append("requests that arrive together are answered together" if one["together"] else
                     f"each request is answered alone: {one['alone'] or 'there was no time to try them together'}")
    return lines


def _write_time(one: Mapping[str, Any]) -> str:
    return f"{one['seconds'] * 1000:.2g} ms" if one["seconds"] < 0.01 else f"{one['seconds'] * 1000:.0f} ms"
