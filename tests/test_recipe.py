"""The recipe's last step: one Ctrl-C is too late for it, a second one is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from jupyter_deploy.recipe import unhurried


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C is ignored where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)


def test_one_interrupt_does_not_part_what_belongs_together() -> None:
    done = []
    with unhurried():
        press()
        done.append("live")
    assert done == ["live"]
    with pytest.raises(KeyboardInterrupt):
        press()


def test_a_second_interrupt_ends_what_hangs() -> None:
    with pytest.raises(KeyboardInterrupt), unhurried():
        press(2)
    with pytest.raises(KeyboardInterrupt):
        press()
