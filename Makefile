# `make` sets up and runs the demonstration; `make test` sets up and runs all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Every job has one thread: the matrices are small, and sums are taken in the same order everywhere.
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1

.PHONY: demo test calibrate docs docs-site lint lock dist clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.run
	@$(BIN)/nernstfit run .

test: $(VENV)/.test
	@$(BIN)/python -m pytest -n auto

# How often intervals hold the truth, over many simulated recordings; any seed must do. With 500 cases of each kind it
# takes half an hour on two processors.
SEED ?= 1
CASES ?= 500
calibrate: $(VENV)/.test
	@PYTHONPATH=tests $(BIN)/python -m calibration --seed $(SEED) --cases $(CASES)

lint: $(VENV)/.test docs-site
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/mypy
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/lint_workflow.py

# The pages that are written from declarations, docstrings and help, or from what simulated recordings give.
docs: $(VENV)/.run
	@$(BIN)/python -m nernstfit.contract.documentation docs
	@$(BIN)/python docs/figures/refusals.py docs
	@$(BIN)/python docs/figures/protocols.py docs
	@$(BIN)/python docs/interface.py docs
	@$(BIN)/python docs/commands.py docs
	@$(BIN)/python docs/notebook.py docs

# The documentation as a site in build/site; a broken link is an error.
docs-site: $(VENV)/.test
	@$(BIN)/python -m sphinx -q -W --keep-going docs build/site

# Every version and hash that is installed, for every platform; needs the tool `uv`.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--extra workflow --extra build pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--extra workflow --extra build --extra test --constraint requirements.lock pyproject.toml --output-file requirements-test.lock

# The package, and what indices ask of it.
dist: $(VENV)/.test
	@rm -rf dist
	@$(BIN)/hatchling build
	@$(BIN)/twine check --strict dist/*
	@$(BIN)/check-wheel-contents dist/*.whl

clean:
	rm -rf results logs .snakemake dist ro-crate-metadata.json

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@
