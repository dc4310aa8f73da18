# The two commands: `make demo` and `make test`. Each sets up what it needs on a fresh machine.
# Python 3.11 or later, node 20 or later, and apt (or Chromium, buildah and BusyBox at hand) for browsers and images are expected.

SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
# Where this is set, every import compiles again, which costs three times as much as the import.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1
export BENTOML_DO_NOT_TRACK := True

.PHONY: demo test lint unit kernel remote ship lab typescript clean

$(BIN)/uv:
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip uv

$(VENV)/.demo: $(BIN)/uv pyproject.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet '.[lab,examples]'
	touch $@

$(VENV)/.dev: $(BIN)/uv pyproject.toml
	# By pip, which takes a build for the CPU where it finds one; uv would fetch 3 GB for a GPU. Any release from 2.4 on will do.
	$(BIN)/python -m pip install --quiet 'torch==2.13.0'
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -e '.[dev]'
	touch $@

demo: $(VENV)/.demo  ## Ship the churn notebook and call the service
	$(BIN)/nb2prod ship examples/churn/churn.ipynb --serve
	@echo "nb2prod is $(BIN)/nb2prod here: $(BIN)/nb2prod stop RELEASE --folder examples/churn stops the service."

test: lint unit kernel remote ship typescript lab  ## Pass all tiers

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	$(BIN)/pytest -q

kernel: $(VENV)/.dev
	$(BIN)/pytest -q -m kernel -n 2

remote: $(VENV)/.dev
	$(BIN)/pytest -q -m remote

ship: $(VENV)/.dev buildah
	$(BIN)/pytest -q -m ship

typescript: $(VENV)/.dev
	cd labextension && source ../$(BIN)/activate && jlpm install --immutable && jlpm lint:check && jlpm tsc --noEmit && jlpm test

# As JupyterLab's own browser tests do: on a loaded machine Chromium misses a deadline now and then. Whatever fails twice
# fails, and what was asked twice is named.
lab: $(VENV)/.dev chromium
	$(BIN)/pytest -q -m lab --reruns 1 -r R

.PHONY: chromium
chromium:
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core)

.PHONY: buildah
buildah:  # builds a real image where no engine runs; without it that test says so
	(command -v buildah && command -v busybox) >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || (apt-get update -qq && apt-get install -y -qq --no-install-recommends buildah busybox-static)

clean:
	rm -rf $(VENV) build dist nb2prod/labextension labextension/lib labextension/node_modules
