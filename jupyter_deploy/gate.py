"""The condition of `--promote-if`: a small language over recorded metrics, parsed and never executed.

    tests_pass and auc >= previous.auc - 0.01

Names are metrics of the new version, `previous.NAME` those of the live one. `previous` alone is the metric that it is
compared with, and `deploy:test passes` is `tests_pass`.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_deploy.errors import DeployError, UsageError

TESTS = "tests_pass"
PREVIOUS = "previous"
_LONGEST = 1000
_WORDING = re.compile(r"\bdeploy:tests?\s+pass(?:es)?\b")
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne}
_ADVICE = "such as 'tests_pass and auc >= previous.auc - 0.01'"


class Undecided(DeployError):
    """A condition asks for what was not recorded, or for what cannot be compared."""


@dataclass(frozen=True)
class Gate:
    """A condition, parsed."""

    text: str
    tree: ast.expr


@dataclass(frozen=True)
class Facts:
    """What a condition is about."""

    metrics: Mapping[str, Any]
    previous: Mapping[str, Any] | None
    """The metrics of the live version; None: nothing is live yet."""
    tests: tuple[bool, ...] = ()
    """Which `deploy:test` cells passed."""


@dataclass(frozen=True)
class Verdict:
    """Whether a condition holds, and why."""

    text: str
    met: bool
    values: Mapping[str, Any] = field(default_factory=dict)
    """What its names stood for: `auc`, `previous.auc`."""
    reasons: tuple[str, ...] = ()
    """What does not hold, or holds because there is no previous version."""


def parse_gate(text: str) -> Gate:
    """Read a condition (raises `UsageError`)."""
    wording = _WORDING.sub(TESTS, text.strip())
    try:
        if len(wording) > _LONGEST:
            raise UsageError(f"--promote-if: a condition of {len(wording)} characters is too long", advice=_ADVICE)
        tree = ast.parse(wording, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UsageError(f"--promote-if {text!r} is not a condition: {error}", advice=_ADVICE) from error
    _check(tree, text)
    return Gate(text.strip(), tree)


def _check(node: ast.AST, text: str) -> None:
    match node:
        case ast.BoolOp() | ast.Name() | ast.UnaryOp(op=ast.Not() | ast.USub()):
            pass
        case ast.Constant(value=bool() | int() | float() | str()):
            pass
        case ast.BinOp(op=operation) if type(operation) in _ARITHMETIC:
            pass
        case ast.Compare(ops=operations) if all(type(one) in _COMPARISONS for one in operations):
            _read_bare(node)
        case ast.Attribute(value=ast.Name(id="previous")):
            return
        case ast.boolop() | ast.operator() | ast.unaryop() | ast.cmpop() | ast.expr_context():
            pass
        case _:
            found = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise UsageError(f"--promote-if {text!r}: {found} is not allowed in a condition; wanted and, or, not, "
                             "comparisons, + - * /, numbers, metrics and previous.METRIC", advice=_ADVICE)
    for inner in ast.iter_child_nodes(node):
        _check(inner, text)


def _read_bare(comparison: ast.Compare) -> None:
    """Let `previous` alone be the one metric that it is compared with."""
    bare = [node for node in _own(comparison) if isinstance(node, ast.Name) and node.id == PREVIOUS]
    if not bare:
        return
    metrics = {node.id for node in _own(comparison) if isinstance(node, ast.Name)} - {PREVIOUS, TESTS}
    if len(metrics) != 1:
        raise UsageError(f"--promote-if: in {ast.unparse(comparison)} it is not clear which metric of the previous "
                         "version is meant", advice="say previous.METRIC")
    bare_names = set(map(id, bare))
    attribute = ast.Attribute(ast.Name(PREVIOUS, ast.Load()), metrics.pop(), ast.Load())
    comparison.left = _replace(comparison.left, bare_names, attribute)
    comparison.comparators = [_replace(one, bare_names, attribute) for one in comparison.comparators]


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a comparison, but for `previous.NAME`."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, ast.Attribute):
            yield inner
            yield from _own(inner)


def _replace(node: ast.expr, names: set[int], by: ast.expr) -> ast.expr:
    if id(node) in names:
        return by
    for key, value in ast.iter_fields(node):
        if isinstance(value, ast.expr):
            setattr(node, key, _replace(value, names, by))
    return node


def judge_gate(gate: Gate, facts: Facts) -> Verdict:
    """Say whether the condition holds (raises `Undecided` where it asks for what was not recorded)."""
    evaluation = _Evaluation(facts)
    met = bool(evaluation.decide(gate.tree))
    return Verdict(gate.text, met, evaluation.values, tuple(dict.fromkeys(evaluation.reasons)))


class _Evaluation:
    """One walk over a condition."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.values: dict[str, Any] = {}
        self.reasons: list[str] = []

    def decide(self, node: ast.expr) -> bool:
        """Decide a node that is true or false."""
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(list(map(self.decide, values)))  # all of them: each says why
            case ast.BoolOp(values=values):
                return any(list(map(self.decide, values)))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._is_first(operand) or not self.decide(operand)
            case ast.Compare():
                return self._compare(node)
            case ast.Name(id="tests_pass"):
                return self._decide_tests()
        return self._fail_unless(bool(self._value(node)), node)

    def _decide_tests(self) -> bool:
        tests = self._facts.tests
        self.values[TESTS] = bool(tests) and all(tests)
        if not tests:
            self.reasons.append("the notebook has no cell tagged deploy:test")
        elif not all(tests):
            self.reasons.append(f"{tests.count(False)} of {len(tests)} deploy:test cells failed")
        return bool(self.values[TESTS])

    def _is_first(self, node: ast.expr) -> bool:
        """Whether a node asks for the previous version, and there is none: then it holds."""
        first = self._facts.previous is None and any(
            isinstance(one, ast.Attribute) for one in ast.walk(node))
        if first:
            self.reasons.append(f"{ast.unparse(node)} holds: this is the first version")
        return first

    def _compare(self, node: ast.Compare) -> bool:
        if self._is_first(node):
            for one in ast.walk(node):
                if isinstance(one, ast.Name) and one.id not in (PREVIOUS, TESTS):
                    self._value(one)
            return True
        values = [self._value(one) for one in (node.left, *node.comparators)]
        try:
            holds = all(_COMPARISONS[type(operation)](left, right)
                        for operation, left, right in zip(node.ops, values, values[1:], strict=False))
        except TypeError as error:
            raise Undecided(f"--promote-if: {ast.unparse(node)} cannot be compared: {error}") from error
        return self._fail_unless(holds, node)

    def _fail_unless(self, holds: bool, node: ast.expr) -> bool:
        if not holds:
            self.reasons.append(f"{ast.unparse(node)} does not hold")
        return holds

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._decide_tests() if name == TESTS else self._look_up(name, self._facts.metrics, name)
            case ast.Attribute(attr=name):
                return self._look_up(name, self._facts.previous or {}, f"{PREVIOUS}.{name}")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand)
            case ast.BinOp(left=left, op=operation, right=right):
                try:
                    return _ARITHMETIC[type(operation)](self._number(left), self._number(right))
                except (ArithmeticError, TypeError) as error:
                    raise Undecided(f"--promote-if: {ast.unparse(node)} cannot be computed: {error}") from error
        return self.decide(node)

    def _number(self, node: ast.expr) -> Any:
        value = self._value(node)
        if isinstance(value, (str, bool)) or not isinstance(value, (int, float)):
            raise Undecided(f"--promote-if: {ast.unparse(node)} is {value!r}, which is not a number")
        return value

    def _look_up(self, name: str, metrics: Mapping[str, Any], shown: str) -> Any:
        if name not in metrics:
            whose = "the live version" if shown != name else "the notebook"
            advice = ("release once without --promote-if: its metrics are kept from then on" if shown != name else
                      f"record it: jupyter_deploy.record({name!r}, value)")
            raise Undecided(f"--promote-if: {whose} recorded no {name}; it recorded "
                             f"{', '.join(sorted(metrics)) or 'nothing'}", advice=advice)
        self.values[shown] = metrics[name]
        return metrics[name]
