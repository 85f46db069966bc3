"""What stands in for an entry while `deploy:test` cells run: the same call, answered by the packaged service."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_deploy.capture.models import is_model
from jupyter_deploy.capture.schema import bind_call, find_class, value_to_request
from jupyter_deploy.check.calls import Caller
from jupyter_deploy.errors import ServiceError
from jupyter_deploy.runtime.decode import compile_type_decoder
from jupyter_deploy.runtime.invalid import InvalidInput
from jupyter_deploy.runtime.manifest import Entry


def make_asking(entry: Entry, caller: Caller) -> Callable[[Mapping[str, Any]], Any]:
    """Make what sends Python arguments to an entry and gives back what the notebook's function would.

    The answer's JSON is decoded by the type that the notebook's answers showed: a table is a table again, an array an
    array. Where that type cannot carry the answer, it stays JSON.
    """
    decode = compile_type_decoder(entry.returns, find_class)

    def ask(arguments: Mapping[str, Any]) -> Any:
        answer = caller.ask(entry.name, value_to_request(entry.parameters, arguments))
        if answer.status != 200:
            raise ServiceError(f"{entry.name} answered {answer.status}: {answer.error}")
        try:
            return decode(answer.body, "answer")
        except InvalidInput:
            return answer.body

    return ask


def make_stand_in(entry: Entry, function: Callable[..., Any], caller: Caller) -> Callable[..., Any]:
    """Make a function that is called as the notebook's `function` is, and that the packaged service answers."""
    ask = make_asking(entry, caller)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return ask(bind_call(function, args, kwargs))

    @functools.wraps(function)
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        return ask(bind_call(function, args, kwargs))

    return call_async if entry.is_async else call


class ModelStandIn:
    """A model whose `predict` and `predict_proba` the packaged service answers; all else is the notebook's model."""

    def __init__(self, model: Any, entries: tuple[Entry, ...], caller: Caller) -> None:
        self._model = model
        self._asking = {entry.name: make_asking(entry, caller) for entry in entries}

    def __getattr__(self, name: str) -> Any:
        ask = self._asking.get(name)
        return getattr(self._model, name) if ask is None else lambda data: ask({"data": data})

    def __call__(self, data: Any) -> Any:
        """Call it as a PyTorch module is called."""
        return self.predict(data)


def make_stand_ins(names: Mapping[str, Any], asked: tuple[str, ...], entries: tuple[Entry, ...],
                   caller: Caller) -> dict[str, Any]:
    """Make what stands in for the entries among the notebook's globals `names`, by name.

    `asked` are the names that `%deploy` was given; none means the functions of tagged cells.
    """
    models = [name for name in asked if is_model(names.get(name))]
    made: dict[str, Any] = {entry.function: make_stand_in(entry, names[entry.function], caller)
                            for entry in entries if callable(names.get(entry.function))}
    of_models = tuple(entry for entry in entries if entry.function not in made)
    return made | {name: ModelStandIn(names[name], of_models, caller) for name in models}
