# The one entry point for people and CI. `make` lists what there is.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
SHOP := tests/replay/data/ecom.csv.gz
# A shop's real log; without it the made-up one that comes with the package.
DEMO := $(if $(wildcard $(SHOP)),--input $(SHOP) --map schemas/maps/ecom.map.yaml)
PURE := journey_engine/define/*,journey_engine/decode/*,journey_engine/decide/*,journey_engine/encode/*
PURE_COVERAGE := 95

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' \
	  | awk -F'\t' '{printf "  \033[1mmake %-14s\033[0m %s\n", $$1, $$2}'

.PHONY: demo
demo: setup ## Run the main job on the embedded broker with a real log and show the commands
	@$(BIN)/journey-engine demo $(DEMO)

.PHONY: test
test: setup ## Run all tests, those on the embedded broker and on Apache Kafka included
	@$(BIN)/pytest --cov --cov-report=
	@$(BIN)/coverage report --include='$(PURE)' --fail-under=$(PURE_COVERAGE)

.PHONY: check
check: setup ## Lint, format, types, import contracts, definitions, generated files
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/journey-engine validate
	@$(BIN)/journey-engine test

.PHONY: fix
fix: setup ## Repair what ruff can repair, and format
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: gen
gen: setup ## Write the generated files anew (their freshness is tested)
	@$(BIN)/python -m journey_engine.define.document > schemas/journey.schema.json

.PHONY: laws
laws: setup ## The laws by Hypothesis in their long form
	@HYPOTHESIS_PROFILE=long $(BIN)/pytest tests/properties --timeout 3600

.PHONY: bench
bench: setup ## Events for a CPU-second, next to the idiomatic Faust agent on the same job
	@$(BIN)/python -m tests.bench

.PHONY: kafka-up
kafka-up: setup ## Start Apache Kafka on localhost:9092 (one node, data under var/)
	@$(BIN)/python -m journey_engine.run.brokers up var/kafka

.PHONY: kafka-down
kafka-down: setup ## Stop it
	@$(BIN)/python -m journey_engine.run.brokers down var/kafka

.PHONY: clean
clean: ## Remove what make and the tests have made
	@rm -rf $(VENV) var deploy/kafka/target .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.PHONY: setup
setup: $(STAMP) ## Make .venv with the locked packages and this project in it

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: lock
lock: ## Resolve the packages anew into requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade \
	  pyproject.toml -o requirements.lock
