# The commands of the README. Each installs what it needs, and says what it does.
SHELL := /bin/bash
# Which Python .venv is made with; without one, the first that is new enough.
PYTHON ?=
VENV := .venv/bin
# `make e2e E2E=tests/e2e/test_owner.py` runs some of them.
E2E ?=
# `make test REPORTS=directory` leaves JUnit reports there.
REPORTS ?=
# Set on some machines; it would make every start slower by seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: docs up down status demo console logs tools test unit policies engine e2e lint format requirements clean

## up: the whole topology in a sandbox on this machine
up: .venv/ready
	@$(VENV)/python -m sandbox up

## down: remove all of it (built tools stay)
down: .venv/ready
	@$(VENV)/python -m sandbox down

## status: what runs, and where the gateways are
status: .venv/ready
	@$(VENV)/python -m sandbox status

## demo: an agent answers its owner through the tailnet and works on her machine; a stranger gets nothing
demo: .venv/ready
	@$(VENV)/python -m sandbox demo

## console: the page on which an owner sees and changes the sandbox's gateways
console: .venv/ready
	@$(VENV)/python -m sandbox addons serve

logs: .venv/ready
	@$(VENV)/python -m sandbox logs

## tools: build all pinned tools and images, also those that only tests need (once)
tools: .venv/ready
	@$(VENV)/python -m sandbox tools

## test: unit tests, policy tests, and the real engine against a real API server
test: .venv/ready tools
	$(VENV)/python -m tests.side_by_side test $(if $(REPORTS),--reports $(REPORTS))

## e2e: every journey and every fault on a real node, with the real gateway and a real tailnet (root)
e2e: .venv/ready tools
	$(VENV)/python -m $(if $(E2E),pytest $(E2E),tests.side_by_side e2e)

unit policies engine: .venv/ready
	$(VENV)/python -m pytest tests/$@

## lint: format, lint and types
lint: .venv/ready
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/pyright

format: .venv/ready
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

## docs: generate docs/configuration.md from the models, docs/guard-rails.md from the rules, and the tables of docs/gateway.md and docs/addons.md
docs: .venv/ready
	{ $(VENV)/python -m policies.document && $(VENV)/python -m components.admission.document; } > docs/guard-rails.md
	$(VENV)/python -m components.settings.document > docs/configuration.md
	$(VENV)/python -m components.openclaw.document
	$(VENV)/python -m addons.status.document

## requirements: compile the pins anew from pyproject.toml
requirements: .venv/ready
	$(VENV)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --extra addons --extra dev pyproject.toml --output-file requirements-dev.txt
	$(VENV)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --constraint <(grep -oE '^[a-z0-9-]+==[^ ]+' requirements-dev.txt) pyproject.toml --output-file requirements.txt

.venv/ready: requirements-dev.txt
	@sandbox/new-venv $(PYTHON)
