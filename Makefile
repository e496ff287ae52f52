# `make run` is all that a new user needs; `make help` lists the rest.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
MODELS := smollm2-135m-instruct all-minilm-l6-v2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test check format lock bench clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed $(VENV)/.models ## Prepare .venv and the local models

run: setup ## Start everything on 127.0.0.1:8080 (ARGS="--port 9000" and so on)
	@exec $(BIN)/pointsman serve $(ARGS)

test: setup ## Run the whole test suite
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.installed ## Lint, format, types, import layers, file sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/architecture

format: $(VENV)/.installed ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure the gateway (ARGS="--litellm PATH" adds a peer)
	$(BIN)/pointsman bench gateway $(ARGS)

lock: ## Resolve constraints.txt anew from pyproject.toml, in an environment of its own
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --upgrade pip
	build/lock/bin/pip install --quiet '.[worker,train,dev]'
	(echo "# Made by \`make lock\`: the versions that every \`make\` target installs."; \
	 build/lock/bin/pip freeze --exclude pointsman | sed 's/ @ .*//; s/+cpu$$//') > constraints.txt

clean: ## Remove the environment and caches, not the models
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache *.egg-info

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Pointsman needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is incomplete; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[worker,train,dev]'
	@touch $@

$(VENV)/.models: $(VENV)/.installed routers/catalogue.json
	$(BIN)/pointsman models pull $(MODELS)
	@touch $@
