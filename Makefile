# Two commands: `make demo` runs the main job, `make test` checks everything. Both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format

$(VENV)/core.stamp: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/test.stamp: $(VENV)/core.stamp requirements/dev.txt requirements/train.txt requirements/eval.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r requirements/dev.txt -r requirements/train.txt -r requirements/eval.txt
	@touch $@

demo: $(VENV)/core.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/demo.txt
	$(BIN)/python codeio_dataset.py --config recipes/data/demo.yaml

test: $(VENV)/test.stamp lint
	$(BIN)/python -m pytest

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
