"""Tables of docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds(value: float) -> str:
    """Write seconds."""
    return f"{value:.2f}"


def milliseconds(value: float) -> str:
    """Write seconds as milliseconds."""
    return f"{value * 1000:.0f}" if value >= 0.01 else f"{value * 1000:.2f}"


def replace_part(name: str, text: str) -> None:
    """Put `text` between the comments `<!-- name -->` and `<!-- end -->` of the page."""
    page = PAGE.read_text(encoding="utf-8")
    part = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not part.search(page):
        raise ValueError(f"{PAGE.name} has no part <!-- {name} --> … <!-- end --> to put the table into")
    PAGE.write_text(part.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page), encoding="utf-8")


def describe_circumstances(result: dict[str, Any]) -> str:
    """Say on what the figures were measured, and how quiet it was."""
    machine, noise = result["machine"], result["noise"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"Measured on {result['date']}: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}, {packages}. Load average {noise['load_average']}; a fixed "
        f"piece of work took {noise['probe_median']} times its best time in the median, {noise['probe_worst']} times "
        "at worst."
    )
