# The first target that requires it creates .venv and installs resed there. The installation is repeated
# if pyproject.toml or constraints.txt change. DVC is installed by the first test, share or restore. No
# other step requires a network.

PYTHON ?= $(firstword $(shell command -v python3.11 python3 2>/dev/null) python3)
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# The config that was given, without which restore takes the only run that was shared
GIVEN := $(if $(filter undefined,$(origin CONFIG)),,$(CONFIG))
CONFIG ?= config/demo.yaml
# Additional arguments of pip install, such as --extra-index-url https://download.pytorch.org/whl/cpu
PIP_EXTRA ?=
# The remote of share and restore, which is then kept for this clone; empty: the remote of .dvc/config
REMOTE ?=
FORCE ?=
# Of share: full, or evidence, which has no features, checkpoints and posteriors
TIER ?=
AUDIO ?=
# The Python of gpu, which requires PyTorch and NumPy only
GPU_PYTHON ?= python3

VENV := .venv
INSTALLED := $(VENV)/.installed
SHARING := $(VENV)/.sharing
VALIDATORS := build/validators
LOG := $(VENV)/install.log
PIP_INSTALL = PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
	$(VENV)/bin/python -m pip install --quiet --retries 2 $(PIP_EXTRA)
# The last lines of pip seldom name the cause, so they are kept in a file.
OR_FAIL = 2>$(LOG) || { \
	echo "make: the installation failed; it requires a network with access to PyPI, and disk space:" \
	"see $(LOG), then run the same command again" >&2; exit 1; }
RUN_WITH = --cores $(CORES) --configfile $(CONFIG)
CONFIGS = --config '$(CONFIG)'
RESTORE = $(VENV)/bin/resed restore $(if $(GIVEN),--config '$(GIVEN)') \
	$(if $(REMOTE),--remote '$(REMOTE)')
IS_3_11 := import sys; sys.exit(sys.version_info[:2] != (3, 11))

.DEFAULT_GOAL := help
.PHONY: help install demo figures verify gpu share restore evidence release test test-long lint schema clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Create .venv and install resed in it (other targets do this if necessary)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c '$(IS_3_11)' 2>/dev/null || { \
		echo "make: $(PYTHON) is not Python 3.11; use make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "make: cannot create $(VENV); on Debian, apt install python3-venv" >&2; exit 1; }
	@echo "Installing resed and its packages in $(VENV) (once; takes minutes, requires a network)"
	@$(PIP_INSTALL) --editable '.[dev]' $(OR_FAIL)
	@$(VENV)/bin/python -c 'import librosa.util.utils' # compiles for a quarter of a minute, once
	@touch $@

$(SHARING): $(INSTALLED)
	@echo "Installing DVC in $(VENV) (once; requires a network)"
	@$(PIP_INSTALL) --editable '.[share]' $(OR_FAIL)
	@touch $@

demo: $(INSTALLED) ## Run the whole paper on small generated soundscapes, without a network
	@$(VENV)/bin/python -m snakemake_logger_plugin_resed.stages $(RUN_WITH)

figures: $(INSTALLED) ## Draw only the figures (CONFIG=config/esc10.yaml: of another run)
	@$(VENV)/bin/snakemake figures $(RUN_WITH)

verify: $(INSTALLED) ## List results that differ from their checksums (AUDIO=1: audio files, too)
	@$(VENV)/bin/resed verify $(CONFIGS) $(if $(AUDIO),--audio)

gpu: ## Measure trainings on a GPU, without .venv (GPU_PYTHON=python3.12: a Python with PyTorch)
	@PYTHONPATH=src $(GPU_PYTHON) benchmarks/gpu

share: $(SHARING) ## Verify a finished run and push it (REMOTE=url: to this remote from now on)
	@$(VENV)/bin/resed share $(CONFIGS) $(if $(TIER),--tier '$(TIER)') $(if $(REMOTE),--remote '$(REMOTE)')

# A run in evidence/ of this repository requires neither DVC nor a network.
restore: $(INSTALLED) ## Pull a shared run and verify it (FORCE=1: overwrite local files)
	@test -e $(SHARING) || ! $(RESTORE) --needs-dvc 2>/dev/null || \
		$(MAKE) --no-print-directory $(SHARING)
	@$(RESTORE) $(if $(FORCE),--force)

evidence: $(SHARING) ## For maintainers: write the small results of a run into evidence/
	@$(VENV)/bin/resed share $(CONFIGS) --tier evidence --publish

$(VALIDATORS)/.installed: archive/requirements.txt
	@echo "Installing the validators of archives in $(VALIDATORS) (once; requires a network)"
	@$(PYTHON) -m venv $(VALIDATORS)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(VALIDATORS)/bin/python -m pip install --quiet \
		--requirement archive/requirements.txt 2>build/validators.log || { \
		echo "make: the validators could not be installed; see build/validators.log" >&2; exit 1; }
	@touch $@

release: $(INSTALLED) $(VALIDATORS)/.installed ## Pack code and finished runs into build/, and print the tag to set
	@$(VENV)/bin/python -m archive --tools $(VALIDATORS)/bin/python

# Three test files in parallel, the long ones first: some wait for Slurm, a kill or a network.
test: $(SHARING) ## Run all tests, including the integration tests
	@$(VENV)/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 20

test-long: $(SHARING) ## Run the long forms of fuzz, kill and simulation tests (an hour or more)
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile --durations 20 -m long

lint: $(INSTALLED) ## Check the style of Python and Snakemake files
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/snakefmt --check Snakefile workflow
	@$(VENV)/bin/snakemake --lint

schema: $(INSTALLED) ## Generate workflow/schemas/config.schema.json from the settings
	@$(VENV)/bin/python -m resed.config.schema workflow/schemas/config.schema.json

clean: ## Remove caches, but not data/, results/ or .venv
	@rm -rf .pytest_cache .ruff_cache .hypothesis
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
