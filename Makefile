SHELL := /bin/bash
PYTHON ?= python3
# Compiled modules, those of the tests too, are kept: to compile them again is a tenth of what all tests take.
unexport PYTHONDONTWRITEBYTECODE
# `editable` for work in this folder; `wheel` tests what users install, as CI does.
INSTALL_MODE ?= editable
JOBS ?= 2
# Two cores' worth of processes. Who has nothing left takes of what the other has; the marked tests of a module stay together,
# since they share its servers.
PYTEST = .venv/bin/pytest -n $(JOBS) --dist
# What is killed and cut off writes to a disk, as it does where it is installed; all else to memory (tests/conftest.py).
ON_DISK = TMPDIR=$${TMPDIR:-/tmp}
SERVED = server or browser or postgres or crash or dask
MARKED = $(SERVED) or slow or engine
QUICK = tests/stages tests/run/test_scenarios.py tests/run/test_guards.py tests/run/test_first_table.py tests/run/test_step.py
PACKAGES = flows stages schemas
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help install demo docs notebook pictures test manual test-quick mutants test-slow test-marked test-engines test-all lint format lock crash-test power-test bench bench-check fuzz sbom audit hooks clean wheelhouse

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.runtime ## Make .venv with the supervisor in it

.venv/.runtime: requirements.lock pyproject.toml tools/install.sh
	PYTHON=$(PYTHON) tools/install.sh requirements.lock editable
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	tools/install.sh requirements-dev.lock editable
	@touch $@

.PHONY: dev-editable dev-wheel
dev-editable: .venv/.dev
# Made each time; the next `make install` finds its stamp too old, and is editable again.
dev-wheel: .venv/.dev
	tools/install.sh requirements-dev.lock wheel
	@touch -d @0 .venv/.runtime

demo: install ## Judge the example homelab on a bad evening, with a month behind it
	@[ -e .demo/supervisor.yaml ] || rm -rf .demo
	@.venv/bin/supervisor demo .demo
	@command -v supervisor >/dev/null || printf '\nTo type these as they stand: alias supervisor=%s\n' "$$PWD/.venv/bin/supervisor"

pictures: demo ## Draw the pictures anew (those of the report and the page need Chromium)
	.venv/bin/python -m tools.pictures examples/pictures

notebook: .venv/.dev demo ## Open the notebook in JupyterLab, on the month that make demo leaves
	.venv/bin/jupyter lab notebooks/drift.ipynb

manual: .venv/.dev ## Write the manual's generated tables anew
	.venv/bin/python -m tools.manual

test: dev-$(INSTALL_MODE) ## Run the tests that need nothing else
	$(PYTEST) worksteal -m "not ($(MARKED))" $(PYTEST_ARGS)

test-quick: dev-editable ## Run the tests of the rules alone (seconds), while a stage changes
	$(PYTEST) worksteal -m "not ($(MARKED))" $(QUICK) --ignore tests/stages/test_properties.py $(PYTEST_ARGS)

mutants: .venv/.dev ## Break the code on purpose, and see that the tests notice
	.venv/bin/python -m tests.mutants $(MUTANTS)

test-slow: dev-$(INSTALL_MODE) ## Run the catalogue of faults, the wide tables, the long and the many
	$(PYTEST) loadscope -m "slow and not ($(SERVED) or engine)" --timeout 600 $(PYTEST_ARGS)

test-marked: dev-$(INSTALL_MODE) ## Run the tests that need a server, a browser, a database or strace
	$(ON_DISK) tools/with-postgres.sh $(PYTEST) loadscope -m "($(SERVED)) and not engine" --timeout 600 $(PYTEST_ARGS)

test-engines: dev-$(INSTALL_MODE) wheelhouse ## Run the tests on real Docker engines, in a lab on this machine (needs root)
	.venv/bin/python -m tests.lab.base || [ $$? = 77 ]
	$(ON_DISK) .venv/bin/python -m tests.lab enter -- .venv/bin/pytest -n 0 -m engine --timeout 300 $(PYTEST_ARGS) || [ $$? = 77 ]

test-all: test test-slow test-marked test-engines ## Run all tests

lint: .venv/.dev ## Check style, types and layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: .venv/.dev ## Format and sort imports
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

lock: .venv/.runtime ## Resolve the versions anew, within pyproject.toml's ranges
	$(COMPILE) --upgrade pyproject.toml --group install -o requirements.lock
	$(COMPILE) --upgrade pyproject.toml --extra notebook --extra dask --extra s3 --extra mqtt --group install --group dev \
		-c requirements.lock -o requirements-dev.lock
	$(COMPILE) --upgrade --group bench -o requirements-bench.lock
	$(COMPILE) --upgrade --group docs -o requirements-docs.lock
	$(COMPILE) --override examples/container/overrides.txt -c requirements.lock pyproject.toml -o examples/container/requirements.lock

crash-test: .venv/.dev ## Kill the supervisor at every point of every write (minutes)
	.venv/bin/python -m tests.crash
	.venv/bin/python -m tests.crash.table
	.venv/bin/python -m tests.crash.crowd 60
	.venv/bin/python -m tests.crash.everything 60

power-test: .venv/.dev ## Cut the power at every point of every write (minutes; needs root and loop devices)
	.venv/bin/python -m tests.crash.power

.venv-bench/.peers: requirements-bench.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --no-deps --only-binary :all: --require-hashes -r requirements-bench.lock
	@touch $@

.venv-docs/.built-with: requirements-docs.lock
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --no-deps --only-binary :all: --require-hashes -r requirements-docs.lock
	@touch $@

docs: .venv-docs/.built-with ## Build the manual as a site, in build/docs
	.venv-docs/bin/sphinx-build --fail-on-warning --quiet docs build/docs
	@echo "build/docs/index.html"

wheelhouse: build/wheelhouse.lock ## Fetch what the image is made of into build/wheelhouse, for a build without a package index

build/wheelhouse.lock: examples/container/requirements.lock requirements.lock
	@mkdir -p build/wheelhouse
	sed -n '/^uv-build==/,/[^\\]$$/p' requirements.lock | cat examples/container/requirements.lock - >$@.new
	$(PYTHON) -m pip download --quiet --no-deps --only-binary :all: --require-hashes --dest build/wheelhouse -r $@.new
	@mv $@.new $@

bench: .venv/.runtime .venv-bench/.peers ## Measure the supervisor beside its peers
	.venv/bin/python -m benchmarks $(BENCH_ARGS)

bench-check: .venv/.runtime ## Compare time and memory with the release before, or with REF=...
	.venv/bin/python -m benchmarks.check $(if $(REF),--ref $(REF))

fuzz: .venv/.dev ## Feed the readers with random input for FUZZ_SECONDS
	.venv/bin/python -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),600)

sbom: .venv/.dev ## Write the bill of materials of the lock to build/sbom.json
	@mkdir -p build
	PYTHONWARNINGS=ignore::UserWarning .venv/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible -o build/sbom.json

# Strict: a package that could not be looked up is a failure, not a silence.
audit: .venv/.dev ## Look the locked versions up in the vulnerability database (needs the network)
	.venv/bin/pip-audit --strict --progress-spinner off --require-hashes --disable-pip -r requirements.lock $(AUDIT_ARGS) || \
		{ echo "audit: a known weakness (above), or the database could not be asked, and nothing is known" >&2; exit 1; }

hooks: .venv/.dev ## Let git run the checks before each commit
	.venv/bin/pre-commit install

clean: ## Remove everything that make made
	rm -rf .venv .venv-bench .venv-docs .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
