"""Analysis without running: how long the saved documents of a team's notebooks take."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cells import CHURN, fill
from benchmarks.machine import Quiet, summarise
from benchmarks.tables import seconds, table

ROUNDS = {"quick": 2, "full": 7}
CELLS = 30
COUNTS = (1, 3, 100)
MAGICS = ("%load_ext jupyter_deploy\n%matplotlib inline", "!pip install -q scikit-learn==1.9.1", "%%bash\nls")
INSIDE = """\
import json, pathlib, sys, time
from jupyter_deploy.static import find_static, list_notebooks
from IPython.core.inputtransformer2 import TransformerManager
paths = list_notebooks([pathlib.Path(sys.argv[1])])
begun, cpu = time.perf_counter(), time.process_time()
found = [find_static(path) for path in paths]
print(json.dumps([time.perf_counter() - begun, time.process_time() - cpu]))
"""


def measure(*, quick: bool, quiet: Quiet) -> dict[str, Any]:
    """Look at 1, 3 and 100 notebooks of 30 cells each; gives seconds of the whole command, and without its start."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="nbdeploy-bench-") as folder:
        for count in COUNTS:
            place = Path(folder) / str(count)
            place.mkdir()
            for number in range(count):
                _save(place / f"n{number}.ipynb", number)
            whole, inside, cpu = [], [], []
            for _ in range(1 + ROUNDS["quick" if quick else "full"]):
                quiet.probe()
                begun = time.perf_counter()
                subprocess.run([sys.executable, "-m", "jupyter_deploy.static", str(place)], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                whole.append(time.perf_counter() - begun)
                done = subprocess.run([sys.executable, "-c", INSIDE, str(place)], check=True, capture_output=True,
                                      text=True)
                spent = json.loads(done.stdout)
                inside.append(spent[0])
                cpu.append(spent[1])
            figures[str(count)] = {"whole": summarise(whole[1:]), "inside": summarise(inside[1:]),
                                   "cpu": summarise(cpu[1:])}
    return figures


def _save(path: Path, number: int) -> None:
    """Save a notebook that has run; each differs, so that nothing is parsed once for all."""
    sources = [f"# notebook {number}\n{source}" if not source.startswith("%%") else source
               for source in (*MAGICS, *fill(CHURN, CELLS - len(MAGICS)))]
    cells = [{"cell_type": "code", "id": f"c{index}", "metadata": {}, "source": source, "execution_count": index + 1,
              "outputs": []} for index, source in enumerate(sources)]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document), encoding="utf-8")


def describe(figures: dict[str, Any]) -> str:
    """Write the table."""
    rows = [[count, *(seconds(timed[key]["median"]) for key in ("whole", "inside", "cpu"))]
            for count, timed in figures.items()]
    head = [f"notebooks of {CELLS} cells", "the whole command, s", "of it after start, s", "of that CPU time, s"]
    return table(head, rows)
