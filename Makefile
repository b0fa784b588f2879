# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DISTRIBUTIONS := operator trader kitesim

##@ General
help: ## Show this help
	@awk 'BEGIN {FS = ":.*##"} /^[a-z-]+:.*##/ {printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2} /^##@/ {printf "\n%s\n", substr($$0, 5)}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the three distributions and the tools, from the lock

$(STAMP): requirements.lock $(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) ops/setup.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) ops/setup.sh
	@touch $@

lock: ## Resolve the dependencies anew into requirements.lock (hashes, no addresses)
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  $(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) requirements-dev.in -o requirements.lock
	for each in $(DISTRIBUTIONS); do uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  $$each/pyproject.toml -c requirements.lock -o $$each/requirements.lock; done
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  ops/bench/peers/requirements.in -o ops/bench/peers/requirements.lock

##@ Checks
fmt: setup ## Format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup ## ruff, import-linter, module sizes
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/lint-imports

type: setup ## mypy --strict
	$(BIN)/mypy -p session_operator -p trader -p kitesim && $(BIN)/mypy ops tests

##@ Tests
unit: setup ## Unit and property tests: no services
	$(BIN)/python -m pytest tests/unit tests/property tests/contract

component: setup ## Real PostgreSQL, Redis and kitesim on loopback
	$(BIN)/python -m pytest tests/component

clients: setup ## The official clients of JavaScript, Go and Java against kitesim: needs them, and their registries
	$(BIN)/python -m pytest tests/clients

cluster-test: setup ## Real Kubernetes: brings the stand up, breaks it, judges by the exchange's log
	$(BIN)/python -m ops.deploying
	$(BIN)/python -m pytest tests/cluster

sim: setup ## The simulation: SEED=n [KIND=short|hour] repeats one; else SHORT=n HOURS=n FIRST=n SECONDS=n on all cores
	$(BIN)/python -m ops.simulating $(if $(SEED),one $(SEED) --kind $(or $(KIND),short),many --short $(or $(SHORT),2000) \
	  --hours $(or $(HOURS),4) --first $(or $(FIRST),0) --seconds $(or $(SECONDS),0))

sim-campaign: setup ## The recorded campaign: PARTS=short:0-9,hour:3 (none: what is missing), SECONDS=n, VERIFY=1 compares digests
	nice -n 19 $(BIN)/python -m ops.simulating campaign $(if $(PARTS),--parts $(PARTS)) $(if $(VERIFY),--verify) --seconds $(or $(SECONDS),0)

test: ## Everything, as CI runs it; removes the cluster if it made it (KEEP=1 keeps it)
	@PYTHON=$(PYTHON) ops/test.sh

bench: setup ## Measure (ONLY=decode for one part); writes build/bench.json
	$(BIN)/python -m ops.bench $(ONLY)

captures: setup ## The README's pictures: a trading day by hand, its report and its dashboard (7 minutes); docs/images
	$(BIN)/python -m ops.captures day

##@ Before the market opens
verify: setup ## Judge this checkout: profiles, sessions, tables, rules, chart, generated files, migrations
	$(BIN)/python -m ops.preflight.verify

smoke-test: setup ## One order's life on a fresh stack: signal, entry, stop and target, kill, flat
	$(BIN)/python -m ops.preflight.smoke

diagrams: setup ## Draw the state machines anew: docs/reference/state-machines.md
	$(BIN)/python -m ops.diagrams

mutation: setup ## Plant small bugs and see whether the tests notice (MINUTES=60); resumable, writes docs/reference/mutation.md
	$(BIN)/python -m ops.mutation --minutes $(or $(MINUTES),60)

##@ The stand
demo: setup ## The whole story on a real cluster: trade, fail over, kill; leaves the cluster up
	$(BIN)/python -m ops.demo

demo-down: setup ## Remove all that the demo made
	$(BIN)/python -m ops.cluster down

up: setup ## Cluster, images and chart, ready for sessions
	$(BIN)/python -m ops.deploying

alert-proof: setup ## A real Prometheus on the stand: each alert fires by a real fault; leaves the cluster up
	$(BIN)/python -m ops.deploying
	$(BIN)/python -m ops.alerting prove

trading-week: setup ## Five trading days on the cluster in compressed market time: burn-in, canary, full, a kill; leaves the cluster up
	$(BIN)/python -m ops.week

down: demo-down ## Remove the cluster and everything on it

run: setup ## Trade by hand: SQLite and an exchange simulator in the process; Ctrl-C ends it
	$(BIN)/trader run --config configs/paper.yaml

clean: ## Remove what was built in this folder (the cluster has `make down`)
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis

##@ Before and after the day
failure-drills: setup ## Every drill that breaks the product on purpose, judged by the exchange's log (ONLY=dual-runner for one)
	$(BIN)/python -m ops.drills run $(or $(ONLY),all) --json build/drills/failure.json --junit build/drills/failure.xml

red-team-drills: setup ## What must be refused: stolen Lease, foreign tokens, malformed input, loosening manifests, secrets in output
	$(BIN)/python -m ops.drills run red-team --json build/drills/red-team.json --junit build/drills/red-team.xml

STATE ?= $(or $(XDG_STATE_HOME),$(HOME)/.local/state)/trader/paper
DATE ?= $(shell TZ=Asia/Kolkata date +%F)
ARCHIVE ?= $(dir $(STATE))archive
post-close: setup ## Seal a day of a run by hand: snapshot, logs, report (STATE=folder DATE=2026-11-23 ARCHIVE=folder)
	@$(BIN)/python -m ops.postclose run --profile configs/paper.yaml --date $(DATE) --database sqlite:///$(STATE)/journal.db \
	  --credentials $(STATE)/credentials --notifications $(STATE)/notifications --logs $(STATE) --archive $(ARCHIVE) --lasting \
	  $(foreach each,$(wildcard build/drills/*.json),--drills $(each)) $(if $(METRICS),--metrics $(METRICS))

.PHONY: captures verify smoke-test help setup lock fmt lint type unit component clients cluster-test sim sim-campaign test bench diagrams mutation demo demo-down up alert-proof trading-week down run clean failure-drills red-team-drills post-close
