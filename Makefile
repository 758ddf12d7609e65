# What a newcomer needs: make new, make test. Both put what they install into .venv.
PYTHON ?= python3
BIN := .venv/bin
OUTPUT ?= ..
# The tests wait for servers more than they compute: four at once keep two cores busy. Who has no more takes from others.
PARALLEL := --numprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help new test test-all test-container check clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' Makefile

new: .venv/group-new ## Render a service next to this checkout; ARGS="driver=asyncpg" answers, OUTPUT=folder puts it elsewhere
	@test -t 0 || options=--no-input; $(BIN)/cookiecutter $$options --output-dir "$(OUTPUT)" . $(ARGS)

test: .venv/group-test ## Prove every combination, each engine and framework on servers; ARGS="-k asyncpg" passes arguments
	$(BIN)/python -m pytest $(PARALLEL) -m "not container and not rest" $(ARGS)

test-all: .venv/group-test ## The same, and each combination on servers
	$(BIN)/python -m pytest $(PARALLEL) -m "not container" $(ARGS)

test-container: .venv/group-test ## Prove the image of each driver; needs Docker or Podman
	$(BIN)/python -m pytest -m container $(ARGS)

check: .venv/group-test ## Check the template's own style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## Remove what the other commands made
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache

.venv/group-%: pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --group $*
	@touch $@

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make new PYTHON=python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv
