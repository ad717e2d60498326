"""Registered functions that the samples use; every test has a folder of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lth_core import registry
from tests.support.config_samples import Toy


def grid(root: str, folds: int | float, quick: bool = False):
    """A data set that cannot do without an option."""


def noisy(ticket: object, scale: float):
    """A treatment that cannot do without an option."""


def of_weights(weights: object, mask: object):
    """A criterion that gives an argument a name that the pipeline does not know."""


def of_any_options(**options: object):
    """A model, criterion or transform that takes whatever the config gives it."""


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for known, name, function in (
        (registry.study, "toy", Toy),
        (registry.dataset, "grid", grid),
        (registry.treatment, "noisy", noisy),
        (registry.model, "any", of_any_options),
        (registry.criterion, "any", of_any_options),
        (registry.criterion, "of-weights", of_weights),
        (registry.transform, "any", of_any_options),
    ):
        monkeypatch.setitem(known._functions, name, function)
        monkeypatch.setitem(known._facts, name, {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
