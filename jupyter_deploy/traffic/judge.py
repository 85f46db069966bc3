"""Whether answers are the notebook's: those of one version, each different one compared once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from jupyter_deploy.proof import Tolerance, compare
from jupyter_deploy.traffic.job import Case

_KNOWN = 20_000
"""Answers that are remembered as right or wrong."""
_SHOWN = 5


class Judge:
    """Holds the answers of a version against the notebook's, and counts."""

    def __init__(self, cases: Sequence[Case], tolerance: Tolerance) -> None:
        self._cases = cases
        self._tolerance = tolerance
        self._verdicts: dict[tuple[int, bytes], bool] = {}
        self.answers = 0
        self.wrong = 0
        self.unchecked = 0
        self.differences: list[str] = []
        """Some of those that are not the notebook's."""

    def take(self, number: int, body: bytes) -> bool:
        """Tell whether an answer is right: that of a case, by its number."""
        self.answers += 1
        right = self._verdicts.get((number, body))
        if right is None:
            right = self._compare(number, body)
        self.wrong += not right
        return right

    def _compare(self, number: int, body: bytes) -> bool:
        case = self._cases[number]
        if not case.checked:
            self.unchecked += 1
            return True
        try:
            found = list(compare(case.answer, orjson.loads(body), "answer", self._tolerance))
        except ValueError:
            found = [("answer", "JSON", body[:80].decode("latin-1"))]
        if found and len(self.differences) < _SHOWN:
            place, notebook, service = found[0]
            self.differences.append(f"{case.entry}, {place}: the notebook's {notebook}, the service's {service}")
        if len(self._verdicts) >= _KNOWN:
            self._verdicts.clear()
        self._verdicts[number, body] = not found
        return not found

    def dump(self) -> dict[str, Any]:
        """Give what was counted as JSON."""
        return {"answers": self.answers, "wrong": self.wrong, "differences": self.differences}
