# Sets itself up: the first target that needs it makes .venv and installs resed there, once, and
# again when pyproject.toml or constraints.txt change; DVC too, at the first test, share or restore.
# Nothing else here needs a network.

PYTHON ?= $(firstword $(shell command -v python3.11 python3 2>/dev/null) python3)
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
CONFIG ?= config/demo.yaml
# More arguments of pip install, such as --extra-index-url https://download.pytorch.org/whl/cpu
PIP_EXTRA ?=
# Where to share, and from where to restore: kept for this clone; without, that of .dvc/config
REMOTE ?=
FORCE ?=

VENV := .venv
INSTALLED := $(VENV)/.installed
SHARING := $(VENV)/.sharing
PIP_INSTALL = PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
	$(VENV)/bin/python -m pip install --quiet $(PIP_EXTRA)
RUN_WITH = --cores $(CORES) --configfile $(CONFIG)
CONFIGS = --config '$(CONFIG)'
IS_3_11 := import sys; sys.exit(sys.version_info[:2] != (3, 11))

.DEFAULT_GOAL := help
.PHONY: help install demo figures verify share restore test lint schema clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv and install resed into it (the others do this by themselves)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c '$(IS_3_11)' 2>/dev/null || { \
		echo "make: resed needs Python 3.11, and $(PYTHON) is not; make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "make: no virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Installing resed and its packages in $(VENV) (once; minutes, needs the network)"
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(SHARING): $(INSTALLED)
	@echo "Installing DVC in $(VENV) (once; needs the network)"
	@$(PIP_INSTALL) --editable '.[share]'
	@touch $@

demo: $(INSTALLED) ## The whole paper on small generated soundscapes, without network
	@$(VENV)/bin/snakemake $(RUN_WITH)

figures: $(INSTALLED) ## Only the figures (CONFIG=config/esc10.yaml for another run)
	@$(VENV)/bin/snakemake figures $(RUN_WITH)

verify: $(INSTALLED) ## Check that results are as they were made; name those that are not
	@$(VENV)/bin/resed verify $(CONFIGS)

share: $(SHARING) ## Verify a finished run and push it (REMOTE=url: to where, from now on)
	@$(VENV)/bin/resed share $(CONFIGS) $(if $(REMOTE),--remote '$(REMOTE)')

restore: $(SHARING) ## Pull a run that was shared, and verify it (FORCE=1: over what is here)
	@$(VENV)/bin/resed restore $(CONFIGS) $(if $(REMOTE),--remote '$(REMOTE)') $(if $(FORCE),--force)

# Two files of tests at a time, the long ones first: these wait as often as they compute.
test: $(SHARING) ## All tests, the integration tests among them
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20

lint: $(INSTALLED) ## Style of Python and Snakemake files
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/snakefmt --check Snakefile workflow
	@$(VENV)/bin/snakemake --lint

schema: $(INSTALLED) ## Write workflow/schemas/config.schema.json anew from the settings
	@$(VENV)/bin/python -m resed.config.schema workflow/schemas/config.schema.json

clean: ## Remove caches; never data/, results/ or .venv
	@rm -rf .pytest_cache .ruff_cache .hypothesis
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
