"""Answering requests of one entry together: with one call of its function, or with one call of the model beneath it.

A batch that fails is halved until those callers are alone whose own request fails: nobody's mistake is another's error.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from time import perf_counter
from types import BuiltinMethodType, MethodType
from typing import Any, Protocol

from .encode import encode_parts
from .entries import ServedEntry
from .lifting import Lifted
from .messages import Answer, Request
from .protocols.typed import read_json
from .refusals import Refusal
from .stacks import describe_rows, split, stack
from .tables import Calls

BOUND = (MethodType, BuiltinMethodType)
AnswerOne = Callable[[Request], Answer]
"""Answers a request by a call of its own; raises nothing."""
Refuse = Callable[[Request, BaseException], Answer]


class Plan(Protocol):
    """A way to answer requests together."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer requests of the entry as each would be answered alone; raises nothing."""


class TablePlan:
    """Calls an entry that answers row by row once, with the rows of all requests.

    The rows are put together as JSON, before they become an array or a frame, which costs as much for one as for many.
    A request of another shape, or with more arguments, is answered alone.
    """

    def __init__(self, entry: ServedEntry, answer_one: AnswerOne) -> None:
        self._entry = entry
        self._target = str(entry.forms.target)
        self._answer_one = answer_one

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer requests of the entry as each would be answered alone; raises nothing."""
        if len(requests) == 1:  # before its body is parsed, which would be done twice
            return [self._answer_one(requests[0])]
        tables = list(map(self.read, requests))
        bodies = iter(self.call([table for table in tables if table]))
        answers = []
        for request, table in zip(requests, tables, strict=True):
            body = next(bodies) if table else None
            answers.append(self._answer_one(request) if body is None else Answer(200, body))
        return answers

    def read(self, request: Request) -> list[Any] | None:
        """Give the rows of a request that has nothing else, at least one."""
        try:
            given = read_json(request)
        except Refusal:
            return None
        rows = given.get(self._target) if type(given) is dict and len(given) == 1 else None
        return rows if type(rows) is list and rows else None

    def call(self, tables: Sequence[list[Any]]) -> list[bytes | None]:
        """Give the JSON of each table's answer; None for one that has to be called alone."""
        if len(tables) < 2:
            return [None] * len(tables)
        try:
            return list(self.call_once(tables))
        except (Exception, SystemExit):  # noqa: BLE001 - it is raised again where the caller is alone whose fault it is
            half = len(tables) // 2
            return self.call(tables[:half]) + self.call(tables[half:])

    def call_once(self, tables: Sequence[list[Any]]) -> list[bytes]:
        """Give the JSON of each table's answer, or raise whatever is wrong with one of them."""
        arguments = self._entry.decode({self._target: stack(tables)})
        started = perf_counter()
        result = self._entry.call(arguments)
        self._entry.took(perf_counter() - started)
        return list(encode_parts(result, [len(table) for table in tables]))


class _Call:
    """A call of a lifted function, and what it waits for."""

    __slots__ = ("answer", "description", "generator", "method", "request", "result", "rows")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.generator: Any = None
        self.method: Callable[[Any], Any] = len
        self.rows: Any = None
        self.description: Hashable = None
        self.result: Any = None
        self.answer: Answer | None = None


class ModelPlan:
    """Runs an entry's own code for each request, and asks the model once where several ask it the same.

    Parameters
    ----------
    proven
        The models' methods that answer rows together as they answer them alone.

    """

    def __init__(
        self, entry: ServedEntry, lifted: Lifted, proven: frozenset[Callable[[Any], Any]], answer_one: AnswerOne,
        refuse: Refuse,
    ) -> None:
        self._entry = entry
        self._lifted = lifted
        self._proven = proven
        self._answer_one = answer_one
        self._refuse = refuse

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer requests of the entry as each would be answered alone; raises nothing."""
        calls = [_Call(request) for request in requests]
        asking = [call for call in calls if self._begin(call)]
        started = perf_counter()
        asking = [call for call in asking if self._advance(call, call.generator.send, None)]
        while asking:
            asking = self._ask_all(asking)
        self._entry.took(perf_counter() - started)
        return [call.answer or self._encode(call) for call in calls]

    def _begin(self, call: _Call) -> bool:
        try:
            arguments = call.request.route.decode(call.request)
        except Exception as error:  # noqa: BLE001 - the service's own classes may check what they are made of
            call.answer = self._refuse(call.request, error)
            return False
        if isinstance(arguments, Calls):
            call.answer = self._answer_one(call.request)
            return False
        call.generator = self._lifted(**arguments)
        return True

    def _advance(self, call: _Call, resume: Callable[[Any], Any], value: Any) -> bool:
        """Run a call up to its next question that can be put together with others'; False when it has ended."""
        try:
            while True:
                call.method, call.rows = resume(value)
                call.description = self._describe(call.method, call.rows)
                if call.description is not None:
                    return True
                resume, value = self._resume(call, ask(call.method, [call.rows])[0])
        except StopIteration as end:
            call.result = end.value
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the service's code raises is its failure
            call.answer = self._refuse(call.request, error)
        return False

    def _describe(self, method: Callable[[Any], Any], rows: Any) -> Hashable | None:
        # Methods are equal if they are the same function of the very same object.
        known = type(method) in BOUND and method in self._proven
        description = describe_rows(rows) if known else None
        return None if description is None else (method, description)

    def _resume(self, call: _Call, answer: Any) -> tuple[Callable[[Any], Any], Any]:
        throws = isinstance(answer, Failed)
        return (call.generator.throw, answer.error) if throws else (call.generator.send, answer)

    def _ask_all(self, calls: Sequence[_Call]) -> list[_Call]:
        """Put every question, equal ones together; gives the calls that have another one."""
        groups: dict[Hashable, list[_Call]] = {}
        for call in calls:
            groups.setdefault(call.description, []).append(call)
        asking = []
        for group in groups.values():
            answers = ask(group[0].method, [call.rows for call in group])
            asking += [call for call, answer in zip(group, answers, strict=True)
                       if self._advance(call, *self._resume(call, answer))]
        return asking

    def _encode(self, call: _Call) -> Answer:
        try:
            return call.request.route.encode(call.request, call.result)
        except Exception as error:  # noqa: BLE001 - a result that JSON cannot carry is the entry's failure
            return self._refuse(call.request, error)


class Failed:
    """What a model's method raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def ask(method: Callable[[Any], Any], tables: Sequence[Any]) -> list[Any]:
    """Call a method with the rows of several tables at once; gives for each its part of the answer, or `Failed`."""
    try:
        if len(tables) == 1:
            return [method(tables[0])]
        return split(method(stack(tables)), [len(table) for table in tables])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is raised again in the call that asked
        if len(tables) == 1:
            return [Failed(error)]
        half = len(tables) // 2
        return ask(method, tables[:half]) + ask(method, tables[half:])
