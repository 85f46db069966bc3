# One command per verb. `make demo` and `make test` set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check fix lab build clean bench frontend pictures

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.test frontend
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

build: $(VENV)/.test frontend
	$(BIN)/pip install --quiet build
	$(BIN)/python -m build

# The panel of JupyterLab, in TypeScript. Node comes with the packages for the tests, into the virtual environment.
JLPM := cd labextension && PATH=$(abspath $(BIN)):$$PATH jlpm
SOURCES := $(wildcard labextension/src/*.ts* labextension/src/*/*.ts* labextension/style/* labextension/schema/*) \
           labextension/package.json
frontend: $(VENV)/.frontend

$(VENV)/.frontend: $(VENV)/.test $(SOURCES)
	$(JLPM) install --immutable
	$(JLPM) build:prod
	$(JLPM) test
	$(BIN)/jupyter-builder develop . --overwrite
	touch $@

pictures: $(VENV)/.test frontend
	NBDEPLOY_PICTURES=docs/pictures $(BIN)/python -m pytest tests/browser tests/widget/test_live_panel.py tests/widget/test_vscode.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml
	HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(BIN)/pip install --quiet --editable ".[examples]"
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(BIN)/pip install --quiet --editable ".[test]"
	touch $@

$(VENV)/.bench: $(BIN)/python pyproject.toml
	HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(BIN)/pip install --quiet --editable ".[bench]"
	touch $@

$(VENV)/.lab: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --editable ".[lab]"
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
