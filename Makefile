# The commands around the pipeline. `make` lists them; the rules of the pipeline itself are in the Snakefile.
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
# For what starts further commands: those are to be .venv's as well.
in_venv := PATH="$(CURDIR)/.venv/bin:$$PATH" $(python)
pip := $(python) -m pip install --quiet --disable-pip-version-check
snakemake := $(python) -m snakemake --logger lth --cores $(CORES)

.PHONY: help figures everything test test-slurm lint faults benchmark cluster venv

help: ## this list
	@awk -F ': .*## ' '/^[a-z-]+:.*## / {printf "  make %-12s%s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

figures: venv ## figures, claims and a page to look at, from the default config: reports/index.html
	@$(if $(CONFIG),$(python) -m lth_core.planning.configfile $(CONFIG) && )$(snakemake) $(if $(CONFIG),--configfile $(CONFIG))

everything: venv ## every study on the default data
	@$(snakemake) --configfile config.yaml config/everything.yaml

test: venv ## the whole test suite
	@$(in_venv) -m pytest

test-slurm: cluster ## the tests of the slurm profile; installs SLURM on this machine (Debian, as root)
	@tests/workflow/slurm.sh install
	@$(in_venv) -m pytest -m slurm tests/workflow/test_slurm.py

lint: venv ## style and static checks of Python and Snakemake code
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m snakefmt --check Snakefile workflow
	$(python) -m snakemake --lint

faults: venv ## random faults in a miniature project, with a tally (FAULTS=200 SECONDS=3600 SEED=0)
	$(in_venv) -m tests.faults.campaign --faults $(FAULTS) --seconds $(SECONDS) --seed $(SEED)

benchmark: venv ## speed next to an ordinary PyTorch loop and cost of a run: docs/benchmarks.md (11 to 18 minutes)
	@$(in_venv) -m benchmarks

cluster: venv ## the packages of requirements-cluster.txt in .venv; those for Kubernetes, for tests, in .venv/kubernetes
	@$(pip) --requirement requirements-cluster.txt
	@$(pip) --upgrade --target .venv/kubernetes --requirement requirements-kubernetes.txt

venv: ## .venv from requirements.txt (the other commands do this when it is needed)
	@workflow/venv.sh $(PYTHON)
