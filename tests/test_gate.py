"""The condition of `--promote-if`: what it means, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_deploy.errors import UsageError
from jupyter_deploy.gate import Facts, Undecided, judge_gate, parse_gate

NOW = {"auc": 0.86, "f1": 0.7, "kind": "forest"}


@pytest.mark.parametrize(("text", "previous", "tests", "met"), [
    ("auc > 0.8", {}, (), True),
    ("auc > 0.9", {}, (), False),
    ("auc >= previous.auc - 0.01", {"auc": 0.865}, (), True),
    ("auc >= previous.auc - 0.01", {"auc": 0.88}, (), False),
    ("auc >= previous - 0.01", {"auc": 0.88}, (), False),
    ("deploy:test passes and auc >= previous - 0.01", {"auc": 0.865}, (True, True), True),
    ("deploy:test passes and auc >= previous - 0.01", {"auc": 0.865}, (True, False), False),
    ("tests_pass", {}, (), False),
    ("not tests_pass or f1 * 2 == 1.4", {}, (False,), True),
    ("0.5 < auc <= 1 and kind == 'forest'", {}, (), True),
    ("auc + -f1 > 0.2", {}, (), False),
    ("auc >= previous.auc and f1 > 0.6", None, (), True),
    ("auc >= previous.auc and f1 > 0.9", None, (), False),
    ("not auc < previous.auc", None, (), True),
])
def test_what_holds(text: str, previous: dict[str, Any] | None, tests: tuple[bool, ...], met: bool) -> None:
    assert judge_gate(parse_gate(text), Facts(NOW, previous, tests)).met == met


def test_it_says_why() -> None:
    verdict = judge_gate(parse_gate("tests_pass and auc >= previous - 0.01"), Facts(NOW, {"auc": 0.9}, (True, False)))
    assert verdict.values == {"tests_pass": False, "auc": 0.86, "previous.auc": 0.9}
    assert verdict.reasons == ("1 of 2 deploy:test cells failed", "auc >= previous.auc - 0.01 does not hold")
    first = judge_gate(parse_gate("auc >= previous"), Facts(NOW, None))
    assert (first.met, first.values, first.reasons) == (
        True, {"auc": 0.86}, ("auc >= previous.auc holds: this is the first version",))


@pytest.mark.parametrize("text", [
    "", "auc >", "auc = 1", "__import__('os').system('true')", "auc.real > 1", "previous.auc.real > 1", "[1][0] == 1", "2 ** 9 > auc",
    "(lambda: 1)() > 0", "auc if f1 else 1", "f'{auc}' == ''", "auc in (1, 2)", "previous > 0", "auc + f1 > previous", "x := 1",
    "previous.__class__.mro() > 1", "1" * 2000, "b'' == auc", "...", "auc > 1j",
])
def test_what_is_refused_before_anything_runs(text: str) -> None:
    with pytest.raises(UsageError, match="--promote-if"):
        parse_gate(text)


@pytest.mark.parametrize(("text", "previous", "message"), [
    ("acu > 1", {}, "the notebook recorded no acu; it recorded auc, f1, kind"),
    ("auc > previous.auc", {"f1": 1}, "the live version recorded no auc"),
    ("kind > 1", {}, "cannot be compared"), ("auc / 0 > 1", {}, "cannot be computed"), ("kind - 1 > 1", {}, "which is not a number"),
])
def test_what_cannot_be_decided_is_told(text: str, previous: dict[str, Any], message: str) -> None:
    with pytest.raises(Undecided, match=message):
        judge_gate(parse_gate(text), Facts(NOW, previous))
