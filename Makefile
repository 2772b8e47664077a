# make demo    a virtual environment, specc in it, and examples/lenet.cnn compiled to ONNX with parity proven
# make test    the same set-up and the whole test suite, and what it costs
# make lint    ruff, mypy --strict, import contracts; the workflows and forms of .github
# make bench   speed, memory and latency beside other tools, measured as whole processes; about half an hour, and goes on
#              where it was interrupted. BENCH=--quick: LeNet alone, in a minute
# make figures the same, and what docs/promises.md and docs/benchmarks.md show of it
# make grammar the parser's tables and what editors colour specs by, after a change of the grammar or of Lark
# make docs    docs/operators.md, docs/codes.md, docs/words.md, the names of the operators, the text of specc --help and the picture of a
#              check, after a change of an operator, a code's page, a command, or what it prints
# make docs-site  the documentation as a site, with the playground in it, in build/site; needs Node.js and npm, its tests Chromium
# make dist    the sdist and the wheel, in dist/, built by the tools of requirements.lock
# make lock    requirements.lock, after a change of a requirement or of constraints.txt; needs uv
# make fuzz    every reader of what a stranger may write, on inputs at random, and commands that are ended before their time.
#              FUZZ="--inputs 1000000 --publish" KILLS="--runs 500": what docs/hardening.md shows; it goes on where it was
#              interrupted
# make sweeps  what of sweeps needs Dask, Optuna, pyarrow and matplotlib, or builds networks
# make server  specc server, with clients over stdio: as editors are, lying ones, and 2,000 random edits
# make playground  the page that checks specs in the browser, in build/playground, and served on this machine; needs Node.js and npm
# make playground-test  the same page, visited in Chromium
# make editors  editors/vscode: packaged, and tried in Visual Studio Code itself, in Chromium; needs Node.js and npm. editors/vim,
#              and the settings of docs/editors.md, in Neovim, and in Vim and Emacs where they are installed
# make examples  examples/train with Lightning, and examples/browser in Chromium, which must be there as Node.js, npm and g++ must:
#              their tests and types; the programs of specc embed, compiled and run
# make imports  files of both of PyTorch's exporters, of tools that rewrite files, and of the onnx package, imported
# make siblings, runtimes, mutants, package, hooks, action    what .ci/run does besides
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

# onnxruntime-gpu has wheels for x86-64 Linux and Windows only; it runs on the CPU too.
MACHINE := $(shell $(PYTHON) -c "import platform; print(platform.system(), platform.machine().lower())")
EXTRA := $(if $(filter Linux Windows,$(MACHINE)),$(if $(filter x86_64 amd64,$(MACHINE)),gpu,cpu),cpu)

FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

.PHONY: demo test lint bench figures grammar docs dist lock siblings runtimes examples imports sweeps server playground playground-test docs-site editors mutants fuzz package hooks action clean

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
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(FORMS)
	$(BIN)/pre-commit validate-config .pre-commit-config.yaml
	$(BIN)/pre-commit validate-manifest .pre-commit-hooks.yaml
	$(BIN)/zizmor --offline --quiet .github action.yml

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks.bench $(BENCH)

figures: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks.bench --publish

grammar: $(VENV)/installed
	$(BIN)/python -m specc.syntax.tables
	$(BIN)/python -m specc.highlighting.textmate > editors/vscode/syntaxes/specc.tmLanguage.json
	$(BIN)/python -m specc.highlighting.vim > editors/vim/syntax/specc.vim

docs: $(VENV)/installed
	$(BIN)/python -m specc.ops
	$(BIN)/python -m specc.report.operators > docs/operators.md
	$(BIN)/python -m specc.report.code_pages > docs/codes.md
	$(BIN)/python -m specc.report.word_tables > docs/words.md
	$(BIN)/python -m specc.cli.commands > specc/cli/help.txt
	$(BIN)/python -m docs.site.terminal > docs/pictures/check.svg

dist: build/tools/installed
	rm -rf dist
	build/tools/$(notdir $(BIN))/python -m build --no-isolation --outdir dist .

# torch and onnxruntime are left out: which of their builds is right depends on the machine, and one of them has several GB.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
	  --constraint constraints.txt --no-emit-package torch --no-emit-package onnxruntime \
	  pyproject.toml requirements-dev.txt --output-file requirements.lock

siblings: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 -m sibling tests/networks

runtimes: $(VENV)/installed-dev
	$(BIN)/python benchmarks/runtimes.py 1.17.3 1.20.1 --networks 4

sweeps: $(VENV)/installed-dev $(VENV)/installed-sweeps
	$(BIN)/python -m pytest -n 2 --dist loadfile -m swept tests/sweeps

server: $(VENV)/installed-dev $(VENV)/installed-server
	$(BIN)/python -m pytest -n 2 --dist loadfile -m served tests/server

playground: $(VENV)/installed $(VENV)/installed-playground
	$(BIN)/python playground/build.py --serve 8000

docs-site: $(VENV)/installed-dev $(VENV)/installed-docs $(VENV)/installed-playground
	$(BIN)/python playground/build.py
	$(BIN)/python -m docs.site.build --playground build/playground
	$(BIN)/python -m pytest -m published tests/site

editors: $(VENV)/installed-dev $(VENV)/installed-editors
	$(BIN)/python -m pytest -n 2 --dist loadfile -m editor tests/editors

playground-test: $(VENV)/installed-dev $(VENV)/installed-playground
	$(BIN)/mypy --strict --cache-dir=.mypy_cache/playground playground/build.py
	$(BIN)/python -m pytest -m playground tests/playground

imports: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 -m imported tests/importing tests/compare

examples: $(VENV)/installed-dev $(VENV)/installed-examples
	$(BIN)/mypy --strict --allow-untyped-calls --config-file= --cache-dir=.mypy_cache/examples --disable-error-code=import-untyped examples/train examples/search examples/browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m example tests/examples tests/embedding

mutants: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.mutants --networks 12 --sites 2 --jobs 2

FUZZ ?= --inputs 12000
KILLS ?= --runs 100

fuzz: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.kills $(KILLS)
	$(BIN)/python -m benchmarks.fuzz $(FUZZ)

package: dist
	PYTHON="$(PYTHON)" .ci/package

hooks: $(VENV)/installed-dev
	BIN="$(abspath $(BIN))" .ci/hooks

action: $(VENV)/installed-dev
	BIN="$(abspath $(BIN))" .ci/action

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'specc needs Python 3.11 or later')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRA)]'
	$(BIN)/python -m compileall -q specc
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-dev.txt
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed requirements-bench.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-bench.txt
	@touch $@

$(VENV)/installed-sweeps: $(VENV)/installed requirements-sweeps.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-sweeps.txt
	@touch $@

$(VENV)/installed-server: $(VENV)/installed requirements-server.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-server.txt
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed requirements-docs.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-docs.txt
	@touch $@

$(VENV)/installed-editors: $(VENV)/installed requirements-editors.txt editors/vscode/package-lock.json tests/editors/package-lock.json tests/editors/install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-editors.txt
	npm ci --prefix editors/vscode --ignore-scripts --no-audit --no-fund --silent
	tests/editors/install
	@touch $@

$(VENV)/installed-examples: $(VENV)/installed requirements-examples.txt tests/examples/package-lock.json
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-examples.txt
	npm ci --prefix tests/examples --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(VENV)/installed-playground: playground/package-lock.json tests/playground/package-lock.json
	npm ci --prefix playground --ignore-scripts --no-audit --no-fund --silent
	npm ci --prefix tests/playground --ignore-scripts --no-audit --no-fund --silent
	@touch $@

build/tools/installed: requirements.lock
	rm -rf build/tools
	$(PYTHON) -m venv build/tools
	build/tools/$(notdir $(BIN))/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) build dist
