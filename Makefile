# Two commands matter: `make demo` and `make test`. Both start from nothing. Works with GNU make 3.81 (macOS) too.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo services setup test coverage lint bench migration lock clean

BIN := .venv/bin
TESTS := tests
SECONDS := 5
CLIENTS := 1,8,32,128
ONLY :=
PYTEST := $(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--all-build-deps --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
# what the image of the servers has beside the core
IMAGE := celery kafka otel rabbitmq razorpay s3 sentry stripe
SOURCES := src tests deploy $(wildcard benchmarks)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/runtime ## set up, start, and tell the story of one real booking; then serve on http://127.0.0.1:8000
	@$(BIN)/holdfast demo

services: .venv/dev ## each service a process with a database of its own, behind nginx, and the story told to them
	@.ci/servers
	@$(BIN)/python -m deploy.services

setup: .venv/dev ## .venv with everything, ready for .venv/bin/holdfast

test: .venv/dev ## set up whatever the tests need and run them all (TESTS=tests/rules for some)
	@.ci/servers
	@$(PYTEST) $(TESTS)

coverage: .venv/dev ## the tests again, a fifth slower, and htmlcov/ with the lines that none of them runs
	@.ci/servers
	@$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=html $(TESTS)

lint: .venv/dev ## style, types and layers
	@$(BIN)/ruff check $(SOURCES) examples
	@$(BIN)/ruff format --check $(SOURCES) examples
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports

bench: .venv/dev ## rates over HTTP beside PostgreSQL's own (SECONDS=2 CLIENTS=8,32 ONLY=create for less)
	@$(BIN)/python -m benchmarks --seconds $(SECONDS) --clients $(CLIENTS) --only "$(ONLY)"

migration: .venv/dev ## a new empty revision: make migration DOMAIN=booking NAME="add a colour"
	@$(BIN)/python -c 'import sys; from holdfast.schema import draft; print(draft(*sys.argv[1:]))' "$(DOMAIN)" "$(NAME)"

lock: .venv/dev ## pin requirements/*.txt anew from pyproject.toml
	@$(LOCK) --upgrade --all-extras -o requirements/dev.txt pyproject.toml
	@$(LOCK) --upgrade -c requirements/dev.txt -o requirements/runtime.txt pyproject.toml
	@$(LOCK) --upgrade -c requirements/dev.txt $(IMAGE:%=--extra %) -o requirements/image.txt pyproject.toml

clean: ## remove what was built; the data in .holdfast stays
	@rm -rf .venv .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov build
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp names what the environment was made from: touched by nothing else, it makes a second run instantaneous.
.venv/dev: requirements/dev.txt requirements/runtime.txt pyproject.toml
	@.ci/venv requirements/dev.txt
	@touch .venv/dev .venv/runtime

.venv/runtime: requirements/runtime.txt pyproject.toml
	@.ci/venv requirements/runtime.txt
	@touch .venv/runtime
