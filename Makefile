# make venv      an environment in .venv with the tested set, and the embedded models in data/weights
# make nightly   the same, then a night over data/samples
# make test      the same with test tools, then style, types, import contracts and every test
# make quick     the tests that need no model, no browser and no long wait: for while you work
# make lint      style, types and import contracts
# make hashes    requirements-hashed.txt out of constraints.txt: each pin with the hashes of its files
# make sbom      what is installed, and the weights, as CycloneDX (build/sbom.json), and all licences (build/licences.md)
# make vendor    the scripts that the desk's pages load, out of desk/vendor.toml: needs npm and a network
# make audit     known holes of the pinned set, asked of the package index: needs a network
# make clean     removes .venv and what tools left behind; data/ stays

.DEFAULT_GOAL := venv
.NOTPARALLEL:
.PHONY: venv nightly test quick lint clean test-venv hashes sbom vendor audit

# Another project's environment must not leak into this one.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE CONDA_PREFIX
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_CONSTRAINT PIP_REQUIREMENT PIP_REQUIRE_VIRTUALENV PIP_EDITABLE

SHELL := /bin/sh
PYTHON := .venv/bin/python
# Tests that share something costly are in one group (pytest.mark.xdist_group) and run in one process.
PYTEST := $(PYTHON) -m pytest -n 2 --dist loadgroup
# Changes whenever the environment must be made anew or brought up to date.
STATE = { pwd; cat pyproject.toml constraints.txt; } | cksum

venv:
	@state=$$($(STATE)); \
	if [ "$$(cat .venv/callqa-installed 2>/dev/null)" != "$$state" ] || ! $(PYTHON) -c '' 2>/dev/null; then \
	  $(MAKE) --no-print-directory .base && \
	  echo "installing the tested set into .venv: some 4 GB, several minutes" && \
	  $(PYTHON) -m pip install -qq --disable-pip-version-check -c constraints.txt -e . && \
	  echo "$$state" > .venv/callqa-installed || exit 1; \
	fi; \
	[ -f data/weights/verified.json ] || .venv/bin/callqa models fetch

# A folder that another place or Python made is no use: an environment cannot be moved.
.PHONY: .base
.base:
	@if $(PYTHON) -m pip --version >/dev/null 2>&1 && [ "$$(cat .venv/callqa-place 2>/dev/null)" = "$$(pwd)" ]; then exit 0; fi; \
	for python in $(CALLQA_PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	    rm -rf .venv && "$$python" -m venv .venv && pwd > .venv/callqa-place && exit 0; \
	    exit 1; \
	  fi; \
	done; \
	echo "callqa needs Python 3.11, 3.12 or 3.13 with its venv module, and finds none: install it (Debian: apt-get install python3 python3-venv), or name one: make CALLQA_PYTHON=/path/to/python3.11" >&2; exit 1

# in one go: pip would go through the whole set a second time
test-venv:
	@state=$$($(STATE)); \
	if [ "$$(cat .venv/callqa-test-installed 2>/dev/null)" != "$$state" ] || ! $(PYTHON) -c '' 2>/dev/null; then \
	  $(MAKE) --no-print-directory .base && \
	  echo "installing the tested set with the test tools into .venv: some 4 GB, several minutes" && \
	  $(PYTHON) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[test]' && \
	  echo "$$state" > .venv/callqa-installed && echo "$$state" > .venv/callqa-test-installed || exit 1; \
	fi; \
	$(MAKE) --no-print-directory venv

nightly: venv
	@.venv/bin/callqa nightly --inbox data/samples

lint: test-venv
	@.venv/bin/python -m ruff check . && .venv/bin/python -m mypy && .venv/bin/lint-imports

test: lint
	@$(PYTEST) $(ARGS)

quick: test-venv
	@$(PYTEST) -m "not models and not browser and not slow" $(ARGS)

# Tools of the supply chain, in an environment of their own: nothing of callqa's depends on them.
SUPPLY_TOOLS := uv==0.13.9 cyclonedx-bom==7.5.0 pip-audit==2.10.1
.PHONY: .supply
.supply: venv
	@if [ "$$(cat .venv-supply/installed 2>/dev/null)" != "$(SUPPLY_TOOLS)" ]; then \
	  rm -rf .venv-supply && $(PYTHON) -m venv .venv-supply && \
	  .venv-supply/bin/python -m pip install -qq --disable-pip-version-check $(SUPPLY_TOOLS) && \
	  echo "$(SUPPLY_TOOLS)" > .venv-supply/installed || exit 1; \
	fi

hashes: .supply
	@.venv-supply/bin/uv pip compile constraints.txt --no-deps --generate-hashes --no-header --no-annotate -q -o requirements-hashed.txt

sbom: .supply
	@mkdir -p build && .venv-supply/bin/cyclonedx-py environment $(PYTHON) --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json
	@$(PYTHON) .ci/sbom.py build/sbom.json

vendor:
	@$(PYTHON) .ci/vendor.py

# --strict: a package that could not be looked up is no package without holes
audit: .supply
	@.venv-supply/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes -r requirements-hashed.txt

clean:
	@rm -rf build .venv-supply .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov *.egg-info
	@find pipeline models flows desk tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
