from __future__ import annotations

import sys
from typing import Any

import pytest

from jupyter_deploy.errors import RequirementError
from jupyter_deploy.requirements import Requirements, add_module, resolve
from jupyter_deploy.requirements.resolution import RUNTIME


def pinned(requirements: Requirements) -> dict[str, str]:
    return {one.name: one.reason for one in requirements.distributions}


def test_modules_become_the_distributions_that_hold_them() -> None:
    found = pinned(resolve({"sklearn.linear_model": "model is a LogisticRegression", "yaml": "cell 1", "json": "cell 1"},
                           runtime=False))
    assert found["scikit-learn"] == "model is a LogisticRegression"
    assert found["scipy"] == "required by scikit-learn"
    assert found["PyYAML"] == "cell 1"
    assert not {"pandas", "matplotlib", "pip"} & set(found)


def test_what_a_distribution_uses_without_requiring_it_is_in(site_folder: Any) -> None:
    site_folder.add("torch", {"torch/__init__.py": ""}, requires=[])
    assert pinned(resolve({"torch": "model is a Net"}, runtime=False))["numpy"] == "torch makes arrays with it"


def test_the_runtime_is_in_with_what_it_requires() -> None:
    found = resolve({})
    reasons = pinned(found)
    assert {name: reasons[name] for name in RUNTIME} == dict.fromkeys(RUNTIME, "serves the endpoint")
    assert found.interpreter == sys.executable
    assert found.python == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_dependencies_are_followed_with_markers_and_extras(site_folder: Any) -> None:
    site_folder.add("top", {"top.py": ""}, requires=[
        "always>=1", "with-extra[fast,unknown]", 'never; python_version < "3"', 'only-asked; extra == "asked"',
        'this-python; python_version >= "3" or extra == "asked"', "Not_Here>=2", "old<1", "@broken@",
    ])
    site_folder.add("always", {"always.py": ""}, requires=["top"])
    site_folder.add("with-extra", {"with_extra.py": ""}, requires=['quick; extra == "fast"', 'slow; extra == "slow"'])
    for name in ("never", "only-asked", "this-python", "quick", "slow", "old"):
        site_folder.add(name, {f"{name}.py": ""})
    found = resolve({"top": "cell 1"}, runtime=False)
    assert pinned(found) == {
        "top": "cell 1", "always": "required by top", "with-extra": "required by top", "this-python": "required by top",
        "old": "required by top", "quick": "required by with-extra",
    }
    assert found.warnings == (
        "top requires Not_Here>=2, which is not installed here: left out",
        "top requires old<1, but version 1.0 is installed",
        "top declares a dependency that cannot be read, '@broken@': left out",
    )


def test_an_extra_asked_for_later_is_followed_too(site_folder: Any) -> None:
    site_folder.add("base", {"base.py": ""}, requires=['more; extra == "all"', 'base[all]; extra == "everything"'])
    site_folder.add("more", {"more.py": ""})
    site_folder.add("user", {"user.py": ""}, requires=["base[everything]"])
    assert list(pinned(resolve({"base": "cell 1", "user": "cell 2"}, runtime=False))) == ["base", "more", "user"]


def test_a_namespace_package_leads_to_the_right_distribution(site_folder: Any) -> None:
    site_folder.add("cloudy-storage", {"cloudy/cloud/storage/__init__.py": ""})
    site_folder.add("cloudy-tables", {"cloudy/cloud/tables/__init__.py": ""})
    site_folder.add("cloudy-auth", {"cloudy/auth.py": ""})
    assert list(pinned(resolve({"cloudy.cloud.storage": "cell 1"}, runtime=False))) == ["cloudy-storage"]
    assert list(pinned(resolve({"cloudy.auth": "cell 1"}, runtime=False))) == ["cloudy-auth"]
    assert list(pinned(resolve({"cloudy.cloud": "cell 1"}, runtime=False))) == ["cloudy-storage", "cloudy-tables"]
    with pytest.raises(RequirementError, match=r"cloudy\.cloud\.queue"):
        resolve({"cloudy.cloud.queue": "cell 1"}, runtime=False)


def test_local_versions_are_kept(site_folder: Any) -> None:
    site_folder.add("flame", {"flame/__init__.py": ""}, version="2.13.0+cpu")
    site_folder.add("uses-flame", {"uses_flame.py": ""}, requires=["flame==2.13.0"])
    found = resolve({"uses_flame": "cell 1"}, runtime=False)
    assert [(one.name, one.version) for one in found.distributions] == [("flame", "2.13.0+cpu"), ("uses-flame", "1.0")]
    assert found.warnings == ()


def test_a_module_that_nothing_provides_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"imports no_such_module, .* cannot find: helpers\.py line 3"):
        resolve({"no_such_module": "helpers.py line 3 imports it"})


def test_a_distribution_that_cannot_be_read_is_named(site_folder: Any) -> None:
    info = site_folder.add("torn", {"torn.py": ""})
    (info / "METADATA").write_text("nothing")
    with pytest.raises(RequirementError, match="the installed distribution torn cannot be read"):
        resolve({"torn": "cell 1"}, runtime=False)


def test_a_module_is_added_with_what_it_requires(site_folder: Any) -> None:
    site_folder.add("front", {"front.py": ""}, requires=["shared"])
    site_folder.add("back", {"back.py": ""}, requires=["shared"])
    site_folder.add("shared", {"shared.py": ""})
    first = resolve({"front": "cell 1"}, runtime=False)
    assert pinned(add_module(first, "back", "the proof needed it")) == {
        "back": "the proof needed it", "front": "cell 1", "shared": "required by front"}
    with pytest.raises(RequirementError, match="no_such_module"):
        add_module(first, "no_such_module", "the proof needed it")


def test_an_extra_with_cuda_is_in_when_all_of_it_is_installed(site_folder: Any) -> None:
    """Nothing in the metadata tells which extras were installed: what they bring does."""
    site_folder.add("jax", {"jax/__init__.py": ""}, requires=[
        'jax-cuda12-plugin[with-cuda]>=1; extra == "cuda12"', 'jax-cuda13-plugin[with-cuda]>=1; extra == "cuda13"',
        'other; extra == "tests"'])
    site_folder.add("jax-cuda12-plugin", {"jax_cuda12_plugin/__init__.py": ""}, requires=[
        "jax-cuda12-pjrt==1.0", 'nvidia-cublas-cu12>=1; extra == "with-cuda"', 'nvidia-nowhere; extra == "with-cuda"'])
    for name in ("jax-cuda12-pjrt", "nvidia-cublas-cu12", "other"):
        site_folder.add(name, {f"{name.replace('-', '_')}.py": ""})
    found = resolve({"jax": "cell 1"}, runtime=False)
    assert pinned(found) == {"jax": "cell 1", "jax-cuda12-plugin": "required by jax",
                             "jax-cuda12-pjrt": "required by jax-cuda12-plugin",
                             "nvidia-cublas-cu12": "required by jax-cuda12-plugin"}
    assert found.warnings == ()


def test_packages_that_another_framework_brought_are_no_extra(site_folder: Any) -> None:
    site_folder.add("tensorflow", {"tensorflow/__init__.py": ""}, requires=[
        'nvidia-cublas-cu12<13,>=1; extra == "and-cuda"', 'nvidia-cuda-nvcc-cu12; extra == "and-cuda"'])
    site_folder.add("nvidia-cublas-cu12", {"nvidia/cublas/__init__.py": ""})
    assert pinned(resolve({"tensorflow": "cell 1"}, runtime=False)) == {"tensorflow": "cell 1"}
    site_folder.add("nvidia-cuda-nvcc-cu12", {"nvidia/nvcc/__init__.py": ""})
    assert len(resolve({"tensorflow": "cell 1"}, runtime=False).distributions) == 3
