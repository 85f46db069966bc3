"""A small bundle, written by hand."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_deploy.runtime.manifest import MANIFEST, Entry, GoldenCall, Manifest, Parameter, Span

RUNTIME = Path(__file__).parents[2] / "jupyter_deploy" / "runtime"

SERVICE = '''\
"""The slice."""
import asyncio
import os
import time

ready_marks = []
COUNT = 0


def prepare():
    ready_marks.append("prepare")


async def prepare_async():
    ready_marks.append("prepare_async")


def add(x, y=1.0):
    """Add two numbers."""
    return x + y


def scale(rows):
    return rows * 2


async def wait_for(seconds):
    await asyncio.sleep(seconds)
    return {"waited": seconds}


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def hang(seconds):
    time.sleep(float(seconds))
    return "back"


def fail(text):
    numbers = {"one": 1}
    return numbers[text]


async def leave():
    raise SystemExit(3)


def stop(error):
    raise {"exit": SystemExit, "stop": StopIteration, "value": ValueError, "memory": MemoryError}[error]


def count():
    global COUNT
    COUNT += 1
    return COUNT


def marks():
    return [*ready_marks, os.environ.get("NBDEPLOY_TEST_WORD", "")]


def numbers(n):
    for number in range(n):
        yield number


def infer(rows):
    return [{"label": "young" if row.age < 40 else "old", "score": row.income / 1000} for row in rows.itertuples()]
'''


def cell_of(line: str) -> str:
    """Name the cell that a line of the service came from."""
    return f"cell 3, line {SERVICE.splitlines().index(line) + 1}"


FLOAT: dict[str, Any] = {"kind": "float"}
INT: dict[str, Any] = {"kind": "int"}
STR: dict[str, Any] = {"kind": "str"}
ANY: dict[str, Any] = {"kind": "any"}
FRAME: dict[str, Any] = {
    "kind": "frame",
    "columns": [{"name": "age", "dtype": "int64", "nullable": False},
                {"name": "income", "dtype": "float64", "nullable": False}],
    "index": None,
}
ARRAY: dict[str, Any] = {"kind": "array", "dtype": "float64", "shape": [-1, 2]}


def entry(name: str, *parameters: Parameter, returns: dict[str, Any] = ANY, **more: Any) -> Entry:
    return Entry(name=name, function=name, parameters=parameters, returns=returns, **more)


ENTRIES = (
    entry("add", Parameter("x", FLOAT), Parameter("y", FLOAT, required=False, default=1.0), returns=FLOAT,
          doc="Add two numbers."),
    entry("scale", Parameter("rows", ARRAY), returns=ARRAY),
    entry("wait_for", Parameter("seconds", FLOAT), is_async=True),
    entry("sleep", Parameter("seconds", FLOAT)),
    entry("hang", Parameter("seconds", FLOAT)),
    entry("fail", Parameter("text", STR)),
    entry("leave", is_async=True),
    entry("stop", Parameter("error", STR)),
    entry("marks", returns={"kind": "list", "of": STR}),
    entry("numbers", Parameter("n", INT), returns={"kind": "list", "of": INT}),
    entry("infer", Parameter("rows", FRAME), returns={"kind": "list", "of": ANY}),
)
COUNTING = (entry("count", returns=INT, mutates=True),)
GOLDEN = {
    "add": {"request": {"x": 1.5}, "answer": 2.5, "kind": "float"},
    "scale": {"request": {"rows": [[1.0, 2.0]]}, "answer": [[2.0, 4.0]], "kind": "ndarray[float64](1, 2)"},
    "hang": {"request": {"seconds": 0.0}, "answer": "back", "kind": "str"},
    "numbers": {"request": {"n": 3}, "answer": [0, 1, 2], "kind": "list"},
    "infer": {"request": {"rows": [{"age": 30, "income": 1000.0}]}, "answer": [{"label": "young", "score": 1.0}],
              "kind": "list"},
}


def write_bundle(folder: Path, *, service: str = SERVICE, entries: tuple[Entry, ...] = ENTRIES,
                 golden: Mapping[str, Any] = GOLDEN, **more: Any) -> Manifest:
    """Write a bundle as the packaging side does."""
    shutil.copytree(RUNTIME, folder / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "service.py").write_text(service)
    (folder / "golden").mkdir()
    calls = []
    for one in entries:
        if one.name in golden:
            path = f"golden/{one.name}-1.json"
            (folder / path).write_text(json.dumps(golden[one.name]))
            calls.append(GoldenCall(one.name, path, "cell 9"))
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }
    manifest = Manifest(name="sums", python="3.11", entries=entries, golden=tuple(calls), files=files,
                        **{"spans": (Span(1, 1000, "cell 3", 1),), **more})
    (folder / MANIFEST).write_bytes(manifest.dump())
    return manifest
