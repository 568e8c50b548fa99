# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
#
# The same commands for people and for CI.  Each does all the set-up that it needs; a second call is quick.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
export PYTHONDONTWRITEBYTECODE = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo demo-net test test-kafka check fix bench bench-region chaos fuzz linkability docs picture lock coverage clean
.DEFAULT_GOAL := help

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: $(READY) ## a household, told by ten partners and a hub; DIR=folder keeps what it made
	@$(BIN)/schakel demo $(if $(DIR),--keep $(DIR))

demo-net: $(READY) ## one Wmo case of three partners, with hub and edges as processes over TLS; kills some; DIR=folder
	@$(BIN)/schakel demo-net $(if $(DIR),--keep $(DIR))

test: $(READY) ## all tests
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

# The tests of the exchange that run over each store in `make test`, here with every envelope through the intake.
OVER_KAFKA := $(patsubst %,tests/hub/test_%.py,exchange delivery recovery pickup_in_parts clock grants pipeline registry threats)

test-kafka: $(READY) ## what needs three Kafka brokers with TLS and permissions, and the exchange over Kafka; needs Java 17, Maven, PostgreSQL
	@SCHAKEL_TEST=kafka SCHAKEL_REQUIRE=kafka,postgres $(BIN)/python -m pytest -q $(or $(ARGS),tests/broker $(OVER_KAFKA))

check: $(READY) ## lint and types
	@$(BIN)/ruff check .
	@$(BIN)/mypy

fix: $(READY) ## mends what can be mended by itself, and formats
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## measures; writes build/bench.json
	@mkdir -p build
	@$(BIN)/python -m tests.bench.run $(ARGS)

bench-region: $(READY) ## measures a region: PostgreSQL, Kafka, streams; half an hour; writes build/bench-region.json
	@mkdir -p build
	@$(BIN)/python -m tests.bench.region $(ARGS)

chaos: $(READY) ## kills, cuts, fills and floods real processes; writes build/chaos.md and .json; as root for all rows
	@$(BIN)/python -m tests.chaos.run $(ARGS)

fuzz: $(READY) ## the properties of every reader and frame, with many more examples; FACTOR=10
	@SCHAKEL_FUZZ=$(or $(FACTOR),10) $(BIN)/python -m pytest -q -n $(WORKERS) -p tests.fuzz \
		--timeout 3600 $(or $(ARGS),tests)

linkability: $(READY) ## an attacker at the hub, each defence on and off; writes build/linkability.md
	@$(BIN)/python -m tests.linkability

docs: $(READY) ## writes deploy/docs/reference.md and the table of formats in the README from the program
	@$(BIN)/python -m deploy.reference deploy/docs/reference.md README.md

picture: $(READY) ## draws deploy/docs/dashboard.png from six minutes of a hub and three edges that run
	@$(BIN)/python -m tests.picture deploy/docs/dashboard.png

coverage: $(READY) ## the tests with branch coverage
	@$(BIN)/coverage run -m pytest -q $(ARGS) && $(BIN)/coverage report

lock: $(READY) ## writes constraints.txt from what is installed
	@{ echo "# Exact versions of everything that Schakel runs, tests and checks with; \`make lock\` writes this anew."; \
		$(BIN)/pip freeze --all --exclude-editable | grep -vE '^pip==' | sort -f; } > constraints.txt.new
	@mv constraints.txt.new constraints.txt

clean: ## removes what the other commands made, the environment too
	rm -rf $(VENV) build demo .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

# The stamp is newer than the two files that say what to install, or the installation is done again.
$(READY): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash .ci/setup
	@touch $@
