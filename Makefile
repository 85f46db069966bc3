# One command per verb. `make demo` and `make test` set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check fix lab build clean bench pictures

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(VENV)/.test
	$(BIN)/ruff check --fix .

lab: $(VENV)/.lab
	$(BIN)/jupyter lab --notebook-dir examples

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

pictures: $(VENV)/.test
	NBDEPLOY_PICTURES=docs/pictures $(BIN)/python -m pytest tests/widget/test_panel.py

build: $(VENV)/.test
	$(BIN)/pip install --quiet build
	$(BIN)/python -m build

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable ".[examples]"
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable ".[test]"
	touch $@

$(VENV)/.bench: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable ".[bench]"
	touch $@

$(VENV)/.lab: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable ".[lab]"
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
