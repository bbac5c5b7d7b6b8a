# Every target sets itself up: Python 3.11 or newer and make are all that is needed.
# The environment is made once, in .venv; a stamp in it says what has been installed.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-long test-release check lint layers types documents collector bench bench-peers format reference clean

help: ## Say what there is to make.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: .venv/.demo ## Run the digit-reading pipeline and open its page; Ctrl-C ends it (ARGS=--once: at once).
	$(BIN)/stagelight demo $(ARGS)

test: .venv/.dev ## Run the tests (fifteen minutes at most; ARGS=tests/store for one folder).
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

test-long: .venv/.dev ## Run the tests that take an hour.
	$(BIN)/pytest -m long $(ARGS) || [ $$? -eq 5 ] # 5: none is marked so

test-release: .venv/.dev ## Run the tests that take a night.
	$(BIN)/pytest -m release $(ARGS) || [ $$? -eq 5 ]

check: lint layers types documents ## Lint, layers, types, documents: two minutes at most.

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

layers: .venv/.dev
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter

types: .venv/.dev
	$(BIN)/mypy
	$(BIN)/basedpyright

documents: .venv/.dev # README and docs run, reference and tree are true, public names and tests say what they are for
	$(BIN)/stagelight generate --check
	$(BIN)/pytest --numprocesses $(WORKERS) -m 'not wheel and not long and not release' tests/repo

collector: ## Build the collector that tests/stack runs, once, and check its files (ARGS=full: the one for operation).
	@program=$$(collector/build.sh $(ARGS)) && collector/check.sh "$$program" && echo "$$program"

bench: .venv/.bench ## Measure against raw OpenTelemetry and print the table.
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: .venv/.bench ## Install the peers that `make bench` compares with, each into an environment of its own.
	$(BIN)/python -m benchmarks.peers

format: .venv/.dev ## Format the code and mend what ruff can mend.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: .venv/.dev ## Write anew what is generated: rules, dashboards, runbooks, reference, the tree in ARCHITECTURE.md.
	$(BIN)/stagelight generate
	$(BIN)/pytest --quiet tests/repo/test_reference.py tests/repo/test_architecture.py --update-golden

clean: ## Remove the environment, the caches and what was built.
	rm -rf .venv .cache .hypothesis build dist
	find src tests examples benchmarks -name __pycache__ -type d -exec rm -rf {} +

.venv/.pip:
	@echo 'Setting up .venv; this takes a minute or two, once.'
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade 'pip>=25.1' # the first that reads dependency groups
	@touch $@

.venv/.demo: pyproject.toml | .venv/.pip
	$(PIP) install --editable '.[demo]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/.pip
	$(PIP) install --editable '.[all]' --group dev
	@touch $@

.venv/.bench: pyproject.toml | .venv/.pip
	$(PIP) install --editable '.[all]' --group bench
	@touch $@
