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
	@awk 'BEGIN {FS = ":.*##"} /^[a-z-]+:.*##/ {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2} /^##@/ {printf "\n%s\n", substr($$0, 5)}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the three distributions and the tools, from the lock

$(STAMP): requirements.lock $(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) ops/setup.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) ops/setup.sh
	@touch $@

lock: ## Resolve the dependencies anew into requirements.lock (hashes, no addresses)
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  $(addsuffix /pyproject.toml,$(DISTRIBUTIONS)) requirements-dev.in -o requirements.lock
	for each in $(DISTRIBUTIONS); do uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  $$each/pyproject.toml -c requirements.lock -o $$each/requirements.lock; done

##@ Checks
fmt: setup ## Format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup ## ruff, import-linter, module sizes
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/lint-imports

type: setup ## mypy --strict
	$(BIN)/mypy -p session_operator -p trader -p kitesim && $(BIN)/mypy ops tests
