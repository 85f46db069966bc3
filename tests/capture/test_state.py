"""State formats: what is written is what is read, and pickles admit only what is listed."""

from __future__ import annotations

import datetime as dt
import io
import math
import os
import pickle
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.capture.state import StateValue, serialise
from jupyter_deploy.errors import CaptureError
from jupyter_deploy.runtime.manifest import StateItem
from jupyter_deploy.runtime.state import StateRefused, Unpickler, read_state


def round_trip(value: Any, folder: Path) -> tuple[str, Any]:
    written = serialise(value, lambda _: None)
    for suffix, data in written.files.items():
        (folder / f"value{suffix}").write_bytes(data)
    return written.format, read_state(folder, item_of(written))


def item_of(written: StateValue) -> StateItem:
    return StateItem(
        "value", f"value{next(iter(written.files))}", written.format, written.type, written.size, "", written.globals
    )


@pytest.mark.parametrize(
    ("value", "format_"),
    [
        ({"a": [1, 2.5, None, True, "é"]}, "json"),
        (list(range(1000)), "json"),
        ({1: "number keys"}, "pickle"),
        ((1, 2), "pickle"),
        ([1.0, math.inf], "pickle"),
        (dt.date(2024, 1, 2), "pickle"),
        ({"x": {1, 2, 3}}, "pickle"),
        ([{"a", frozenset({"b", 1})}, {(1, "c"), None}], "pickle"),
    ],
)
def test_plain_values(value: Any, format_: str, tmp_path: Path) -> None:
    found, back = round_trip(value, tmp_path)
    assert (found, back) == (format_, value)


@pytest.mark.parametrize("cut", ["[:, 1]", "[::2, ::-1]", "[:3, 1:3]"])
def test_an_array_with_gaps_keeps_them(cut: str, tmp_path: Path) -> None:
    value = eval(f"table{cut}", {"table": np.arange(40.0).reshape(8, 5)})
    for held in (value, [value]):
        _, back = round_trip(held, tmp_path)
        back = back[0] if isinstance(held, list) else back
        assert np.array_equal(back, value)
        assert back.strides == value.strides


def test_a_set_that_is_shared_stays_shared(tmp_path: Path) -> None:
    words = {"a", "b"}
    _, (first, second, other) = round_trip((words, words, {"a", "b"}), tmp_path)
    assert first is second is not other
    assert first == other == words


def test_sets_are_written_alike_by_every_process() -> None:
    write = ("from jupyter_deploy.capture.state import serialise\n"
             "value = [set('abcdefgh'), frozenset({'x', 'yy', 1, (2, 'z')})]\n"
             "print(serialise(value, lambda _: None).files['.pkl'].hex())")
    written = {
        subprocess.run([sys.executable, "-c", write], capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2", "3")
    }
    assert len(written) == 1


@pytest.mark.parametrize(
    "value",
    [
        np.arange(12.0).reshape(3, 4),
        np.array(["a", "bc"]),
        np.array(3),
        np.zeros((2, 2), dtype="float16", order="F"),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
    ],
    ids=lambda value: str(value.dtype),
)
def test_arrays_are_mapped_and_can_be_written_to(value: Any, tmp_path: Path) -> None:
    found, back = round_trip(value, tmp_path)
    assert found == "npy"
    np.testing.assert_array_equal(back, value)
    assert back.dtype == value.dtype
    back[...] = back[...]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "c": pd.Categorical(["x", "y"]), "f": [0.5, math.nan]}),
        pd.DataFrame(
            {"d": pd.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("Europe/Berlin")}, index=["a", "b"]
        ),
        pd.DataFrame({"s": ["text", None]}),
    ],
    ids=["nullable", "zones", "text"],
)
def test_frames(frame: pd.DataFrame, tmp_path: Path) -> None:
    found, back = round_trip(frame, tmp_path)
    assert found == "arrow"
    pd.testing.assert_frame_equal(back, frame)


def test_a_frame_that_arrow_would_change_is_pickled(tmp_path: Path) -> None:
    frame = pd.DataFrame({"o": [{1}, (2, 3)]}, dtype="object")
    found, back = round_trip(frame, tmp_path)
    assert found == "pickle"
    pd.testing.assert_frame_equal(back, frame)


def test_large_buffers_stand_beside_the_pickle_and_are_shared_until_written(tmp_path: Path) -> None:
    value = {"w": np.arange(10_000.0), "b": np.ones((300, 300), order="F"), "small": np.arange(3)}
    found, back = round_trip(value, tmp_path)
    assert found == "pickle"
    assert (tmp_path / "value.pkl").stat().st_size < 2000
    assert (tmp_path / "value.bin").stat().st_size > 800_000
    for name, array in value.items():
        np.testing.assert_array_equal(back[name], array)
    back["w"][0] = 7
    assert np.load  # a write stays in this process: the file is as it was
    again = read_state(tmp_path, item_of(serialise(value, lambda _: None)))
    assert again["w"][0] == 0


def test_an_estimator_predicts_the_same_from_its_mapped_buffers(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    rows = np.random.default_rng(0).random((200, 5))
    model = RandomForestClassifier(20, random_state=0).fit(rows, rows[:, 0] > 0.5)
    _, back = round_trip(model, tmp_path)
    np.testing.assert_array_equal(back.predict_proba(rows), model.predict_proba(rows))


def test_tensors_travel_without_the_frameworks_own_pickle(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    value = {
        "w": torch.arange(6.0).reshape(2, 3),
        "h": torch.ones(4, dtype=torch.bfloat16),
        "e": torch.zeros(0, 3),
        "p": torch.nn.Parameter(torch.ones(2)),
        "s": torch.tensor(5),
    }
    written = serialise(value, lambda _: None)
    assert [name for _, name in written.globals] == ["rebuild_tensor"]
    _, back = round_trip(value, tmp_path)
    for name, tensor in value.items():
        assert torch.equal(back[name], tensor)
        assert (back[name].dtype, back[name].requires_grad) == (tensor.dtype, tensor.requires_grad)
    assert isinstance(back["p"], torch.nn.Parameter)


class Evil:
    def __reduce__(self) -> Any:
        return print, ("harm",)


def test_a_pickle_that_was_exchanged_is_refused() -> None:
    item = StateItem("model", "model.pkl", "pickle", "dict", 1, "", (("collections", "OrderedDict"),))
    with pytest.raises(StateRefused, match=r"'model' asks for builtins\.print, which the manifest does not list"):
        Unpickler(io.BytesIO(pickle.dumps(Evil())), item, buffers=[]).load()


def test_what_cannot_be_carried_is_named() -> None:
    with pytest.raises(CaptureError, match="a generator cannot be carried to another process"):
        serialise((x for x in "abc"), lambda _: None)


class Counter:
    def __init__(self) -> None:
        self.lock, self.inner, self.news = threading.Lock(), threading.RLock(), threading.Condition()
        self.waiting: queue.Queue[int] = queue.Queue()


def test_locks_are_made_anew_and_open(tmp_path: Path) -> None:
    counter = Counter()
    counter.waiting.put(1)
    with counter.lock:
        _, again = round_trip(counter, tmp_path)
    assert again.lock is not counter.lock
    assert again.lock.acquire(blocking=False)
    with again.inner, again.inner, again.news:
        again.news.notify_all()
    assert again.waiting.get(timeout=1) == 1
    assert again.waiting.mutex is again.waiting.not_empty._lock
