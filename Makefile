# Commands around the pipeline. `make` lists them; the pipeline itself is in the Snakefile.
#
#   CONFIG=config/mnist.yaml make figures     another config
#   CORES=2 make figures                      fewer cores
#   PYTHON=/path/to/python3.12 make figures   another Python for .venv (first use only)

CORES ?= all
CONFIG ?=
FAULTS ?= 200
SECONDS ?= 3600
SEED ?= 0

python := .venv/bin/python
# Commands that start other commands: these come from .venv, too.
in_venv := PATH="$(CURDIR)/.venv/bin:$$PATH" $(python)
pip := $(python) -m pip install --quiet --disable-pip-version-check
run := $(python) -m lth_core run

.PHONY: help figures everything test test-slurm lint faults benchmark gpu docs cluster hugging-face venv

help: ## list these commands
	@awk -F ': .*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

figures: venv ## make the figures, claims and page of the default config: reports/index.html
	@$(run) $(CONFIG) --cores $(CORES)

everything: venv ## run every study on the default data
	@$(run) config.yaml config/everything.yaml --cores $(CORES)

test: venv ## run the whole test suite
	@$(in_venv) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slurm: cluster ## install SLURM on this machine (Debian, as root) and test the slurm profile
	@tests/support/slurm.sh install
	@$(in_venv) -m pytest -m slurm tests/workflow/test_slurm.py

lint: venv ## check the style of the code, and what can be checked without running it
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m pyright --pythonpath $(python)
	$(python) -m snakefmt --check Snakefile workflow
	$(python) -m snakemake --lint

faults: venv ## disturb a miniature project with random faults and count what it survives (FAULTS=200 SECONDS=3600 SEED=0)
	$(in_venv) -m tests.faults.campaign --faults $(FAULTS) --seconds $(SECONDS) --seed $(SEED)

benchmark: venv ## measure speed and cost, next to an ordinary PyTorch loop: docs/benchmarks.md (about 50 minutes)
	@$(in_venv) -m benchmarks

gpu: venv ## test and measure on one GPU, in at most 6 minutes: docs/benchmarks.md
	@$(in_venv) -m benchmarks.gpu

docs: venv ## build the site from docs/: site/index.html (needs no network once its packages are there)
	@cmp --silent requirements-docs.txt .venv/docs/installed.txt || { rm -rf .venv/docs && \
		$(pip) --target .venv/docs --requirement requirements-docs.txt && cp requirements-docs.txt .venv/docs/installed.txt; }
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=.venv/docs $(python) -m mkdocs build --strict --site-dir site

cluster: venv ## install requirements-cluster.txt into .venv, and what the Kubernetes tests need into .venv/kubernetes
	@$(pip) --requirement requirements-cluster.txt
	@$(pip) --upgrade --target .venv/kubernetes --requirement requirements-kubernetes.txt

hugging-face: venv ## install requirements-hugging-face.txt into .venv
	@$(pip) --requirement requirements-hugging-face.txt

venv: ## make .venv from requirements.txt (the other commands do so when needed)
	@workflow/venv.sh $(PYTHON)
