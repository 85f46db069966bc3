from __future__ import annotations

import stat

import pytest

from jupyter_deploy.errors import ServiceError, TargetError
from jupyter_deploy.targets.local.control import control_path, describe_error, restore_error


def test_the_socket_is_in_the_runtime_folder(tmp_path):
    assert control_path(tmp_path / "run") == tmp_path / "run" / "control.sock"


def test_a_long_path_falls_back_to_a_private_folder(tmp_path):
    path = control_path(tmp_path / ("long" * 30))
    try:
        assert len(str(path)) <= 103
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert control_path(tmp_path / ("long" * 30)) == path
        assert control_path(tmp_path / ("long" * 31)).parent != path.parent
        path.parent.chmod(0o755)
        with pytest.raises(TargetError, match=r"not private.*\n.*JUPYTER_RUNTIME_DIR"):
            control_path(tmp_path / ("long" * 30))
    finally:
        path.parent.rmdir()
        control_path(tmp_path / ("long" * 31)).parent.rmdir()


def test_errors_travel():
    error = restore_error(describe_error(ServiceError("it fell", where="cell 3", advice="look")))
    assert isinstance(error, ServiceError)
    assert str(error) == "it fell (cell 3)\n  → look"
