# `make demo` and `make test` need only Python 3.11+ and make; both set themselves up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup assets demo test bench browser test-browser test-tools check cli-docs lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
# PyTorch's own index of CPU builds, asked only where the configured indexes have none.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

help:
	@echo "make demo          set up, then watch two small models play and learn (about 12 minutes)"
	@echo "make test          set up, then run every test"
	@echo "make bench         against TRL and transformers on this machine (QUICK=1: under 10 minutes)"
	@echo "make check         lint, format, types, layering, CLI reference"
	@echo "make setup         .venv with the extras dev, eval and redteam, and the advgame command"
	@echo "make test-browser  the report and the viewer in Chromium (installed by apt-get if missing)"
	@echo "make test-tools    garak, PyRIT, promptfoo, vLLM, W&B, ... (installs; needs npm)"
	@echo "make cli-docs      write docs/cli.md anew     make lock   write requirements/dev.lock anew"
	@echo "make clean         remove build output and caches; .venv and runs stay"

setup: $(STAMP)

$(STAMP): requirements/torch-cpu.lock requirements/dev.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "advgame needs Python 3.11 or newer; found: $(PYTHON)" >&2; exit 2; }
	@echo "[1/3] Environment .venv ($$("$(PYTHON)" --version))"
	@[ -x $(BIN)/pip ] || "$(PYTHON)" -m venv --clear .venv > /dev/null \
	  || { scripts/apt_install.sh "$$("$(PYTHON)" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')" \
	       && "$(PYTHON)" -m venv --clear .venv; } \
	  || { echo "venv is missing: apt-get install python3-venv" >&2; exit 2; }
	@echo "[2/3] PyTorch for CPU (about 200 MB)"
	@$(BIN)/pip install --progress-bar off -c requirements/dev.lock -r requirements/torch-cpu.lock \
	  || { echo "Not on the configured indexes; asking $(TORCH_INDEX)"; \
	       $(BIN)/pip install --progress-bar off --timeout 20 --retries 1 \
	         --extra-index-url $(TORCH_INDEX) \
	         -c requirements/dev.lock -r requirements/torch-cpu.lock; } \
	  || { echo "No such build for this machine; taking the platform's default PyTorch"; \
	       $(BIN)/pip install --progress-bar off "$$(sed 's/+cpu//' requirements/torch-cpu.lock)"; }
	@echo "[3/3] Everything else ($$(grep -c == requirements/dev.lock) pinned packages) and advgame"
	@$(BIN)/pip install --progress-bar off -r requirements/dev.lock \
	  | { grep -v '^Requirement already satisfied' || true; }
	@$(BIN)/pip install --progress-bar off --quiet --no-deps -e .
	@touch $@
	@echo "Ready: $(BIN)/advgame --help"

# The model, the judges' embedder, and what the set `harmful` is made of.
ASSETS := smollm2-135m-instruct all-minilm-l6-v2 harmbench strongreject advbench do-not-answer

assets: $(STAMP)
	@for name in $(ASSETS); do $(BIN)/advgame assets pull $$name || exit; done

demo: assets
	@$(BIN)/advgame train demo

test: assets
	@$(BIN)/pytest

bench: assets
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

browser:
	@scripts/get_chromium.sh

# Each tool in an environment of its own, from pinned versions, made once; promptfoo brings its Node.
TOOLS := .venv-tools
test-tools: $(TOOLS)/garak/.installed $(TOOLS)/pyrit/.installed $(TOOLS)/promptfoo/.installed $(TOOLS)/vllm/.installed $(TOOLS)/track/.installed assets
	@ADVGAME_TOOLS=$(CURDIR)/$(TOOLS) $(BIN)/pytest -rs --timeout=3600 \
	  tests/tools tests/serve/test_clients.py tests/evals/test_roles.py

$(TOOLS)/%/.installed: requirements/tools/%.lock requirements/torch-cpu.lock $(STAMP)
	@echo "Environment $(@D) ($$(grep -c == $<) packages)"
	@"$(PYTHON)" -m venv --clear $(@D)
	@! grep -q '^torch==' $< \
	  || $(@D)/bin/pip install --progress-bar off --quiet --no-deps -r requirements/torch-cpu.lock \
	  || $(@D)/bin/pip install --progress-bar off --quiet --no-deps --timeout 20 --retries 1 \
	       --extra-index-url $(TORCH_INDEX) -r requirements/torch-cpu.lock
	@$(@D)/bin/pip install --progress-bar off --quiet --no-deps --no-compile -r $<
	@touch $@

$(TOOLS)/promptfoo/.installed: requirements/tools/promptfoo.json
	@echo "Environment $(@D) (npm)"
	@command -v npm > /dev/null || { echo "npm is missing: apt-get install npm" >&2; exit 2; }
	@rm -rf $(@D) && mkdir -p $(@D) && cp $< $(@D)/package.json
	@npm install --prefix $(@D) --no-audit --no-fund --ignore-scripts --omit=optional --loglevel=error
	@touch $@

test-browser: browser $(STAMP)
	@$(BIN)/pytest -rs tests/browser

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest tests/test_layering.py
	@$(BIN)/python scripts/cli_reference.py --check

cli-docs: $(STAMP)
	@$(BIN)/python scripts/cli_reference.py

lock: $(STAMP)
	@$(BIN)/python scripts/lock.py

clean:
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
