# The commands of the README. `make setup` builds .venv; the others call it when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0
EXAMPLE := examples/phrase-tone

.PHONY: setup demo test lint generated format bench docs clean

setup: $(VENV)/.ready

# torch comes first and alone: as a dependency of others pip may choose a build with gigabytes of CUDA libraries.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[pipeline,dev]"
	touch $@

$(EXAMPLE)/model/config.json: | setup
	$(BIN)/python -m olivine_pipeline.demo_model $(EXAMPLE)/model

demo: setup $(EXAMPLE)/model/config.json
	$(BIN)/olivine run $(EXAMPLE)/olive-config.json

test: setup
	$(BIN)/python -m pytest

lint: setup generated
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

generated: setup
	$(BIN)/python -m olivine_schemas.language.generate --check
	$(BIN)/python -m olivine_schemas.language.document --check
	$(BIN)/python -m olivine_schemas.rules.document --check
	$(BIN)/python -m olivine_pipeline.manual --check

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: setup
	$(BIN)/python -m olivine_schemas.language.generate
	$(BIN)/python -m olivine_schemas.language.document
	$(BIN)/python -m olivine_schemas.rules.document
	$(BIN)/python -m olivine_pipeline.manual

bench: setup
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist $(EXAMPLE)/model $(EXAMPLE)/models $(EXAMPLE)/cache
