"""The catalogue: every built-in function is known by its name, and knowing them costs no heavy import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lth_core
from lth_core import registry
from lth_core.planning import catalogue

PACKAGE = Path(lth_core.__file__).parent
HEAVY = {"torch", "torchvision", "pandas", "matplotlib", "scipy", "sklearn", "PIL"}
KNOWN = {
    "model": {"lenet", "conv-6", "vgg-19", "resnet-20", "resnet50"},
    "dataset": {"digits", "kmnist", "cifar100", "svhn", "image-folder"},
    "transform": {"subset", "half", "random-labels", "rotation", "blur"},
    "criterion": {"magnitude", "large-final", "random", "movement", "large-init-large-final", "large-final-diff-sign"},
    "treatment": {"ticket", "reinit", "random-ticket", "shuffle", "freeze-init"},
    "study": {"frankle2019", "transfer"},
}


def printed_by_a_new_process(statements: str) -> str:
    command = [sys.executable, "-c", f"import sys\n{statements}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_a_new_process(statements: str) -> set[str]:
    """The words that these statements print."""
    return set(printed_by_a_new_process(statements).split())


@pytest.mark.parametrize("kind", KNOWN)
def test_the_built_in_functions_are_registered(kind: str) -> None:
    assert set(getattr(registry, kind).names()) >= KNOWN[kind]


def test_the_catalogue_imports_nothing_heavy() -> None:
    imported = in_a_new_process("from lth_core.planning import catalogue\ncatalogue.register()\nprint(*sys.modules)")
    assert not HEAVY & imported
    assert set(catalogue.modules()) <= imported


def test_without_the_catalogue_nothing_is_registered() -> None:
    packages = "lth_core.data, lth_core.models, lth_core.pruning, lth_core.treatments, lth_core.studies"
    names = "*registry.model.names(), *registry.dataset.names(), *registry.criterion.names(), *registry.study.names()"
    assert in_a_new_process(f"import {packages}\nfrom lth_core import registry\nprint({names})") == set()


JOBS = sorted(path.stem for path in (PACKAGE / "jobs").glob("*.py") if path.stem != "__init__")


IN_CHILDREN = f"""
import importlib, os, torch, torchvision, pandas, matplotlib
for job in {JOBS}:
    if os.fork() == 0:  # each job's imports are its own; what takes long to import is there already
        importlib.import_module(f"lth_core.jobs.{{job}}")
        print(job, *sys.modules, flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, job
"""


@pytest.fixture(scope="module")
def imported_by_jobs() -> dict[str, set[str]]:
    lines = [line.split() for line in printed_by_a_new_process(IN_CHILDREN).splitlines()]
    return {job: set(modules) for job, *modules in lines}


@pytest.mark.parametrize("job", JOBS)
def test_no_job_imports_a_catalogue(job: str, imported_by_jobs: dict[str, set[str]]) -> None:
    """What it does not import, it does not depend on: its spec names the modules of the functions that it uses."""
    imported = imported_by_jobs[job]
    assert f"lth_core.jobs.{job}" in imported and not set(catalogue.modules()) & imported


def test_a_new_module_is_noticed_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lth_core.pruning.criteria as criteria

    (tmp_path / "size.py").write_text("")
    monkeypatch.setattr(criteria, "__path__", [*criteria.__path__, str(tmp_path)])
    assert "lth_core.pruning.criteria.size" in catalogue.modules()
