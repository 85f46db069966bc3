"""Whether requests may be answered together: tried out on the golden calls, before the worker is ready.

Each row's answer has to be the same to the last bit, alone and among others, in another order, in batches of several
sizes. That is so or not on this very machine: how its linear algebra adds up may depend on how many rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson

from .batches import BOUND, AnswerOne, ModelPlan, Plan, Refuse, TablePlan
from .encode import encode
from .entries import ServedEntry, by_position
from .lifting import Lifted, lift
from .messages import Request
from .stacks import describe_rows, split, stack
from .variations import same, vary

ROWS = 16
"""Rows that are tried."""
SIZES = (2, 5, 16, 64)
"""Tables in the batches that are tried."""
PATIENCE = 0.5
"""Seconds after which no further rows are tried alone; at least `LEAST` are."""
LEAST = 4
ROW_BY_ROW = frozenset({"frame", "records", "rows", "column"})
"""How an argument takes a table of which each row may have an answer of its own."""


class Unlike(Exception):
    """Requests may not be answered together; the message says why."""


@dataclass(frozen=True)
class Trial:
    """An entry and how it is called."""

    entry: ServedEntry
    golden: Sequence[Request]
    """Its golden calls, at least one; each is answered when it is alone."""
    answer_one: AnswerOne
    refuse: Refuse

    def find_plan(self) -> Plan:
        """Find out how the entry's requests can be answered together (raises `Unlike`)."""
        lifted = self._lift()
        try:
            return self._try_tables()
        except Unlike:
            if lifted is None:
                raise
        return self._try_models(lifted)

    def _lift(self) -> Lifted | None:
        lifted = lift(self.entry.original)
        positional = self.entry.described.positional
        return by_position(lifted, positional) if lifted is not None and positional else lifted

    def _try_tables(self) -> TablePlan:
        forms = self.entry.forms
        if forms.take not in ROW_BY_ROW:
            raise Unlike("it does not take a table")
        plan = TablePlan(self.entry, self.answer_one)
        rows = list({orjson.dumps(row): row for request in self.golden for row in plan.read(request) or ()}.values())
        if len(rows) < 2:
            raise Unlike("the golden calls have fewer than two different rows")
        answers = self._answer_rows(str(forms.target), rows[:ROWS])
        rows = rows[: len(answers)]
        for size in SIZES:
            # Backwards, so that no row is where it was, and every third table with two rows.
            parts = [[-place % len(rows), *[place % len(rows)] * (place % 3 == 0)] for place in range(size)]
            found = _attempt(lambda: plan.call_once([[rows[place] for place in part] for part in parts]))  # noqa: B023 - called at once
            if found != [b"[%b]" % b",".join(answers[place] for place in part) for part in parts]:
                raise Unlike("a row is not answered among others as it is alone, to the last bit")
        return plan

    def _answer_rows(self, target: str, rows: Sequence[Any]) -> list[bytes]:
        """Give the JSON of what each row is answered alone; of fewer rows if that takes long."""
        answers: list[bytes] = []
        until = perf_counter() + PATIENCE
        for row in rows:
            if len(answers) >= LEAST and perf_counter() > until:
                break
            body = _attempt(lambda: encode(self.entry.call(self.entry.decode({target: [row]}))))  # noqa: B023 - called at once
            found = orjson.loads(body)
            if type(found) is not list or len(found) != 1:
                raise Unlike("a row alone is not answered by a list of one")
            answers.append(body[1:-1])
        return answers

    def _try_models(self, lifted: Lifted) -> ModelPlan:
        asked: dict[Callable[[Any], Any], list[Any]] = {}
        for request in self.golden:
            for method, rows in _attempt(lambda: self._list_questions(lifted, request)):  # noqa: B023 - called at once
                if type(method) not in BOUND:
                    raise Unlike(f"{method!r} is not a method of a model")
                asked.setdefault(method, []).append(rows)
        for method, tables in asked.items():
            try_method(method, tables)
        if not asked:
            raise Unlike("the golden calls ask no model")
        plan = ModelPlan(self.entry, lifted, frozenset(asked), self.answer_one, self.refuse)
        alone = [self.answer_one(request) for request in self.golden]
        for size in SIZES[:2]:
            if plan.answer([*self.golden] * size) != alone * size:
                raise Unlike("a call's answer is another among other calls")
        return plan

    def _list_questions(self, lifted: Lifted, request: Request) -> list[tuple[Callable[[Any], Any], Any]]:
        arguments = request.route.decode(request)
        questions = []
        generator = lifted(**arguments)  # type: ignore[arg-type]  # a native request's arguments
        try:
            question = next(generator)
            while True:
                questions.append(question)
                method, rows = question
                question = generator.send(method(rows))
        except StopIteration:
            return questions


def try_method(method: Callable[[Any], Any], tables: Sequence[Any]) -> None:
    """Try whether a model's method answers rows together as it answers them alone (raises `Unlike`)."""
    if describe_rows(tables[0]) is None:
        raise Unlike(f"what {method.__name__} is asked is not a table of rows")
    rows = _attempt(lambda: vary(tables, ROWS))
    if len(rows) < 2:
        raise Unlike("the golden calls have fewer than two different rows")
    alone: list[Any] = []
    until = perf_counter() + PATIENCE
    for row in rows:
        if len(alone) < LEAST or perf_counter() < until:
            alone += _attempt(lambda: split(method(row), [1]))  # noqa: B023 - called at once
    for size in SIZES:
        order = [place % len(alone) for place in range(size, 0, -1)]
        found = _attempt(lambda: split(method(stack([rows[place] for place in order])), [1] * len(order)))  # noqa: B023 - called at once
        if not all(same(one, alone[place]) for one, place in zip(found, order, strict=True)):
            raise Unlike(f"{method.__name__} does not answer a row among others as it does alone, to the last bit")


def _attempt(do: Callable[[], Any]) -> Any:
    """Do what may fail in any way, for it is the service's own code (raises `Unlike`)."""
    try:
        return do()
    except (Exception, SystemExit) as error:
        raise Unlike(f"{type(error).__name__}: {error}") from error
