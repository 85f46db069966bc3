"""The report of a rehearsal: as text for a terminal, and as sentences that the page shares."""

from __future__ import annotations

import math
from collections.abc import Iterator

from jupyter_deploy.traffic.charts import draw_line
from jupyter_deploy.traffic.figures import Outcome, Second, quantile

_SHARES = (0.5, 0.9, 0.99, 0.999)


def write_report(outcome: Outcome) -> str:
    """Write the report."""
    figures = list_figures(outcome)
    return "\n".join([*_head(outcome), "", *_charts(outcome), "", *(f"{name:<12}{text}" for name, text in figures)])


def _head(outcome: Outcome) -> Iterator[str]:
    copy = "a copy of " if outcome.copied else ""
    yield f"rehearsal of {copy}{outcome.name}, version {outcome.version}: {outcome.shape}"
    yield verdict(outcome)


def verdict(outcome: Outcome) -> str:
    """Say in a line what came of it."""
    played = f"{outcome.sent:,} {f'of {outcome.planned:,} ' if outcome.interrupted else ''}requests"
    troubles = [f"{_count(count)} {what}"
                for what, count in (("lost", outcome.lost), ("wrong", outcome.wrong))]
    if outcome.failed:
        troubles.append(f"{outcome.failed:,} failed")
    others = "".join(f"; {other.answers:,} answered by version {version}, {_count(other.wrong)} of them otherwise"
                     for version, other in outcome.others.items())
    refused = f"; {outcome.rejected:,} were told to come again" if outcome.rejected else ""
    early = "; ended early" if outcome.interrupted else ""
    return f"{played} in {outcome.duration:,.1f} s: {', '.join(troubles)}{refused}{others}{early}"


def _count(number: int) -> str:
    return f"{number:,}" if number else "none"


def _charts(outcome: Outcome) -> Iterator[str]:
    seconds = outcome.seconds
    for name, values, text in (
        ("requests/s", [float(one.good) for one in seconds], f"{outcome.fastest:,.0f}"),
        ("p50", [one.quantile(0.5) for one in seconds], _highest(seconds, 0.5)),
        ("p99", [one.quantile(0.99) for one in seconds], _highest(seconds, 0.99)),
        ("workers", [one.workers for one in seconds], f"{outcome.most_workers or 0}"),
        ("rejected", [float(one.rejected) for one in seconds], f"{max([0, *(one.rejected for one in seconds)]):,}"),
        ("lost", [float(one.lost) for one in seconds], f"{max([0, *(one.lost for one in seconds)]):,}"),
        ("wrong", [float(one.wrong) for one in seconds], f"{max([0, *(one.wrong for one in seconds)]):,}"),
    ):
        if name in ("requests/s", "p50", "p99", "workers") or any(values):
            yield f"{name:<12}{draw_line(values)}  most {text}"


def _highest(seconds: tuple[Second, ...], share: float) -> str:
    return format_time(max((value for one in seconds if (value := one.quantile(share)) is not None), default=None))


def list_figures(outcome: Outcome) -> list[tuple[str, str]]:
    """Give the figures, each with its name."""
    rows = [("answered", _answers(outcome)), ("latency", _latency(outcome))]
    if outcome.unchecked:
        rows.append(("unchecked", f"{outcome.unchecked:,} answers to recorded bodies: nobody knows what is right"))
    rows += [("lost", f"{count:,}: {reason}") for reason, count in outcome.reasons.items()]
    rows += [("wrong", text) for text in outcome.differences]
    rows += [("other", text) for text in _others(outcome)]
    rows += [("first", text) for text in _firsts(outcome)]
    if outcome.memory is not None:
        rows.append(("memory", f"{outcome.memory / 1e6:,.0f} MB, all workers together, at most"))
    rows += [("cost", text) for text in _cost(outcome)]
    rows += [("needs", text) for text in _needs(outcome)]
    return rows


def _others(outcome: Outcome) -> Iterator[str]:
    for version, other in outcome.others.items():
        differ = f"{other.wrong:,} of {other.answers:,} answers of version {version}, which is tried beside it, differ"
        yield (f"{differ} from the notebook of {outcome.version}: none of them counts as wrong"
               + "".join(f"; {text}" for text in other.differences[:1]))
    if outcome.replaced is not None:
        yield (f"version {outcome.replaced} went live meanwhile: its answers were held against the notebook of "
               f"{outcome.version}")


def _cost(outcome: Outcome) -> Iterator[str]:
    if outcome.avoided is not None:
        held = f"{outcome.most_workers} for all of the {outcome.duration:,.0f} s would have been {outcome.held:,.0f}"
        yield f"{outcome.worker_seconds:,.0f} worker-seconds, where {held}: {outcome.avoided:.0%} avoided"


def _needs(outcome: Outcome) -> Iterator[str]:
    if outcome.needed is not None:
        generator = max((one.cpu for one in outcome.seconds), default=0.0)
        took = format_time(outcome.cpu_per_request)
        yield (f"{outcome.needed:,.2g} cores for the peak of {outcome.peak:,.0f} requests/s, busy 70 % of the time: "
               f"a request took {took} of one. This machine has {outcome.cores}, of which the generator took up to "
               f"{generator:.2g}")
        if outcome.needed > outcome.cores:
            yield (f"more than this machine has, so the peak does not fit it: take one of {math.ceil(outcome.needed)} "
                   "cores, make calls cheaper (--batch answers together what arrives together), or spread the peak")


def _answers(outcome: Outcome) -> str:
    statuses = sorted({status for second in outcome.seconds for status in second.answered})
    return ", ".join(f"{outcome.total(status):,} with {status}" for status in statuses) or "none"


def _latency(outcome: Outcome) -> str:
    latency = outcome.latency
    figures = ", ".join(f"p{share * 100:g} {format_time(quantile(latency, share))}" for share in _SHARES)
    return f"{figures}, from the moment at which each request was due"


def _firsts(outcome: Outcome) -> Iterator[str]:
    for first in outcome.firsts[:10]:
        state = ""
        if first.workers is not None:
            state = f", with {first.workers or 'no'} worker{'s' if first.workers > 1 else ''}"
        yield f"answer after {format_time(first.seconds)} at {first.moment:,.1f} s{state}"


def format_time(seconds: float | None) -> str:
    """Write a time with the unit that fits."""
    if seconds is None:
        return "-"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def format_progress(second: Second) -> str:
    """Write what came of one second, on a line."""
    troubles = "".join(f", {count:,} {what}" for what, count in (("rejected", second.rejected), ("wrong", second.wrong),
                                                                 ("lost", second.lost)) if count)
    late = f", {format_time(second.late)} behind" if second.late > 0.1 else ""
    return (f"{second.number + 1:>5} s  {second.good:>8,} answered, p50 {format_time(second.quantile(0.5))}, "
            f"p99 {format_time(second.quantile(0.99))}{troubles}{late}")
