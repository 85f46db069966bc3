"""Whether an entry lets others run: with calls that hold the GIL, let go of it, or wait."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from handmade import entry, write_bundle
from workers import Worker

from jupyter_deploy.runtime.grip import measure_grip

SERVICE = '''\
import time


def add_up():
    return sum(number * number for number in range(100_000))


def ask_elsewhere():
    time.sleep(0.002)
    return "there"
'''
GOLDEN = {
    "add_up": {"request": {}, "answer": sum(number * number for number in range(100_000)), "kind": "int"},
    "ask_elsewhere": {"request": {}, "answer": "there", "kind": "str"},
}
MATRIX = np.ones((300, 300))
DATA = b"x" * 5_000_000


def add_up(count: int) -> int:
    return sum(number * number for number in range(count))


@pytest.mark.parametrize(("call", "grips"), [
    (lambda: time.sleep(0.001), {"waits"}),
    (lambda: time.sleep(0.05), {"waits"}),
    (lambda: add_up(10_000), {"holds"}),
    (lambda: add_up(1_000_000), {"holds"}),
    (lambda: [np.add(1.0, 2.0) for _ in range(2000)], {"holds"}),
    # Where others have the processor, or NumPy has threads of its own, a call seems to wait.
    (lambda: hashlib.sha256(DATA).digest(), {"lets go", "waits"}),
    (lambda: MATRIX @ MATRIX, {"lets go", "waits"}),
], ids=["short waits", "a long wait", "short loops in Python", "a long loop in Python", "many small calls of NumPy",
        "a digest", "a product of matrices"])
def test_grip(call: Callable[[], object], grips: set[str]) -> None:
    # With other work on the machine one may be wrong.
    assert any(measure_grip(call).grip in grips for _ in range(4))


def test_what_fails_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        measure_grip(lambda: 1 // 0)


@pytest.mark.parametrize(("name", "grip", "said"), [
    ("add_up", "holds", "holds the GIL: long calls run in a thread, and only more workers do more at a time"),
    ("ask_elsewhere", "waits", "waits for something else: calls run in threads, many at a time"),
])
def test_the_log_says_where_calls_run(tmp_path: Path, start_alone: Callable[[Path], Worker], name: str,
                                      grip: str, said: str) -> None:
    write_bundle(tmp_path, service=SERVICE, entries=(entry(name),), golden=GOLDEN)
    # With other work on the machine one may be wrong.
    for _ in range(4):
        worker = start_alone(tmp_path)
        (conduct,) = [line["conduct"] for line in worker.logged() if "conduct" in line]
        if conduct[name]["grip"] == grip:
            break
    assert (conduct[name]["grip"], conduct[name]["together"]) == (grip, False)
    assert [line["message"] for line in worker.logged() if line["message"].endswith(said)]


def test_what_is_known_is_not_measured(tmp_path: Path, start_supervised: Callable[..., Worker]) -> None:
    write_bundle(tmp_path, service=SERVICE, entries=(entry("add_up"),), golden=GOLDEN)
    worker = start_supervised(tmp_path, "--grip", "add_up=lets go", ready=False)
    conduct = worker.wait_event("ready")["conduct"]["add_up"]
    assert (conduct["grip"], conduct["together"]) == ("lets go", False)
