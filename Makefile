# The commands of the README. `make setup` builds .venv; the others call it when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0
EXAMPLE := examples/phrase-tone

.PHONY: setup demo test test-azure lint generated format bench docs clean
.PHONY: extension vsix vsix-here test-editor test-editor-azure code

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
	$(BIN)/python -m pytest --numprocesses 2

# With the real client of Azure, at a double of the service, whose blob store needs Node.js. Mostly waiting: three at a time.
test-azure: $(VENV)/.azure
	$(BIN)/python -m pytest tests/azureml --numprocesses 3

$(VENV)/.azure: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[pipeline,dev,azure]"
	touch $@

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

# The extension for VS Code. Node.js 20 or later; what an editor to test in needs is fetched into the user's cache.

EXTENSION := extension
VERSION = $(shell node -p "require('./$(EXTENSION)/package.json').version")
TARGETS := linux-x64 linux-arm64 darwin-x64 darwin-arm64 win32-x64
HERE = $(shell node -p 'process.platform + "-" + process.arch')

$(EXTENSION)/node_modules/.ready: $(EXTENSION)/package-lock.json
	npm ci --prefix $(EXTENSION) --ignore-scripts --no-audit --no-fund
	touch $@

extension: setup $(EXTENSION)/node_modules/.ready
	$(BIN)/python $(EXTENSION)/scripts/settings.py --check
	cd $(EXTENSION) && npm run --silent build && npm run --silent lint && npm test --silent

vsix: $(TARGETS:%=vsix-%)

vsix-here:
	$(MAKE) vsix-$(HERE)

# One after the other: all go through the folder bundled/.
.NOTPARALLEL: vsix
vsix-%: setup $(EXTENSION)/node_modules/.ready
	mkdir -p dist
	$(BIN)/python $(EXTENSION)/scripts/bundle.py $*
	cd $(EXTENSION) && npm run --silent build
	cd $(EXTENSION) && npx vsce package --no-dependencies --target $* --out ../dist/olivine-$*-$(VERSION).vsix

# In a real VS Code, from the package; screenshots of all that it shows are left in dist/editor/.
test-editor: vsix-here
	node $(EXTENSION)/test/editor/life.mjs
	node $(EXTENSION)/test/editor/api.mjs
	node $(EXTENSION)/test/editor/run.mjs

# The same for Azure ML, at the double.
test-editor-azure: $(VENV)/.azure vsix-here
	node $(EXTENSION)/test/editor/azure.mjs

code: vsix-here $(EXAMPLE)/model/config.json
	node $(EXTENSION)/test/editor/demo.mjs

clean:
	rm -rf $(EXTENSION)/node_modules $(EXTENSION)/out $(EXTENSION)/bundled
	rm -rf $(VENV) build dist $(EXAMPLE)/model $(EXAMPLE)/models $(EXAMPLE)/cache
