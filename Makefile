# The commands of this repository. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := web,worker,openvino,export,coreml,video,embedded,postgres,s3,samples,dev
STAMP := $(VENV)/.installed

# onnxruntime-web, which the page /live runs in the browser: the files that it loads of the npm package.
WEB_RUNTIME := web/onnxruntime_web
WEB_RUNTIME_FILES := ort.wasm.bundle.min.mjs ort.webgpu.bundle.min.mjs \
  ort-wasm-simd-threaded.wasm ort-wasm-simd-threaded.asyncify.wasm

PYTEST := $(BIN)/python -m pytest
# One worker process per core. A worker process takes whole files, in the order of tests/support/lanes.py.
PARALLEL := --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
# The files with tests marked `serial`, which run alone, after the others.
SERIAL := tests/e2e/test_bombs.py tests/bench/service/test_capacity.py

.PHONY: onnxruntime-web contact-sheet knobs gpu-check help setup demo up test test-all test-browser faults documents lint format gallery constraints clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(STAMP) ## Create .venv with the pinned dependencies

# pip would compile 21,000 modules on one core: compileall does it on all. It reports files that are no Python.
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

# torchvision is installed without its dependencies: it pins a build of torch, constraints.txt pins a version.
# executorch too: it requires 180 MB that only its language models use, and an old antlr4 beside moto's.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Atelier needs Python 3.11 or newer; $(PYTHON) is older. Try make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) --no-deps torchvision executorch torchao
	$(PIP_INSTALL) --editable '.[$(EXTRAS)]'
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true
	@touch $(STAMP)

demo: setup ## Start the service, send a photo and a style through the API, save out/stylized.png
	@$(BIN)/python -m jobs.local.demo

up: setup ## Serve at http://127.0.0.1:8000 until Ctrl-C
	@$(BIN)/atelier up

test: setup ## Run all unit tests, and smoke tests with real processes and Chromium (about 8 minutes)
	$(PYTEST) $(PARALLEL) --hypothesis-profile quick -m "not exhaustive and not serial"

test-all: setup ## Run every test: both databases, faults, all browser tests, all documents (about 30 minutes)
	$(PYTEST) $(PARALLEL) -m "not serial"
	$(PYTEST) -m serial $(SERIAL)

test-browser: setup ## Run the tests in a real Chromium
	$(PYTEST) tests/browser

JOBS ?= 100
faults: setup ## Run jobs while processes, servers and disks fail (JOBS=300 for the full run)
	$(PYTEST) tests/faults --fault-jobs $(JOBS)

documents: setup ## Run every command of README and docs against a real service
	$(PYTEST) tests/project/test_documented_commands.py

lint: setup ## Check format, style, types and import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Fix format, and what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

gallery: setup ## Draw the starter gallery again
	$(BIN)/python -m gallery jobs/gallery

contact-sheet: setup ## Render 6 photographs in 8 styles of the gallery with every network, to out/
	$(BIN)/python -m gallery.photographs out/photographs
	$(BIN)/python -m bench.networks.contact_sheet out/photographs jobs/gallery -o out/contact_sheet.png

knobs: setup ## Train short runs that differ in one setting, and write comparison sheets to out/knobs
	$(BIN)/python -m gallery.photographs out/photographs
	$(BIN)/python -m bench.networks.training_settings out/photographs jobs/gallery/cathedral-glass.webp -o out/knobs

onnxruntime-web: ## Copy onnxruntime-web, of the version in web/onnxruntime_web/package.json, from npm into the package
	npm ci --prefix $(WEB_RUNTIME) --ignore-scripts --no-audit --no-fund
	for file in $(WEB_RUNTIME_FILES); do \
	  gzip -9 --no-name --stdout $(WEB_RUNTIME)/node_modules/onnxruntime-web/dist/$$file > $(WEB_RUNTIME)/$$file.gz || exit 1; \
	done

# Without `setup`: a machine with a graphics card may have PyTorch and nothing else that we need.
gpu-check: ## Check and measure on a graphics card, in 4 minutes at most, to out/gpu
	$(firstword $(wildcard $(BIN)/python) $(PYTHON)) -m bench.gpu.check --out out/gpu

constraints: setup ## Pin what is installed now
	@{ head -2 constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//'; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## Remove .venv, out and var
	rm -rf $(VENV) out var
