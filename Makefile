# make run    set up, carry out the demo prompt into runs/demo
# make test   set up, run the fast tests, two at a time  (make test ARGS="-k record", WORKERS=0: one after the other)
# make check  set up, formatting, lint, types
# make docs   set up, build the site into site/, strictly: a link or a module that is not there is an error
# make clean  remove what make made
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DOCS   := $(VENV)/.docs
ARGS   ?=
WORKERS ?= 2
DEMO   := A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. \
Make the star green. Add a small black heart at the top right. Change the background to white.

.PHONY: run test check docs clean

run: $(STAMP)
	$(BIN)/poser run "$(DEMO)" --out runs/demo --overwrite

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(DOCS)
	$(BIN)/zensical build --strict --clean

$(DOCS): $(STAMP)
	$(BIN)/python -m pip install -e ".[docs]" -c constraints.txt
	touch $@

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -e ".[train,export,tune,api,serve,mcp,ray,bench,dev]" -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV) runs site .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
