from __future__ import annotations

import pytest

from jupyter_deploy.runtime.comparison import compare_bodies


@pytest.mark.parametrize(("live", "other", "tolerance", "differs", "largest", "paths"), [
    (b"[1, 2]", b"[1, 2]", 0.0, False, 0.0, []),
    (b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}', 0.0, False, 0.0, []),
    (b"[1, 2.0]", b"[1.0, 2]", 0.0, False, 0.0, []),
    (b"[1, 2]", b"[1, 2.5]", 0.0, True, 0.5, [(1,)]),
    (b"[1, 2]", b"[1, 2.5]", 0.5, False, 0.5, []),
    (b'[{"p": 0.2, "c": "x"}]', b'[{"p": 0.3, "c": "y"}]', 0.2, True, 0.1, [(0, "c")]),
    (b'[{"p": 0.2}]', b'[{"q": 0.2}]', 1.0, True, 0.0, [(0,)]),
    (b"[1, 2]", b"[1]", 1.0, True, 0.0, [()]),
    (b"true", b"1", 1.0, True, 0.0, [()]),
    (b"null", b"0.5", 1.0, True, 0.0, [()]),
    (b"\x00\x01", b"\x00\x02", 0.0, True, 0.0, [()]),
])
def test_answers_are_compared_place_by_place(live, other, tolerance, differs, largest, paths):
    found = compare_bodies(live, other, tolerance)
    assert (found.differs, [place.path for place in found.places]) == (differs, paths)
    assert found.largest == pytest.approx(largest)


def test_only_so_many_places_are_named():
    found = compare_bodies(str(list(range(100))).encode(), str(list(range(1, 101))).encode(), 0.0)
    assert (found.differs, found.largest, len(found.places)) == (True, 1.0, 20)
