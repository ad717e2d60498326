"""Regression on a small table of points, for tests of tasks whose objective is a user's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lth_core import registry
from lth_core.config import Choice, Recipe
from lth_core.data.points import Points, Rows
from lth_core.data.stored import StoredPoints
from lth_core.metrics import Metric
from lth_core.runtime.shares import ALONE
from lth_core.tasks.base import Task
from lth_core.tasks.opening import build_task

ERROR = Metric("error", "error", "metres", higher_is_better=False, matching=0.5)


def regression(outputs: Tensor, batch: Any, weight: float = 1.0) -> dict[str, Tensor]:
    """Squared errors, `weight` times, and absolute ones."""
    errors = outputs.squeeze(-1) - batch.targets
    return {"loss": weight * errors.square(), "error": errors.abs()}


def register(monkeypatch: Any, function: Any, name: str = "test-regression", **facts: Any) -> str:
    """Register an objective for the time of a test."""
    monkeypatch.setitem(registry.objective._functions, name, function)
    monkeypatch.setitem(registry.objective._facts, name, {"data": "points", "metrics": (ERROR,)} | facts)
    return name


def table() -> StoredPoints:
    """Make 40 training, 12 validation and 20 test rows: the target is the sum of three features."""
    features = np.random.default_rng(0).normal(size=(72, 3))
    rows = Rows(features, features.sum(axis=1))
    points = Points(rows.take(np.arange(40)), rows.take(np.arange(40, 52)), rows.take(np.arange(52, 72)), "a table")
    tensors = {name: torch.from_numpy(value) for name, value in points.tensors().items()}
    return StoredPoints(tensors, points.facts(), torch.device("cpu"), ALONE)


def task(module: nn.Module, objective: str, batch_size: int = 10, folds: int = 0, **options: Any) -> Task:
    """Put a module and an objective on the table."""
    recipe = {
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "batch_size": batch_size,
        "steps": 4,
        "evaluate_every": 4,
        "test_folds": folds,
    }
    choice = Choice(name=objective, **options)
    return build_task(module, table(), Recipe.model_validate(recipe), torch.device("cpu"), choice)
