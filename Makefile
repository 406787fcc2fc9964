# What CI runs, by the piece, in the environment that is active. `make install` fills it.

PYTHON ?= python
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.PHONY: help install test wheel-test doctest lint format types bench smoke ci clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: ## the checkout, editable, with the tools for tests, lint and training
	$(PYTHON) -m pip install -e ".[test,lint,train]"

test: ## all tests
	$(PYTHON) -m pytest

wheel-test: ## the wheel's files, and every way of installing it; KERASRNN_TEST_INSTALL=full downloads dependencies
	$(PYTHON) -m pytest tests/packaging

doctest: ## the examples in the docstrings
	$(PYTHON) -m pytest tests/unit/test_docstrings.py

lint: ## ruff and codespell
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m codespell_lib

format: ## put the code into shape
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

types: ## mypy, on the packages as they are installed: in the checkout it would not find kerasrnn.zoo
	rm -rf build/types
	$(PYTHON) -m pip wheel . --no-deps --quiet --wheel-dir build/types
	$(PYTHON) -m zipfile -e build/types/kerasrnn-*.whl build/types/tree
	cd build/types/tree && $(PYTHON) -m mypy --config-file $(CURDIR)/pyproject.toml -p kerasrnn

bench: ## how fast the command line answers
	$(PYTHON) -m benchmarks.startup

smoke: ## that the benchmarks run
	$(PYTHON) -m benchmarks.startup --smoke

ci: ## everything, in new environments, as CI runs it
	.ci/run

clean: ## what builds and tools have left
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
