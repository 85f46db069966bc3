from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.capture.modules import LARGEST, classify, collect_local
from jupyter_deploy.errors import CaptureError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that writes modules beside the notebook; what it imported is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()
        return tmp_path

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("module", "kind", "distribution"),
    [
        ("sys", "builtin", None),
        ("json.decoder", "stdlib", None),
        ("os.path", "stdlib", None),
        ("__main__", "main", None),
        ("no_such_module", "missing", None),
        ("no_such_module.part", "missing", None),
        ("sklearn", "distribution", "scikit-learn"),
        ("sklearn.linear_model", "distribution", "scikit-learn"),
        ("PIL.Image", "distribution", "pillow"),
        ("yaml", "distribution", "pyyaml"),
        ("_yaml", "distribution", "pyyaml"),
        ("dateutil.parser", "distribution", "python-dateutil"),
        ("mpl_toolkits", "distribution", "matplotlib"),
        ("six.moves.urllib", "distribution", "six"),
    ],
)
def test_every_module_has_an_origin(module: str, kind: str, distribution: str | None) -> None:
    origin = classify(module)
    assert (origin.kind, origin.distribution) == (kind, distribution)


def test_files_of_no_distribution_are_local(folder: Any) -> None:
    root = folder({"mine.py": "", "pack/__init__.py": "", "space/inner.py": ""})
    assert classify("mine").kind == "local"
    assert classify("pack").file == str(root / "pack" / "__init__.py")
    assert classify("space").kind == "local"
    assert classify("space.inner").kind == "local"
    assert classify("space.gap").kind == "missing"


def test_a_package_is_taken_whole_and_its_imports_are_followed(folder: Any) -> None:
    root = folder(
        {
            "steps/__init__.py": "from .clean import tidy\n",
            "steps/clean.py": "import numpy as np\nimport rules\nfrom space import inner\ndef tidy(): pass\n",
            "steps/unused.py": "import matplotlib\n",
            "steps/names.txt": "a,b",
            "steps/.env": "TOKEN=x",
            "steps/play.ipynb": "{}",
            "steps/__pycache__/x.pyc": "",
            "rules.py": "import sklearn.base\nimport json\ntry:\n    import not_there\nexcept ImportError:\n    pass\n",
            "space/inner.py": "from yaml import safe_load\n",
            "space/other.py": "import pandas\n",
        }
    )
    (root / "steps" / "big.bin").write_bytes(b"\0" * (LARGEST + 1))
    found = collect_local({"steps.clean": "cell 1 imports it", "numpy": "cell 2", "json": "cell 3"})
    assert list(found.files) == [
        "rules.py",
        "space/inner.py",
        "steps/__init__.py",
        "steps/clean.py",
        "steps/names.txt",
        "steps/unused.py",
    ]
    assert dict(found.imports) == {
        "numpy": "steps/clean.py line 1 imports it",
        "sklearn.base": "rules.py line 1 imports it",
        "yaml": "space/inner.py line 1 imports it",
    }
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("steps/big.bin (10 MB) is left out")


def test_a_package_full_of_data_travels_without_it(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_deploy.capture.modules.MOST", 5)
    folder({"full/__init__.py": "", "full/a.csv": "1,2,3", "full/data/b.csv": "4,5,6"})
    found = collect_local({"full": "cell 1"})
    assert list(found.files) == ["full/__init__.py"]
    assert found.warnings[0].startswith("the data files of full (0 MB) are left out")


def test_a_missing_import_is_passed_on_unless_the_module_can_do_without(folder: Any) -> None:
    folder({"needs.py": "import not_there\ndef f():\n    import not_there_either\n"})
    assert dict(collect_local({"needs": "cell 1"}).imports) == {"not_there": "needs.py line 1 imports it"}


def test_modules_that_import_each_other_are_taken_once(folder: Any) -> None:
    folder({"one.py": "import two", "two.py": "import one"})
    assert list(collect_local({"one": "cell 1"}).files) == ["one.py", "two.py"]


def test_a_credential_in_a_module_is_refused_with_its_line(folder: Any) -> None:
    folder({"store.py": "import os\nKEY = 'AKIA0123456789ABCDEF'\nURL = f'postgresql://{1}:{2}@db'\n"})
    with pytest.raises(CaptureError, match=r"store.py .*credential \(AKIA0123….*\(store.py, line 2\)") as caught:
        collect_local({"store": "cell 1"})
    assert "os.environ" in str(caught.value.advice)


def test_an_edited_module_is_told(folder: Any) -> None:
    root = folder({"rates.py": "RATE = 0.5\n"})
    importlib.import_module("rates")
    assert collect_local({"rates": "cell 1"}).warnings == ()
    (root / "rates.py").write_text("RATE = 0.25\n")
    assert "rates.py is not what the kernel imported (RATE)" in collect_local({"rates": "cell 1"}).warnings[0]


@pytest.mark.parametrize(
    ("files", "module", "message"),
    [
        ({"service.py": ""}, "service", "rename service.py"),
        ({"runtime/__init__.py": "", "runtime/a.py": ""}, "runtime.a", "the module runtime cannot be packaged"),
        ({"uses.py": "import service", "service.py": ""}, "uses", "uses.py line 1 imports it"),
        ({"broken.py": "def"}, "broken", "is not Python"),
    ],
)
def test_what_cannot_be_packaged_is_refused(folder: Any, files: dict[str, str], module: str, message: str) -> None:
    folder(files)
    with pytest.raises(CaptureError, match=message):
        collect_local({module: "cell 1 imports it"})


def test_a_file_that_is_gone_is_told(folder: Any) -> None:
    root = folder({"fleeting.py": "X = 1"})
    importlib.import_module("fleeting")
    (root / "fleeting.py").unlink()
    with pytest.raises(CaptureError, match="the file of the module fleeting cannot be read"):
        collect_local({"fleeting": "cell 1 imports it"})
