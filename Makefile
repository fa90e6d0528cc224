# phasezoo: `make` lists what there is. Every target sets up .venv by itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
WORKERS ?= 2
READY := .venv/.ready

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "phasezoo needs Python 3.11, and '$(PYTHON)' was not found." >&2; \
	  echo "Install it, or name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "phasezoo needs Python 3.11, but '$(PYTHON)' is $$($(PYTHON) --version)." >&2; \
	  echo "Name the right one: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' has no venv; on Debian: apt-get install python3.11-venv" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY) ## make .venv from requirements.lock

benchmark: $(READY) ## the reference experiment: thirteen encoders, three splits, three seeds
	.venv/bin/phasezoo benchmark experiments/phase_field_benchmark.yaml --workers $(WORKERS)

test: $(READY) ## the tests, in minutes
	.venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not speed and not slow"

test-all: test ## then the slow ones (kill loops, clusters, databases, commands at once) and the timings
	.venv/bin/python -m pytest -m "slow and not speed"
	.venv/bin/python -m pytest -m speed -s

lint: $(READY) ## ruff and mypy
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

format: $(READY) ## format the code
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .

ui: $(READY) ## open the MLflow UI on this machine
	.venv/bin/phasezoo ui

readme: $(READY) ## write the README's tables and figures from the last benchmark
	.venv/bin/python docs/build_readme.py

screenshots: $(READY) ## take the README's pictures of the MLflow UI from the last runs
	.venv/bin/python -m docs.take_screenshots

lock: ## pin what pyproject.toml asks for into requirements.lock
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet ".[dev]"
	# a CPU build of torch is the same version under another name
	.venv-lock/bin/python -m pip freeze --all --exclude phasezoo | sed "s/+cpu$$//" > requirements.lock
	rm -rf .venv-lock build

clean: ## remove .venv and caches; results in runs/ stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

.PHONY: help setup benchmark test test-all lint format ui readme screenshots lock clean
