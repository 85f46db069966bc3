"""Measurements of nbdeploy that anybody can run again: `python -m benchmarks [--quick] [NAME...]`."""
