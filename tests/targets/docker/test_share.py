"""What containers may use, with engines that cannot limit all of it."""

from __future__ import annotations

import pytest

from jupyter_deploy.errors import TargetError
from jupyter_deploy.image.addresses import Address
from jupyter_deploy.image.engine import Engine
from jupyter_deploy.targets.docker.options import DockerOptions
from jupyter_deploy.targets.docker.share import Share, check_share, choose_share, tell_unlimited

USAGE = {"calls": 1, "seconds": 0.1, "cpu": 0.01, "peak": 60 << 20}
ROOTLESS = {"MemoryLimit": False, "SwapLimit": False, "CpuCfsPeriod": False, "CpuCfsQuota": False, "CgroupDriver": "none",
            "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}
"""What Docker 20.10 answered, rootless on a machine with cgroup v1."""


class Recorded:
    """Stands in for the SDK's client: such a machine cannot be had in every test."""

    def __init__(self, told: dict[str, object]) -> None:
        self.api = self
        self.told = told

    def info(self) -> dict[str, object]:
        return self.told


@pytest.fixture
def rootless() -> Engine:
    return Engine(Recorded(ROOTLESS), Address("unix:///run/user/1000/docker.sock"), lambda: None)


def test_what_the_engine_cannot_limit_is_left_out_and_told(rootless: Engine) -> None:
    assert choose_share(rootless, DockerOptions(), USAGE) == Share(None, None)
    assert tell_unlimited(rootless) == "none for memory and processors: this engine cannot limit them"
    full = Engine(Recorded({"MemoryLimit": True, "CpuCfsQuota": True}), Address("unix:///run/docker.sock"), lambda: None)
    assert choose_share(full, DockerOptions(cpus=2.0), USAGE) == Share(192 << 20, 2.0)
    assert tell_unlimited(full) == ""


def test_a_limit_that_was_asked_for_is_refused_there(rootless: Engine) -> None:
    check_share(rootless, DockerOptions())
    with pytest.raises(TargetError, match="cannot limit memory") as caught:
        check_share(rootless, DockerOptions(memory=100 << 20))
    assert (caught.value.where, "cgroup v2" in str(caught.value.advice)) == ("--memory", True)
