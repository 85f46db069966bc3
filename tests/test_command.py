"""The command itself: what it does before and beside its verbs."""

from __future__ import annotations

import subprocess
import sys

from live_notebook import nbdeploy

INTERRUPTED = """
import os, signal, sys
from jupyter_deploy.__main__ import run

signal.signal(signal.SIGINT, signal.default_int_handler)  # it was ignored, where the tests run in the background

class CtrlC:
    @staticmethod
    def find_spec(name, *_):
        if name == "argparse":
            os.kill(os.getpid(), signal.SIGINT)

sys.modules.pop("argparse", None)
sys.meta_path.insert(0, CtrlC)
sys.exit(run())
"""


def test_ctrl_c_while_it_is_being_imported_is_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "nbdeploy: interrupted\n")


def test_without_a_verb_it_helps() -> None:
    done = nbdeploy()
    assert done.returncode == 2
    assert "From a notebook cell to a proven live endpoint." in done.stderr


def test_both_ways_to_call_it_are_one() -> None:
    module = subprocess.run([sys.executable, "-m", "jupyter_deploy", "--version"], capture_output=True, text=True, timeout=60,
                            check=True)
    assert module.stdout == nbdeploy("--version").stdout
