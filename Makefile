# Every target sets up what it needs; nothing has to be installed first but Python 3.11 or newer.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
# This release of torch is built for CPUs; others pull gigabytes of libraries for GPUs. For a GPU install another one afterwards.
TORCH := torch==2.13.0
# Plugins to leave out, such as `make run WITHOUT=engine_diffusers`, which spares torch and its 200 MB; nothing draws then.
WITHOUT ?=
CHOSEN := $(filter-out $(patsubst %,plugins/%/pyproject.toml,$(WITHOUT)),$(sort $(wildcard plugins/*/pyproject.toml)))
LOCAL := $(if $(findstring engine_diffusers,$(CHOSEN)),$(TORCH)) -e . $(foreach plugin,$(CHOSEN),-e $(dir $(plugin))) -e meta/llmlb
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml meta/llmlb/pyproject.toml testing/pyproject.toml)

.PHONY: run test dev lint check bench docs clean
.DEFAULT_GOAL := run

run: .venv/run.stamp  ## set up, fetch the starter models, print an API key, serve
	@$(BIN)/llmlb models add starter || printf '\nServing with the models that are there.\n'
	@printf '\nThe address and a key for this data directory:\n\n  export LLMLB_URL=http://%s:%s\n  export LLMLB_API_KEY=%s\n\n' \
		"$${LLMLB_HOST:-127.0.0.1}" "$${LLMLB_PORT:-32768}" "$$($(BIN)/llmlb keys ensure)"
	@exec $(BIN)/llmlb serve

# Files side by side, on as many cores as there are; four at most, for many tests start servers of their own.
test: .venv/dev.stamp  ## run every test
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

dev: .venv/dev.stamp  ## set up everything that tests and checks need

lint: .venv/dev.stamp  ## formatting, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy llmlb_core $(wildcard plugins/*/llmlb_*) testing/llmlb_testing
	$(BIN)/lint-imports

check: lint test  ## everything that must hold before a change is handed in

bench: .venv/dev.stamp  ## start-up and engine speed, as tables
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/engine.py

docs: .venv/dev.stamp  ## write the generated pages of docs/ anew
	$(BIN)/python docs/tools/generate.py

clean:  ## remove the environment and everything that was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/pip.stamp:
	@test -n "$(PYTHON)" || { echo 'llmlb needs Python 3.11 or newer; none was found. Install it, or say where: make PYTHON=/path/to/python3' >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

.venv/run.stamp: .venv/pip.stamp $(PROJECTS)
	$(BIN)/python -m pip install --quiet $(LOCAL) openai
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements-dev.txt
	$(BIN)/python -m pip install --quiet -e testing -r requirements-dev.txt
	@touch $@
