from __future__ import annotations
import __future__

import ast
from dataclasses import dataclass

import pytest

from jupyter_deploy.capture.references import references_of


@dataclass(frozen=True)
class Case:
    source: str
    now: str = ""
    later: str = ""
    imports: str = ""
    writes: str = ""


@pytest.mark.parametrize(
    "case",
    [
        Case("def f(x):\n    return g(x) + K", later="g K"),
        Case("def f(x):\n    y = x\n    return y"),
        Case("def f(x=LIMIT): pass", now="LIMIT"),
        Case("@deco(option)\ndef f(): return helper", now="deco option", later="helper"),
        Case("def f(x: Kind) -> Other: pass", now="Kind Other"),
        Case("class A(Base):\n    k = CONST\n    def m(self): return late(self.k)", now="Base CONST", later="late"),
        Case("class A:\n    k = 1\n    j = k"),
        Case("def f():\n    return [g(x) for x in xs]", later="g xs"),
        Case("def f():\n    return lambda y: h(y)", later="h"),
        Case("def f():\n    import json\n    from os import path\n    return json, path", imports="json os"),
        Case("def f():\n    global n\n    n += 1", later="n", writes="n"),
        Case("def f(k):\n    cache[k] = 1\n    seen.append(k)", later="cache seen", writes="cache seen"),
        Case("def f(k):\n    local = {}\n    local[k] = 1"),
        Case("def f():\n    return model.predict(1)", later="model"),
        Case("def f(x):\n    match x:\n        case Point(): return A\n", later="Point A"),
        Case("async def f():\n    async with lock: return await g()", later="lock g"),
    ],
    ids=lambda case: case.source.replace("\n", "; "),
)
def test_references(case: Case) -> None:
    found = references_of(ast.parse(case.source).body[0])
    assert found.now == set(case.now.split())
    assert found.later == set(case.later.split())
    assert found.imports == set(case.imports.split())
    assert found.writes == set(case.writes.split())


def test_annotations_from_the_future_are_not_needed_at_once() -> None:
    found = references_of(ast.parse("def f(x: Kind): pass").body[0], flags=__future__.annotations.compiler_flag)
    assert found.now == frozenset()
    assert found.later == {"Kind"}
