# The thin front of `python -m itdl`. What is current is decided there by content, not here by time stamps.
SHELL := bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
PYTHON ?= $(firstword $(shell command -v python3.11) python3)
BIN := .venv/bin
ITDL := $(BIN)/python -m itdl
INSTALL := -c constraints.txt -e '.[book,test]'

# One thread each: the same bits however many workers there are.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help setup book test chapter claims promote notebooks lint serve bench clean

help:  ## show these verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | column -t -s '|'

setup: .venv/.ok  ## make .venv with the locked versions (UV=1: with uv, faster)

.venv/.ok: pyproject.toml constraints.txt
ifdef UV
	uv venv --allow-existing --python $(PYTHON) .venv
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" uv pip install --python $(BIN)/python $(INSTALL)
else
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(INSTALL)
endif
	touch $@

book: .venv/.ok  ## execute what changed, build the book, say where to open it
	$(ITDL) book

test: .venv/.ok  ## every test: units, laws, faults, pages, browser, then the notebooks against their outputs
	$(BIN)/pytest -n 2 --dist loadfile tests
	ITDL_STORE='$(CURDIR)/_build/store' \
	  $(BIN)/pytest --nbval --nbval-current-env --nbval-cell-timeout 1800 \
	  --nbval-sanitize-with tests/nbval_sanitize.cfg -n 2 --dist loadfile notebooks/

chapter: .venv/.ok  ## one chapter your way: make chapter C=06 [P="seed=3 n=500"] [PROFILE=paper]
	@test -n "$$C" || { echo 'name the chapter: make chapter C=06' >&2; exit 2; }
	$(ITDL) run "$$C" --profile "$${PROFILE:-book}" $(if $(P),-p "$$P")

claims: .venv/.ok  ## the ledger as text; fails when a verdict is not the committed one
	$(ITDL) claims

promote: .venv/.ok  ## write executed outputs beside the chapters, to be committed
	$(ITDL) promote

notebooks: .venv/.ok  ## write each .py into its .ipynb (this direction only)
	$(BIN)/jupytext --quiet --to ipynb --update notebooks/*.py

lint: .venv/.ok  ## ruff, mypy, codespell, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/lint-imports

serve: .venv/.ok  ## show the built book on http://127.0.0.1:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

bench: .venv-bench/.ok  ## ours against the peers, in an environment of their own
	.venv-bench/bin/python benchmarks/run.py

.venv-bench/.ok: benchmarks/requirements.txt benchmarks/requirements-git.txt pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --no-deps -r benchmarks/requirements.txt -e .
	-.venv-bench/bin/python -m pip install --quiet --no-deps -r benchmarks/requirements-git.txt
	touch $@

clean:  ## remove everything that was made, environments excepted
	rm -rf _build
