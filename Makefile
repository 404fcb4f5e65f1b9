# Set-up is part of every target: on a fresh machine `make serve` or `make test` is the only command to type.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
MODELS := data/models
TEST_QUOTES := data/quotes/test.jsonl
NAME ?= $(shell date -u +%Y%m%d-%H%M%S)
REPORTS := build/reports

.PHONY: help serve test install model bench lint audit clean
.DEFAULT_GOAL := help

help:
	@echo "make serve    set up what serving needs and answer at http://127.0.0.1:8000"
	@echo "make test     set up everything, run all tests, evaluate and gate the released model"
	@echo "make install  set up everything: serving, training, tests"
	@echo "make model    train on data/quotes, evaluate, gate (NAME=... names the model folder)"
	@echo "make bench    measure speed beside four other ways to serve (installs two of them under build/; a quarter of an hour)"
	@echo "make lint     ruff and mypy"
	@echo "make audit    hold the pinned versions to the vulnerabilities that PyPI knows of"
	@echo "make clean    remove the virtual environment and build/"

serve: $(VENV)/serving
	@exec $(BIN)/python -m service serve

test: $(VENV)/everything
	$(BIN)/python -m pytest
	$(BIN)/python -m training evaluate --model $(MODELS)/released --examples $(TEST_QUOTES) --report $(REPORTS)/released
	$(BIN)/python -m training gate --report $(REPORTS)/released

install: $(VENV)/everything

model: $(VENV)/everything
	$(BIN)/python -m training train --name $(NAME)
	$(BIN)/python -m training evaluate --model $(MODELS)/$(NAME) --examples $(TEST_QUOTES) --report $(REPORTS)/$(NAME)
	$(BIN)/python -m training gate --report $(REPORTS)/$(NAME)

bench: $(VENV)/everything
	$(BIN)/python -m tests.bench.http

lint: $(VENV)/everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# In an environment of its own, so that its dependencies do not mix with the pinned ones. Strict: a version of which nothing could be learned is a failure.
audit: build/audit/done
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement constraints.txt

build/audit/done:
	@$(PYTHON) -m venv build/audit
	@build/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3'
	@touch $@

clean:
	rm -rf $(VENV) build

# The stamps are files in the environment, touched last: an interrupted set-up is done again.
$(VENV)/serving: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "On Record needs Python 3.11 or newer; say make PYTHON=/path/to/python3.11 …")'
	@echo "Setting up what serving needs (about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $@

$(VENV)/everything: $(VENV)/serving
	@echo "Setting up training and tests (PyTorch and all, a few minutes) ..."
	@$(PIP) --editable '.[train,archive,test,compare]'
	@touch $@
