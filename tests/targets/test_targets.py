from __future__ import annotations

import pytest

from jupyter_deploy.errors import TargetError, UsageError
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.local.target import LocalTarget
from jupyter_deploy.targets.target import build_options, check_name, find_target, list_targets


def install_target(site_folder, value):
    info = site_folder.path / "other_target-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-target\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[nbdeploy.targets]\nother = {value}\n")


def test_the_local_target_is_found_as_any_other_is(site_folder):
    install_target(site_folder, "other_target:Other")
    (site_folder.path / "other_target.py").write_text("class Other:\n    name = 'other'\n")
    assert list_targets() == ("docker", "local", "other")
    assert isinstance(find_target("local"), LocalTarget)
    assert find_target("other").name == "other"


def test_an_unknown_target_has_a_near_match():
    with pytest.raises(UsageError, match=r"no target 'loca'\n.*did you mean 'local'\?"):
        find_target("loca")
    with pytest.raises(UsageError, match=r"no target 'xyz'\n.*the targets are: docker, local"):
        find_target("xyz")


def test_a_target_that_cannot_be_loaded(site_folder):
    install_target(site_folder, "nowhere:Other")
    with pytest.raises(TargetError, match="'other' cannot be loaded: No module named 'nowhere'"):
        find_target("other")


def test_options_are_built_from_values():
    target = LocalTarget()
    assert build_options(target, {"workers": 3}) == LocalOptions(workers=3)
    with pytest.raises(UsageError, match=r"no option 'worker'\n.*did you mean 'workers'\?"):
        build_options(target, {"worker": 3})


def test_a_refused_name_comes_with_one_that_fits():
    assert check_name("my-model-2") == "my-model-2"
    with pytest.raises(UsageError, match="--name my-model"):
        check_name("My Model!")
