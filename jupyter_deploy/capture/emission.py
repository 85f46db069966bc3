"""The slice as the text of `service.py`, with a map from its lines to the notebook's cells."""

from __future__ import annotations

from jupyter_deploy.capture.slice import Piece, Slice
from jupyter_deploy.runtime.manifest import Span

_BLOCKS = frozenset({"function", "class", "cell", "generated", "setting"})


def emit(piece_of: Slice, *, title: str) -> tuple[str, tuple[Span, ...]]:
    """Write the module and say which of its lines came from which cell."""
    lines = [f'"""{title}"""', ""]
    spans: list[Span] = []
    previous: Piece | None = None
    for piece in piece_of.pieces:
        lines += [""] * _blank_lines(previous, piece)
        first = len(lines) + 1
        text = piece.text.splitlines()
        lines += text
        if piece.cell is not None:
            shift = _lines_before_source(piece)
            spans.append(Span(first + shift, first + len(text) - 1, piece.cell, piece.line))
        previous = piece
    return "\n".join(lines) + "\n", tuple(spans)


def _lines_before_source(piece: Piece) -> int:
    """A maker's own first line stands before the source it wraps."""
    return 1 if piece.kind == "function" and piece.text.startswith(f"def _make_{piece.name.lstrip('_')}(") else 0


def _blank_lines(previous: Piece | None, piece: Piece) -> int:
    if previous is None:
        return 0
    if piece.kind in _BLOCKS or previous.kind in _BLOCKS:
        return 2
    return 0 if (previous.kind == piece.kind or piece.kind == "import") else 1
