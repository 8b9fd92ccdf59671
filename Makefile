# With git, make and Python 3.11 or later, `make demo` and `make test` do everything. PYTHON names another interpreter:
#     make test PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# More arguments, such as PYTEST_ARGS='-k journal' and BENCH_ARGS='mlp --quick'.
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: demo test lint bench clean
.DEFAULT_GOAL := demo

demo: $(VENV)/installed
	$(BIN)/hefted demo

test: lint
	$(BIN)/pytest -n 2 --doctest-modules src tests $(PYTEST_ARGS)

lint: $(VENV)/installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench:
	$(PYTHON) benchmarks/run.py $(BENCH_ARGS)

clean:
	rm -rf $(VENV) benchmarks/.envs .pytest_cache .ruff_cache .hypothesis

# Each stamp is touched last, so that an installation that was broken off is made again.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Hefted needs Python 3.11 or later, and this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --editable .
	touch $@

# pip has --group since 25.1; pyright[nodejs] brings its own Node, so that nothing else is fetched at its first start.
$(VENV)/installed-tests: $(VENV)/installed
	$(PIP) install --quiet 'pip>=25.1'
	$(PIP) install --quiet --group test 'pyright[nodejs]'
	touch $@
