from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jupyter_deploy.hardware import Usage, describe_usage, measure_usage, suggest_size
from jupyter_deploy.hardware.gpus import Gpu

MIB = 1 << 20
WORK = """
import sys
block = bytearray(150_000_000); del block
print("up", flush=True); sys.stdin.readline()
sum(range(20_000_000))
print("done", flush=True); sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what other processes used")
def test_peak_and_processor_time_of_a_real_process() -> None:
    with subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        with measure_usage([process.pid], 2) as measured:
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
        process.stdin.write("\n")
    assert measured.usage is not None
    assert measured.usage.peak > 150_000_000
    assert 0.05 < measured.usage.cpu <= measured.usage.seconds + 0.05
    assert measured.usage.calls == 2


def test_a_process_that_is_gone_is_not_measured() -> None:
    with measure_usage([2**22 + 1], 1) as measured:
        pass
    assert measured.usage is None
    with measure_usage([], 1) as nobody:
        pass
    assert nobody.usage is None


@pytest.mark.parametrize(("usage", "processors", "memory", "expected"), [
    (Usage(3, 1.0, 0.9, 100 * MIB), 4, 8192 * MIB, (192 * MIB, 1.0, 4)),
    (Usage(3, 1.0, 3.9, 1000 * MIB), 8, 65536 * MIB, (1344 * MIB, 4.0, 2)),
    (Usage(3, 1.0, 0.0, 4000 * MIB), 8, 8192 * MIB, (5120 * MIB, 1.0, 1)),
    (Usage(1, 0.01, 0.02, 100 * MIB), 4, 8192 * MIB, (192 * MIB, 1.0, 4)),
    (Usage(0, 0.0, 0.0, 10 * MIB), 2, 8192 * MIB, (128 * MIB, 1.0, 2)),
])
def test_limits_have_headroom(usage: Usage, processors: int, memory: int, expected: tuple[int, float, int]) -> None:
    size = suggest_size(usage, processors=processors, memory=memory)
    assert (size.memory, size.cpus, size.workers) == expected


def test_gpu_memory_is_told_with_the_gpu_it_was_measured_on() -> None:
    usage = Usage(2, 0.5, 0.1, 900 * MIB, 1200 * MIB, (Gpu("NVIDIA H200", "9.0", 143_771 * MIB),))
    assert suggest_size(usage, processors=1, memory=4096 * MIB).gpu_memory == 1536 * MIB
    used, limit = describe_usage(usage.dump())
    assert used == ("a worker used 944 MB at most, 0.10 s of processor time in 0.50 s for 2 golden calls, "
                    "1258 MB of GPU memory on NVIDIA H200")
    assert "1536 MiB of GPU memory" in limit


def test_this_process_is_measured_too() -> None:
    with measure_usage([os.getpid()], 1) as measured:
        sum(range(10_000))
    assert (measured.usage is None) == (sys.platform != "linux")
