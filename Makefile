# One file to begin with: every target makes its own virtual environment and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo test soak fidelity bench lint docs constraints clean

help: ## What can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(PIP) install -c constraints.txt -e '.[testing]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/test.stamp
	$(PIP) install -c constraints.txt -e '.[testing,dev]'
	@touch $@

$(VENV)/docs.stamp: $(VENV)/run.stamp
	$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@

demo: $(VENV)/run.stamp ## The whole story on two sandboxes on this machine
	$(BIN)/mig demo --dataset tests/data/kustomer-sample.jsonl.gz

test: $(VENV)/test.stamp ## The test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

soak: $(VENV)/test.stamp ## The long proofs, which make test leaves out, and what they counted
	$(BIN)/python bench/soak.py

fidelity: $(VENV)/run.stamp ## The platforms' own clients judge our sandboxes (node and npm are needed)
	$(BIN)/python bench/fidelity/run.py

bench: $(VENV)/run.stamp ## The migration against a bare loop of the same requests
	$(BIN)/python bench/run.py

lint: $(VENV)/dev.stamp ## Style, types, floors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy tests docs/examples docs/generate.py
	$(BIN)/lint-imports

docs: $(VENV)/docs.stamp ## The documentation, as HTML in docs/_build
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

constraints: $(VENV)/dev.stamp $(VENV)/docs.stamp ## Pin what is installed now (on Python 3.11)
	$(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' | sort -f > constraints.txt

clean: ## Forget the environment
	rm -rf $(VENV) docs/_build
