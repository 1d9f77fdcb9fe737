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
PURE := journey_engine/avro/*,journey_engine/define/*,journey_engine/decode/*,journey_engine/decide/*,journey_engine/encode/*
PURE_COVERAGE := 95
# Measuring makes them slower by half, so only these are measured.
CORE_TESTS := $(addprefix tests/,avro conformance decide decode define encode test_schemas.py)
SCHEDULES ?= 1000
KAFKA_PORT ?= 9092
CHAOS := $(if $(CHAOS_MINUTES),--minutes $(CHAOS_MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(SECURE),--guarded)
# Before a command: a Kafka that it reaches by SCRAM over TLS, at {broker}.
GUARDED := $(BIN)/python -m tests.guarded
NATIVE := var/native
# pip-audit and cyclonedx-py, apart from what runs and what is tested.
SECURITY := var/security
# What programs in JavaScript need; npm writes this file last.
NODE := tests/contract/node/node_modules/.package-lock.json
# What the image has beside the package.
IMAGE_EXTRAS := otel registry rocksdb
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header
# Peers of the bench that have packages of their own.
QUIX := var/bench/quix
KAFKA_STREAMS := tests/bench/peers/kafka-streams
# Puts the compiled package before the editable one, in child processes too.
WITH_NATIVE := PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/$(NATIVE):$(CURDIR)
# Nothing compiled has a part in these.
NOT_NATIVE := $(addprefix tests/run/test_,cores.py garbage.py log_files.py positions.py settings.py sharing.py supervisor.py transport.py upstream.py)
NATIVE_TESTS := $(addprefix tests/native/,imported.py fuzz.py letters.py twins.py) tests/avro $(addprefix tests/decode/test_,decode.py log.py registry_frames.py) tests/decide \
  tests/encode tests/properties tests/replay $(filter-out $(NOT_NATIVE),$(wildcard tests/run/test_*.py))

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' \
	  | awk -F'\t' '{printf "  \033[1mmake %-14s\033[0m %s\n", $$1, $$2}'

.PHONY: demo
demo: setup ## Run the main job on the embedded broker with a real log and show the commands (SECURE=1: on Kafka, SCRAM over TLS)
	@$(if $(SECURE),$(GUARDED)) $(BIN)/journey-engine demo $(DEMO) $(if $(SECURE),--broker '{broker}')

.PHONY: test
test: setup ## Run all tests, those on the embedded broker and on Apache Kafka included
	@$(MAKE) --jobs 2 test-brokers test-rest test-native test-core

# These mostly wait: for time-outs, and for workers to start. They have brokers of their own.
.PHONY: test-brokers
test-brokers: setup node ## The tests with workers as processes, on both brokers
	@$(BIN)/pytest tests/broker --numprocesses 2 --dist loadfile --durations 20

.PHONY: test-core
test-core: setup ## The tests of the pure core, and what of it they cover
	@$(BIN)/pytest $(CORE_TESTS) --cov --cov-report=
	@$(BIN)/coverage report --include='$(PURE)' --fail-under=$(PURE_COVERAGE)

.PHONY: test-rest
test-rest: setup node ## All other tests
	@$(BIN)/pytest $(addprefix --ignore ,tests/broker $(CORE_TESTS))

.PHONY: node
node: $(if $(shell command -v npm),$(NODE)) ## Install what the programs in JavaScript need (without npm: their tests are left out)

$(NODE): tests/contract/node/package.json tests/contract/node/package-lock.json
	@cd tests/contract/node && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: test-native
test-native: native ## The tests of the data plane again, on the compiled package
	@$(WITH_NATIVE) $(BIN)/pytest -o pythonpath='$(NATIVE) .' $(NATIVE_TESTS)

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
	@$(BIN)/python -m deploy.monitoring
	@$(BIN)/journey-engine topics asyncapi > schemas/asyncapi.yaml
	@$(BIN)/journey-engine channel golden --out schemas/golden
	@$(BIN)/python -m deploy.generate

.PHONY: conformance
conformance: setup ## The cases of the language on the engine and on the naive interpreter
	@$(BIN)/python -m tests.conformance

LAWS := tests/properties/test_agreement.py tests/properties/test_laws.py \
	tests/properties/test_everything.py tests/decide/test_merge.py \
	tests/decide/test_contact_laws.py tests/decide/test_laws.py \
	tests/run/test_identity.py tests/run/test_capacity.py tests/run/test_accounts.py \
	tests/run/test_governing.py tests/run/test_task.py

.PHONY: laws
laws: setup ## The laws by Hypothesis in their long form, other examples each time
	@printf '%s\n' $(LAWS) | HYPOTHESIS_PROFILE=long \
		xargs -P $$(nproc) -n 1 $(BIN)/pytest -q -p no:cacheprovider --timeout 7200

.PHONY: mutants
mutants: setup ## Mutants of decide/ against its tests (MODULES="caps room"; AGAIN=1: but those killed)
	@$(BIN)/python -m tests.mutants $(MODULES) $(if $(AGAIN),again)

.PHONY: fuzz
fuzz: native ## The compiled codec against fastavro on ten million bodies
	@$(WITH_NATIVE) $(BIN)/python -m tests.native.fuzz

.PHONY: fuzz-stream
fuzz-stream: native ## A million records, a tenth broken, through a worker on Kafka, all accounted for (RECORDS=, SEED=, KILL=1)
	@$(WITH_NATIVE) $(BIN)/python -m tests.stream $(if $(RECORDS),--records $(RECORDS)) $(if $(SEED),--seed $(SEED)) $(if $(KILL),--kill)

.PHONY: sim
sim: setup ## Simulated schedules with crashes and zombies: SEED=0 SCHEDULES=1000, a JSON line
	@$(BIN)/python -m tests.simulation $(or $(SEED),0) $(SCHEDULES)

.PHONY: bench
bench: native $(QUIX) $(KAFKA_STREAMS)/target ## The engine and its peers on one job, checked; a JSON line (BENCH="--rounds 1 --embedded")
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench $(if $(BENCH),$(BENCH),--keep tests/bench/results/bench.json)

.PHONY: bench-quick
bench-quick: native $(QUIX) ## The same with 10,000 customers and without Kafka Streams
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench --quick --customers 10000 --events 200000 --rounds 2 --restored 100000

.PHONY: bench-growth
bench-growth: native ## What one thing grows costs: AXIS=customers|journeys|instances|processes|unread|partitions
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench.growth $(AXIS) $(GROWTH)

.PHONY: bench-report
bench-report: setup ## Tables and charts of tests/bench/results into tests/bench/README.md
	@$(BIN)/python -m tests.bench.report

$(QUIX): $(STAMP) tests/bench/peers/quix.lock
	@rm -rf $(QUIX)
	@$(BIN)/uv venv --quiet --python $(BIN)/python $(QUIX)
	@$(BIN)/uv pip install --quiet --python $(QUIX)/bin/python --require-hashes -r tests/bench/peers/quix.lock
	@touch $@

$(KAFKA_STREAMS)/target: $(KAFKA_STREAMS)/pom.xml $(shell find $(KAFKA_STREAMS)/src -type f)
	@cd $(KAFKA_STREAMS) && mvn -q -B package
	@touch $@

.PHONY: rehearse-loss
rehearse-loss: setup ## Lose a Kafka cluster; go on on the one that MirrorMaker 2 copied to; a JSON line
	@$(BIN)/python -m tests.rehearsal

# What checks files for others' programs has packages of its own.
VALIDATORS := var/validators

.PHONY: test-deploy
test-deploy: setup $(VALIDATORS) ## Image, compose, Kubernetes: checked without a network, engine or cluster
	@$(BIN)/pytest -q tests/deployment
	@$(VALIDATORS)/bin/python tests/deployment/validate.py

$(VALIDATORS): $(STAMP) tests/deployment/validators.lock
	@rm -rf $(VALIDATORS)
	@$(BIN)/uv venv --quiet --python $(BIN)/python $(VALIDATORS)
	@$(BIN)/uv pip install --quiet --python $(VALIDATORS)/bin/python --require-hashes -r tests/deployment/validators.lock
	@touch $@

.PHONY: test-image
test-image: setup ## Build the image with Podman and run its worker, all but /data read-only (root; Debian: podman runc mmdebstrap)
	@$(BIN)/python -m tests.deployment.image

.PHONY: chaos
chaos: native ## Workers on Apache Kafka under faults, held against the core (CHAOS_MINUTES=25, SEED=7, SECURE=1)
	@$(WITH_NATIVE) $(BIN)/python -m tests.chaos $(CHAOS)

.PHONY: bench-commits
bench-commits: native ## What transactions cost on Apache Kafka, and commits of 1, 8, 32 partitions
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench.commits

.PHONY: bench-timers
bench-timers: native ## How late timers fire on Kafka: idle, under load, 100,000 due at once
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench.timers

.PHONY: bench-takeover
bench-takeover: native ## How long a killed worker's partitions stand still, with and without a copy
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench.takeover

.PHONY: bench-restore
bench-restore: native ## How long a worker takes to have a million customers back, cold and warm
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench.restore $(if $(CUSTOMERS),--customers $(CUSTOMERS))

.PHONY: bench-memory
bench-memory: native ## A worker's memory while CUSTOMERS (5000000) come to be known (MEMORY_MIB=1024)
	@$(WITH_NATIVE) $(BIN)/python -m tests.bench.memory $(if $(CUSTOMERS),--customers $(CUSTOMERS)) $(if $(MEMORY_MIB),--memory-mib $(MEMORY_MIB))

.PHONY: kafka-up
kafka-up: setup ## Start Apache Kafka on localhost:9092 (KAFKA_PORT; one node, data under var/)
	@$(BIN)/python -m deploy.kafka up var/kafka $(KAFKA_PORT)

.PHONY: kafka-down
kafka-down: setup ## Stop it
	@$(BIN)/python -m deploy.kafka down var/kafka

.PHONY: native
native: setup $(NATIVE)/.built ## Compile the package into var/native (PYTHONPATH=var/native uses it)

$(NATIVE)/.built: $(STAMP) $(shell find journey_engine deploy/native -type f -not -name '*.pyc')
	@rm -rf $(NATIVE) var/dist
	@$(BIN)/uv build --quiet --wheel --python $(BIN)/python --out-dir var/dist \
	  --build-constraint requirements.lock --require-hashes
	@$(BIN)/python -m zipfile -e var/dist/*.whl $(NATIVE)
	@ln -sfn ../../deploy $(NATIVE)/deploy  # where brokers.py looks for Kafka
	@touch $@

.PHONY: sbom
sbom: $(SECURITY) ## The image's packages as a CycloneDX document, var/sbom.json
	@$(SECURITY)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	  --output-file var/sbom.json deploy/image.lock
	@echo var/sbom.json

STRICT := --strict

.PHONY: audit
audit: $(SECURITY) ## Known vulnerabilities of the locked packages; asks PyPI, fails where it does not tell (STRICT=: lists those; AUDIT="-s osv")
	@$(SECURITY)/bin/pip-audit --requirement requirements.lock --disable-pip $(STRICT) --progress-spinner off $(AUDIT)

$(SECURITY): $(STAMP) deploy/security/tools.lock
	@rm -rf $(SECURITY)
	@$(BIN)/uv venv --quiet --python $(BIN)/python $(SECURITY)
	@$(BIN)/uv pip install --quiet --python $(SECURITY)/bin/python --require-hashes -r deploy/security/tools.lock
	@touch $@

.PHONY: clean
clean: ## Remove what make and the tests have made
	@rm -rf $(VENV) var build deploy/kafka/target .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.PHONY: setup
setup: $(STAMP) ## Make .venv with the locked packages and this project in it

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: ## Resolve the packages anew into requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet uv
	@$(COMPILE) --all-extras --group dev --upgrade pyproject.toml -o requirements.lock
	@$(COMPILE) $(addprefix --extra ,$(IMAGE_EXTRAS)) --constraint requirements.lock pyproject.toml -o deploy/image.lock
	@$(COMPILE) --constraint requirements.lock --group build -o deploy/build.lock
	@$(COMPILE) --upgrade deploy/security/tools.in -o deploy/security/tools.lock
	@$(COMPILE) --upgrade tests/deployment/validators.in -o tests/deployment/validators.lock
