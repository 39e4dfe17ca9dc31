# Needs Python 3.11 or later and pip's registry; everything else goes into .venv, once.
# Options are passed on: make demo ARGS="--meters 200 --duration 60 --json"

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test lint types bench lock clean

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# As a wheel, urllib3-future rewrites the package urllib3 of others at every start of Python; built so, it does not.
INSTALL := URLLIB3_NO_OVERRIDE=1 $(PIP) install --quiet --require-hashes --no-binary urllib3-future
UV := uv==0.13.9
ARGS ?=

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 8

install: .venv/installed ## what `feederline` needs to run, into .venv

demo: .venv/installed ## a simulated district through the whole gateway, on this machine
	@$(BIN)/feederline demo $(ARGS)

bench: .venv/installed ## a benchmark: make bench ARGS="store"
	@$(BIN)/feederline bench $(ARGS)

test: .venv/installed-dev ## all tests; some of them: make test ARGS="tests/unit -k network"
	@$(BIN)/python -m tests $(ARGS)

lint: .venv/installed-dev ## style, format, layering, generated files
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports
	@$(BIN)/python -m dashboards.generate --check

types: .venv/installed-dev ## strict type check
	@$(BIN)/mypy

# Prefer a Python that the lock's wheels are built for; any later one may have to compile.
.venv/created:
	@for newest in 14 99; do \
	  for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	    "$$python" -c "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $$newest))" \
	      >/dev/null 2>&1 || continue; \
	    echo "Creating .venv with $$python" >&2; \
	    "$$python" -m venv .venv >&2 && touch $@ && exit 0; \
	    exit 1; \
	  done; \
	done; \
	echo "Feederline needs Python 3.11 or later with its venv module, and found none." >&2; \
	echo "Install one (on Debian: python3 and python3-venv), or name it: make PYTHON=/path/to/python …" >&2; \
	exit 1

.venv/installed: requirements.lock pyproject.toml | .venv/created
	@echo "Installing what Feederline needs into .venv (once; about a minute)" >&2
	@$(INSTALL) --requirement requirements.lock >&2
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable . >&2
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "Installing the development tools into .venv (once)" >&2
	@$(INSTALL) --requirement requirements-dev.lock >&2
	@touch $@

# The locks hold for Python 3.11 and later on every platform. They name no registry.
COMPILE = $(BIN)/uv pip compile pyproject.toml - --universal --python-version 3.11 --generate-hashes \
  --annotation-style line --custom-compile-command "make lock" --quiet

lock: .venv/installed ## pin the dependencies anew after a change to pyproject.toml; ARGS=--upgrade for newer ones
	@$(PIP) install --quiet $(UV) >&2
	@echo "setuptools>=80" | $(COMPILE) --output-file requirements.lock $(ARGS) >&2
	@echo "setuptools>=80" | $(COMPILE) --extra dev --constraint requirements.lock \
	  --output-file requirements-dev.lock $(ARGS) >&2

clean: ## removes .venv and everything made from the sources
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
