from __future__ import annotations

import pytest

from jupyter_deploy.capture.slice import Piece, order_pieces


def piece(name: str, *, now: str = "", later: str = "", kind: str = "function") -> Piece:
    return Piece(name, kind, name, name, now=frozenset(now.split()), later=frozenset(later.split()))


@pytest.mark.parametrize(
    ("pieces", "before"),
    [
        pytest.param([piece("f", now="base"), piece("base")], [("base", "f")], id="a decorator stands before its use"),
        pytest.param(
            [piece("f", now="deco"), piece("deco", later="helper"), piece("helper")],
            [("helper", "f")],
            id="what a decorator calls stands before it runs",
        ),
        pytest.param(
            [piece("model", now="Cls", kind="state"), piece("Cls", later="model")],
            [("Cls", "model")],
            id="a class stands before a value of it, though its method reads the value",
        ),
        pytest.param([piece("a", later="b"), piece("b", later="a")], [], id="mutual recursion ends"),
        pytest.param(
            [piece("f"), piece("np", kind="import"), piece("K", kind="constant")],
            [("np", "f"), ("np", "K"), ("K", "f")],
            id="imports and constants stand first",
        ),
        pytest.param(
            [piece("f"), piece("annotations", kind="future"), piece("np", kind="import")],
            [("annotations", "np")],
            id="the future stands before all",
        ),
    ],
)
def test_order(pieces: list[Piece], before: list[tuple[str, str]]) -> None:
    names = [one.name for one in order_pieces({one.name: one for one in pieces}, (pieces[0].name,))]
    assert sorted(names) == sorted(one.name for one in pieces)
    for first, second in before:
        assert names.index(first) < names.index(second)
