"""Start a worker: `python <bundle>/runtime/__main__.py serve`, or `python -m runtime serve` inside the bundle."""

import sys

if not __package__:
    # Run by its path, Python may have put this very folder first on sys.path, where `types` would be ours.
    sys.path[:] = [folder for folder in sys.path if folder != __file__.rpartition("/")[0]]

import gc
import time
from importlib import import_module
from pathlib import Path

begun = time.perf_counter()
gc.disable()  # until all is loaded: what is made meanwhile stays, and would be looked through again and again
bundle = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(bundle / "modules"), str(bundle)]
options = import_module("runtime.options").parse_options(bundle, sys.argv[1:])
if options.command == "health":
    sys.exit(import_module("runtime.probe").probe(options.port))
sys.path += options.paths
import_module("runtime.workplace").enter(bundle)
sys.exit(import_module("runtime.worker").main(options, begun))
