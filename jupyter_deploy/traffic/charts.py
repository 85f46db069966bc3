"""Charts of a series of numbers: a line of blocks for a terminal, a curve for a page."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_COLUMNS = 60
_WIDTH, _HEIGHT, _LEFT = 640, 120, 56


def shrink(values: Sequence[float | None], width: int) -> list[float | None]:
    """Make a series no longer than `width`: of neighbours the highest stays."""
    if len(values) <= width:
        return list(values)
    edges = [round(number * len(values) / width) for number in range(width + 1)]
    return [max((value for value in values[first:last] if value is not None), default=None)
            for first, last in itertools.pairwise(edges)]


def draw_line(values: Sequence[float | None]) -> str:
    """Draw a series from 0 to its highest value; a space where there is none."""
    shown = shrink(values, _COLUMNS)
    top = max((value for value in shown if value is not None), default=0.0) or 1.0
    return "".join(" " if value is None else _BLOCKS[round(value / top * (len(_BLOCKS) - 1))] for value in shown)


def draw_curve(series: Sequence[tuple[str, Sequence[float | None]]], *, unit: str, seconds: float) -> str:
    """Draw series over the same time as an SVG: the first filled, the others as lines, each with its name."""
    top = max((value for _, values in series for value in values if value is not None), default=0.0) or 1.0
    parts = [f'<text x="{_LEFT - 6}" y="14" text-anchor="end">{top:,.4g} {unit}</text>',
             f'<text x="{_LEFT - 6}" y="{_HEIGHT}" text-anchor="end">0</text>',
             f'<text x="{_LEFT}" y="{_HEIGHT + 16}">0 s</text>',
             f'<text x="{_WIDTH}" y="{_HEIGHT + 16}" text-anchor="end">{seconds:,.0f} s</text>']
    for number, (name, values) in enumerate(series):
        parts += [f'<path class="c{number}" d="{piece}"/>' for piece in _draw_pieces(shrink(values, 600), top)]
        parts.append(f'<text class="n{number}" x="{_LEFT + 90 * number + 60}" y="{_HEIGHT + 16}">{name}</text>')
    return (f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 24}" role="img" aria-label="{series[0][0]}">'
            f'<path class="axis" d="M{_LEFT} 4V{_HEIGHT}H{_WIDTH}"/>{"".join(parts)}</svg>')


def _draw_pieces(values: Sequence[float | None], top: float) -> list[str]:
    """Draw the stretches in which there are values."""
    step = (_WIDTH - _LEFT) / max(1, len(values) - 1)
    pieces: list[list[str]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{_LEFT + number * step:.1f} {_HEIGHT - value / top * (_HEIGHT - 8):.1f}")
    return [f"M{' L'.join(points if len(points) > 1 else points * 2)}" for points in pieces if points]
