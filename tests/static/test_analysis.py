from __future__ import annotations

from pathlib import Path

import pytest
from documents import Cell, save

from jupyter_deploy.static import find_static

ROOT = Path(__file__).parents[2]
GALLERY = sorted((Path(__file__).parent / "gallery").glob("*.txt"))
"""Notebooks the way people write them, their cells divided by `# ----`: nothing is wrong with any of these."""
ENTRY = ("def predict(x):\n    return x * rate", ["deploy:entry"])
RATE = "rate = 2"


def found(path: Path, *severities: str) -> list[tuple[str, str, str | None]]:
    return [(one.severity, one.code, one.cell) for one in find_static(path) if one.severity in (severities or ("error", "warning"))]


@pytest.mark.parametrize("written", GALLERY, ids=lambda path: path.stem)
def test_what_people_write_is_no_finding(written: Path, tmp_path: Path) -> None:
    cells = written.read_text().split("\n# ----\n")
    path = save(tmp_path / "n.ipynb", cells, counts=range(1, len(cells) + 1))
    assert not found(path), find_static(path)


@pytest.mark.parametrize("path", [*(ROOT / "examples").glob("*.ipynb"), *(ROOT / "tests" / "notebooks").glob("*.ipynb")],
                         ids=lambda path: path.stem)
def test_our_notebooks_are_clean(path: Path) -> None:
    assert not find_static(path)


@pytest.mark.parametrize(("cells", "expected"), [
    # roles and tags
    ([RATE, (ENTRY[0], ["deploy:entri"])], [("error", "role", "cell 2")]),
    ([RATE, (ENTRY[0], ["deploy:entry", "deploy:setup"])], [("error", "role", "cell 2")]),
    ([RATE, ENTRY, ("1", ["deploy_setup"])], [("warning", "tag", "cell 3")]),
    ([RATE, ENTRY, ("1", ["Deploy-Test"])], [("warning", "tag", "cell 3")]),
    ([(RATE, ["parameter"]), ENTRY], [("warning", "tag", "cell 1")]),
    ([(RATE, ["parameters"]), ENTRY, ("x = 1", ["parameters"])], [("warning", "parameters", "cell 3")]),
    ([RATE, ENTRY, ("1 / 0", ["raises_exception"])], [("warning", "tag", "cell 3")]),
    ([RATE, ENTRY, ("predict(1)", ["test", "deployment", "entry-point"])], []),
    ([RATE, (ENTRY[0], ["deploy:entry", "skip-execution"])], [("error", "role-conflict", "cell 2")]),
    ([RATE, ENTRY, ("assert predict(1) == 2", ["deploy:test", "raises-exception"])], [("warning", "role-conflict", "cell 3")]),
    # entries
    ([(RATE, ["deploy:entry"])], [("error", "entry-without-function", "cell 1")]),
    ([("def _hidden(): pass", ["deploy:entry"])], [("error", "entry-without-function", "cell 1")]),
    ([RATE, ENTRY, "def predict(x):\n    return 0"], [("error", "entry-redefined", "cell 2")]),
    (["%load_ext jupyter_deploy", ENTRY[0], RATE], [("warning", "no-entry", None)]),
    ([RATE, ENTRY[0], "%deploy predikt"], [("error", "unknown-entry", "cell 3, line 1")]),
    ([RATE, ENTRY[0], "1\n%deploy predict --wrokers 2"], [("error", "deploy-line", "cell 3, line 2")]),
    ([RATE, ENTRY[0], "%deploy --list\n%deploy predict --example 'predict(3)'"], []),
    ([RATE, "%%deploy --name x\n" + ENTRY[0]], []),
    # names
    ([ENTRY], [("error", "undefined-name", "cell 1, line 2")]),
    (["def inner(x):\n    return x\\\n        * rate", ("def predict(x):\n    return inner(x)", ["deploy:entry"])],
     [("error", "undefined-name", "cell 1, line 3")]),
    (["%store -r rate", ENTRY], []),
    (["%run settings.py", ENTRY], []),
    ([("rate = 2", ["skip-execution"]), ENTRY], [("error", "needs-skipped", "cell 1, line 1")]),
    (["def scale(x): return x", "def scale(x): return 2 * x", ("def predict(x): return scale(x)", ["deploy:entry"])],
     [("warning", "defined-twice", "cell 2, line 1")]),
    (["def scale(x): return x", "def scale(x): return x", ("def predict(x): return scale(x)", ["deploy:entry"])], []),
    (["def plot(x): return x", "def plot(x): return 2 * x", RATE, ENTRY], []),
    ([RATE, ENTRY, "print(nowhere)"], [("warning", "undefined-name", "cell 3, line 1")]),
    ([RATE, ENTRY, "print(late)", "late = 1"], [("warning", "used-before-definition", "cell 3, line 1")]),
    ([RATE, ENTRY, ("print(nowhere)", ["raises-exception"])], []),
    ([RATE, ENTRY, "def unused():\n    return nowhere"], []),
    # syntax
    ([RATE, ENTRY, "\n\n%matplotlib inline\nif True\n    pass"], [("error", "syntax", "cell 3, line 4")]),
    ([RATE, ENTRY, "%%time\nx = 1\ny = = 2"], [("error", "syntax", "cell 3, line 3")]),
    ([RATE, ENTRY, "x = 1\nreturn x"], [("error", "syntax", "cell 3, line 2")]),
    ([RATE, ENTRY, ("notes and then code", ["skip-execution"])], []),
    ([RATE, ENTRY, "%%bash\nif then else"], []),
    # secrets
    ([RATE, ENTRY, "x = 1\nkey = 'AKIAABCDEFGHIJKLMNOP'"], [("error", "secret", "cell 3, line 2")]),
    ([RATE, ENTRY, "# ghp_abcdefghijklmnopqrstuvwxyz0123456789"], [("error", "secret", "cell 3, line 1")]),
    ([RATE, ENTRY, "%%bash\nexport T=hf_abcdefghijklmnopqrstuvwxyz012345"], [("error", "secret", "cell 3, line 2")]),
    ([RATE, ENTRY, "import os\nos.environ['DB_PASSWORD'] = 'hunter22'"], [("warning", "secret", "cell 3, line 2")]),
    ([RATE, ENTRY, "def connect(**k): pass\nconnect(user='me', password='s3cr3t-sauce')"], [("warning", "secret", "cell 3, line 2")]),
    ([RATE, ENTRY, "url = 'https://bob:hunter22@db.example.org/x'"], [("error", "secret", "cell 3, line 1")]),
    # installs
    ([RATE, ENTRY, "!pip install pandas"], [("warning", "unpinned", "cell 3, line 1")]),
    ([RATE, ENTRY, "!pip install pandas==2.*"], [("warning", "unpinned", "cell 3, line 1")]),
    ([RATE, ENTRY, "!pip install pandas==2.1.0  # pinned\n!pip install -r requirements.txt\n!pip freeze"], []),
    ([RATE, ENTRY, "!uv pip install torch --index-url https://example.org"], [("warning", "unpinned", "cell 3, line 1")]),
    ([RATE, ENTRY, "x = 1\n%pip install -q 'scikit-learn>=1.0' numpy==2.0"], [("warning", "unpinned", "cell 3, line 2")]),
    ([RATE, ENTRY, "import sys\n!{sys.executable} -m pip install --index-url https://example.org/simple pandas"],
     [("warning", "unpinned", "cell 3, line 2")]),
    ([RATE, ENTRY, "%%bash\npip install git+https://example.org/a/b"], [("warning", "unpinned", "cell 3, line 2")]),
    ([RATE, ENTRY, "%conda install -c conda-forge -y lightgbm"], [("warning", "unpinned", "cell 3, line 1")]),
    ([RATE, ENTRY, "%conda install -y lightgbm=4.3\n# !pip install pandas\nprint('pip install pandas')"], []),
])
def test_what_the_source_tells(cells: list[Cell], expected: list[tuple[str, str, str | None]], tmp_path: Path) -> None:
    assert found(save(tmp_path / "n.ipynb", cells)) == expected


def result(count: int) -> list[dict[str, object]]:
    return [{"output_type": "execute_result", "execution_count": count, "data": {"text/plain": "1"}, "metadata": {}}]


def error(count: int, arrow: str) -> list[dict[str, object]]:
    frame = f"\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[{count}]\x1b[39m\x1b[32m, line 1\x1b[39m\n\x1b[32m----> 1\x1b[39m {arrow}\n"
    return [{"output_type": "error", "ename": "E", "evalue": "", "traceback": ["-----", frame, "E: "]}]


SEVEN: list[Cell] = [RATE, ENTRY, "predict(1)", "import this", "print(1)"]


@pytest.mark.parametrize(("cells", "counts", "outputs", "expected"), [
    (SEVEN, [None] * 5, {}, []),
    (SEVEN, [1, 2, 3, 5, 9], {2: result(3)}, []),
    (SEVEN, [None, 2, 3, 4, 5], {}, [("warning", "not-run", "cell 1")]),
    (SEVEN, [1, 2, 3, 4, None], {}, [("note", "not-run", "cell 5")]),
    ([*SEVEN, "", ("x = 1", ["skip-execution"])], [1, 2, 3, 4, 5, None, None], {}, []),
    (SEVEN, [7, 2, 3, 4, 5], {}, [("warning", "out-of-order", "cell 1")]),
    (SEVEN, [1, 2, 3, 9, 5], {}, [("note", "out-of-order", "cell 4")]),
    (SEVEN, [1, 2, 2, 3, 4], {}, [("note", "other-kernel", "cell 3")]),
    (SEVEN, [2, 2, 3, 4, 5], {}, [("warning", "other-kernel", "cell 2")]),
    (SEVEN, [1, 2, 3, 4, 5], {1: result(2)}, [("warning", "edited", "cell 2")]),
    (SEVEN, [1, 2, 3, 4, 5], {2: result(8)}, [("note", "edited", "cell 3")]),
    (SEVEN, [1, 2, 3, 4, 5], {1: error(2, "return x + rate")}, [("warning", "edited", "cell 2")]),
    (SEVEN, [1, 2, 3, 4, 5], {1: error(2, "def predict(x):")}, []),
    (["%deploy --list", *SEVEN], [1, 2, 3, 4, 5, 6], {0: result(1)}, []),
    ([*SEVEN, "rate", "rate"], [1, 2, 3, 4, 5, 6, 7], {5: result(6)}, [("note", "missing-output", "cell 7")]),
    (["frame = {}", "frame['a'] = 1", ("def predict(x):\n    return frame[x]", ["deploy:entry"])], [1, None, 3], {},
     [("warning", "not-run", "cell 2")]),
    (["x = 1", "y = 2"], [2, 1], {}, [("warning", "out-of-order", "cell 1"), ("note", "no-entry", None)]),
])
def test_what_the_counts_and_outputs_tell(
    cells: list[Cell], counts: list[int | None], outputs: dict[int, list[dict[str, object]]],
    expected: list[tuple[str, str, str | None]], tmp_path: Path,
) -> None:
    assert found(save(tmp_path / "n.ipynb", cells, counts=counts, outputs=outputs), "error", "warning", "note") == expected


def test_what_is_no_python_notebook(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text("hello")
    assert found(tmp_path / "n.ipynb") == [("error", "unreadable", None)]
    assert found(tmp_path / "missing.ipynb") == [("error", "unreadable", None)]
    assert found(save(tmp_path / "r.ipynb", ["x <- 1"], language="R")) == [("error", "language", None)]


def test_a_finding_says_what_to_do(tmp_path: Path) -> None:
    finding, = find_static(save(tmp_path / "n.ipynb", ["rates = 2", ENTRY]))
    assert finding.message == "predict uses rate, which no cell defines (predict → rate)"
    assert finding.advice == "did you mean rates?"
