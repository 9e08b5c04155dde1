# Two targets set up everything they need: `make demo` shows the tool at work, `make test` tests it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# a CPU build where one is offered under this version; without it a plain `torch` may pull gigabytes of CUDA
TORCH  ?= torch==2.13.0
# test processes; each runs torch on one thread
WORKERS ?= 2

.PHONY: setup demo test check format format-check lint types bench bench-full calibrate test-slow clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "attnprobe needs Python 3.11 or newer; run make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)" -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

demo: setup
	$(BIN)/attnprobe patch

test: setup
	$(BIN)/python -m pytest -q -n $(WORKERS)

check: setup format-check lint types test

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/pyright

# a part of the rows; ONLY='scores gpt2-small 512' measures rows whose benchmark and id hold that text
bench: setup
	$(BIN)/python -m benchmarks --only '$(ONLY)'

# every row; with MISSING=1 only those that are not stored yet
bench-full: setup
	$(BIN)/python -m benchmarks --full --only '$(ONLY)' $(if $(MISSING),--missing)
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.generation

calibrate: setup
	$(BIN)/python -m pytest -q -m calibration

test-slow: setup
	$(BIN)/python -m pytest -q -m slow

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache dist
