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


def in_a_new_process(statements: str) -> set[str]:
    """The words that these statements print."""
    command = [sys.executable, "-c", f"import sys\n{statements}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


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


@pytest.mark.parametrize("job", JOBS)
def test_no_job_imports_a_catalogue(job: str) -> None:
    """What it does not import, it does not depend on: its spec names the modules of the functions that it uses."""
    imported = in_a_new_process(f"import lth_core.jobs.{job}\nprint(*sys.modules)")
    assert not set(catalogue.modules()) & imported


def test_a_new_module_is_noticed_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lth_core.pruning.criteria as criteria

    (tmp_path / "size.py").write_text("")
    monkeypatch.setattr(criteria, "__path__", [*criteria.__path__, str(tmp_path)])
    assert "lth_core.pruning.criteria.size" in catalogue.modules()
