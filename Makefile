# make demo    a virtual environment, specc in it, and examples/lenet.cnn compiled to ONNX with parity proven
# make test    the same set-up and the whole test suite, and what it costs
# make lint    ruff, mypy --strict, import contracts
# make bench   the speed promises, measured as whole processes
# make grammar the parser's tables, after a change of the grammar or of Lark
# make docs    docs/operators.md and docs/codes.md, after a change of an operator or of a code's page
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

# onnxruntime-gpu has wheels for x86-64 Linux and Windows only; it runs on the CPU too.
MACHINE := $(shell $(PYTHON) -c "import platform; print(platform.system(), platform.machine().lower())")
EXTRA := $(if $(filter Linux Windows,$(MACHINE)),$(if $(filter x86_64 amd64,$(MACHINE)),gpu,cpu),cpu)

.PHONY: demo test lint bench grammar docs clean

demo: $(VENV)/installed
	@mkdir -p build
	$(BIN)/specc show examples/lenet.cnn
	$(BIN)/specc compile examples/lenet.cnn -o build/lenet.onnx
	@echo "The ONNX file is $(CURDIR)/build/lenet.onnx"

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --slowest 20

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed
	$(BIN)/python benchmarks/speed.py

grammar: $(VENV)/installed
	$(BIN)/python -m specc.syntax.tables

docs: $(VENV)/installed
	$(BIN)/python -m specc.report.operators > docs/operators.md
	$(BIN)/python -m specc.report.codes > docs/codes.md

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'specc needs Python 3.11 or later')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRA)]'
	$(BIN)/python -m compileall -q specc
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist
