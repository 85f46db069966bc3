"""What the workers of a version run."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from jupyter_deploy.runtime.options import Options, parse_options
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.scaling import Scale
from jupyter_deploy.targets.local.spec import Limits, Spec

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("workers", "variables", "expected"),
    [
        (1, {}, None),
        (1, {"OMP_NUM_THREADS": "3"}, "3"),
        (2, {}, str(max(1, CORES // 2))),
        (4 * CORES, {}, "1"),
        ("auto", {}, "1"),
        (2, {"OMP_NUM_THREADS": "3"}, "3"),
    ],
)
def test_workers_share_the_cores(workers, variables, expected):
    spec = Spec("name", "version", Path(), {}, Scale(1, workers), Limits(), Path(), Path(), variables=variables)
    assert spec.worker_variables.get("OMP_NUM_THREADS") == expected


def test_what_a_worker_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listener = Listener(listening)
        limits = Limits(max_body=5, batch=1)
        spec = Spec("name", "version", Path("bundle"), {"python": "python", "paths": []}, Scale(), limits, Path(), Path(),
                    grips={"score": "lets go"})
        command = spec.command(listener, 7, Path("file"))
    told = parse_options(Path("bundle"), command[command.index("serve"):])
    assert (told.max_body, told.max_queue, told.batch) == (5, Options.max_queue, 1)
    assert told.grips == {"score": "lets go"}
