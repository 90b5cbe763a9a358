# `make demo` and `make test` need Python 3.11 or newer with venv, and make. Nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# The files that are not slow as a whole: those are not even imported.
QUICK  = $(shell grep -LE '^pytestmark = .*slow|mark.pages' tests/unit/test_*.py)
PAGES  = $(shell grep -l 'pytestmark.*mark.pages' tests/unit/test_*.py)
# Modules are compiled when they are first imported: of 20,000 most never are. Setuptools warns of each editable install.
INSTALL = PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt

# Many tests start processes, each of which would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-pages test-golden test-browser test-storm test-gpu test-fast check docs additions perf clean

help:  ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.ready  ## Make the environment (.venv)

demo: $(VENV)/.ready  ## Run sweeps/quickstart.yaml on a local Ray and compare the methods
	$(BIN)/repertoire run sweeps/quickstart.yaml

test: $(VENV)/.ready-test  ## Run the test suite, in two processes; some six minutes on two cores. WHOLE=yes: and test-pages, test-golden
	$(BIN)/python -m pytest -n 2 -m "not storm and (not variant$(if $(WHOLE), or golden))" --ignore tests/browser $(if $(WHOLE),,$(PAGES:%=--ignore %))

test-pages: $(VENV)/.ready-test  ## Test the dashboard, the report, figures, the notebook and MLflow, without a browser
	$(BIN)/python -m pytest -n 2 -m "not storm and not variant" $(PAGES)

test-golden: $(VENV)/.ready-test  ## Compare the numbers of every method in all cases with those of earlier versions
	$(BIN)/python -m pytest -n 2 tests/golden/test_golden_methods.py

test-browser: $(VENV)/.ready-test  ## Look at the dashboard and the report in Chromium
	$(BIN)/python -m pytest -m "not storm" tests/browser

test-storm: $(VENV)/.ready-test  ## Kill drivers, nodes and stages, drive Tune and MLflow for real, follow the how-to pages, try every variant; long
	$(BIN)/python -m pytest -m "storm or variant"

test-gpu: $(VENV)/.ready-test  ## Run what needs a GPU, and the contract of methods on it
	$(BIN)/python -m pytest -n 4 -m "gpu and not ray or not gpu and not variant" tests/golden/test_golden_on_gpu.py tests/laws/test_laws_on_gpu.py tests/laws/test_fused_on_gpu.py tests/methods/test_conformance.py
	$(BIN)/python -m pytest -m gpu tests/cluster

test-fast: $(VENV)/.ready-test  ## Run what needs neither Ray nor a browser and is quick
	$(BIN)/python -m pytest -n 2 -m "not slow and not ray and not storm and not variant" $(QUICK) tests/laws/test_graph.py

check: $(VENV)/.ready-test  ## Lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.ready-docs  ## Build the documentation as a site: open site/index.html
	@# Not --quiet: the warnings that end a strict build would not be counted.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file docs/site/mkdocs.yml

additions: $(VENV)/.ready-test  ## After adding a built-in: write the schema of sweep files, and the keys and numbers of what is new
	@# Not straight into the file, which would be empty if the new built-in cannot be loaded.
	$(BIN)/repertoire schema > sweeps/sweep.schema.json.tmp || { rm sweeps/sweep.schema.json.tmp; exit 1; }
	mv sweeps/sweep.schema.json.tmp sweeps/sweep.schema.json
	$(BIN)/python tests/golden/test_keys.py
	$(BIN)/python tests/golden/golden_methods.py

perf: $(VENV)/.ready  ## Time a chain of stages against loops by hand, a sweep against plain Tune, a GPU, fused siblings, and what a trial costs at 250 and at 1,000
	$(BIN)/python -m perf.one_run
	$(BIN)/python -m perf.sweep
	$(BIN)/python -m perf.gpu
	$(BIN)/python -m perf.fused --pairs 3 --siblings 1 32
	$(BIN)/python -m perf.scale --sizes 250 1000 --phases read plan run warm compare random asha

clean:  ## Remove the environment; results stay
	rm -rf $(VENV)

# A pass of pip takes ten seconds however little there is to do: each of these is one, and holds for those below it.
$(VENV)/.ready-all: EXTRAS = [test,docs]
$(VENV)/.ready-all: BELOW = .ready .ready-test .ready-docs
$(VENV)/.ready-test: EXTRAS = [test]
$(VENV)/.ready-docs: EXTRAS = [docs]
$(VENV)/.ready-test $(VENV)/.ready-docs: BELOW = .ready

$(VENV)/.ready $(VENV)/.ready-test $(VENV)/.ready-docs $(VENV)/.ready-all: pyproject.toml constraints.txt | $(VENV)/.ready-pip
	@$(INSTALL) --editable '.$(EXTRAS)'
	@touch $@ $(BELOW:%=$(VENV)/%)

$(VENV)/.ready-pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Repertoire needs Python 3.11 or newer; set PYTHON=python3.11")'
	@echo "Making $(VENV) (once; a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) --upgrade pip
	@touch $@
