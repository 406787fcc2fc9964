# What CI runs, by the piece, in the environment that is active. `make install` fills it.

PYTHON ?= python
export TF_CPP_MIN_LOG_LEVEL ?= 3

JAX_TESTS = $(wildcard tests/property/test_layers_*.py) tests/reference/test_engine_jax.py \
	$(wildcard tests/reference/test_layers_*.py) $(wildcard tests/unit/test_layers_*_in_models.py) \
	$(wildcard tests/reference/test_decoding_*.py) $(wildcard tests/*/test_losses*.py) $(wildcard tests/*/test_metrics*.py)

.DEFAULT_GOAL := help
DATA ?= data

.PHONY: gallery train-all help install test test-jax browser-test wheel-test doctest lint format types bench bench-decoding bench-layers bench-losses bench-crf bench-viz smoke ci clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: ## the checkout, editable, with the tools for tests, lint and training
	$(PYTHON) -m pip install -e ".[test,browser,lint,train,jax]"

test: ## all tests
	$(PYTHON) -m pytest

test-jax: ## training, and the tests of layers, losses and metrics, on JAX
	KERAS_BACKEND=jax $(PYTHON) -m pytest -n 0 -m jax tests/cli
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 $(PYTHON) -m pytest $(JAX_TESTS)

browser-test: ## the interactive pages, in Chromium; needs the browser extra
	$(PYTHON) -m pytest -n 2 tests/browser

wheel-test: ## the wheel's files, and every way of installing it; KERASRNN_TEST_INSTALL=full downloads dependencies
	$(PYTHON) -m pytest -n 0 tests/packaging

doctest: ## the examples in the docstrings
	$(PYTHON) -m pytest -n 0 tests/unit/test_docstrings.py

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

train-all: ## every preset of the zoo, from the data in DATA to runs/; hours
	$(PYTHON) -m kerasrnn.zoo.training.everything --data $(DATA) --out runs

gallery: ## the pictures of docs/gallery.md, by the commands that stand there; needs a Chromium
	$(PYTHON) -m docs.gallery

bench: ## how fast the command line answers
	$(PYTHON) -m benchmarks.startup

bench-layers: ## how fast the layers are, next to Keras and PyTorch
	$(PYTHON) -m benchmarks.layers

bench-losses: ## how fast the cross-entropy and the edit distance are, next to Keras and PyTorch
	$(PYTHON) -m benchmarks.losses

bench-crf: ## how fast the CRF is, next to pytorch-crf
	$(PYTHON) -m benchmarks.crf

bench-decoding: ## how fast decoding is, next to Keras' tutorial and KerasHub
	$(PYTHON) -m benchmarks.decoding

bench-viz: ## how long pictures take, and how much memory
	$(PYTHON) -m benchmarks.viz

smoke: ## that the benchmarks run
	$(PYTHON) -m benchmarks.startup --smoke
	$(PYTHON) -m benchmarks.layers --smoke
	$(PYTHON) -m benchmarks.losses --smoke
	$(PYTHON) -m benchmarks.crf --smoke
	$(PYTHON) -m benchmarks.decoding --smoke
	$(PYTHON) -m benchmarks.viz --smoke

ci: ## everything, in new environments, as CI runs it
	.ci/run

clean: ## what builds and tools have left
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
