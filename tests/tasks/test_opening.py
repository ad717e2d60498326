"""A task is opened as its data ask: images, environments, or any other examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from lth_core.config import Choice, Recipe
from lth_core.data.stored import StoredEnvironment
from lth_core.metrics import ACCURACY, RETURN
from lth_core.runtime.shares import ALONE
from lth_core.tasks.control import ControlTask
from lth_core.tasks.examples import ExamplesTask
from lth_core.tasks.images import ImageTask
from lth_core.tasks.opening import build_task
from tests.support import tables
from tests.support.policies import counting

RECIPE = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 2, "steps": 1, "evaluate_every": 1}


def test_images_are_classified_unless_the_config_says_otherwise(make_task: Callable[..., Any]) -> None:
    task = make_task(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
    assert isinstance(task, ImageTask) and task.metrics == (ACCURACY,)
    assert tuple(task.input_shape) == (1, 6, 6)


def test_points_are_examples_of_the_objective_that_the_config_names(monkeypatch: pytest.MonkeyPatch) -> None:
    task = tables.task(nn.Linear(3, 1), tables.register(monkeypatch, tables.regression))
    assert type(task) is ExamplesTask and task.metrics == (tables.ERROR,)
    assert tuple(task.input_shape) == (3,)


def test_in_environments_policies_act() -> None:
    device = torch.device("cpu")
    data = StoredEnvironment({}, counting().facts(), device, ALONE)
    objective = Choice(name="actor-critic", evaluation_episodes=3)
    task = build_task(nn.Linear(1, 3), data, Recipe.model_validate(RECIPE), device, objective)
    assert isinstance(task, ControlTask) and task.metrics[0] == RETURN
    assert tuple(task.input_shape) == (1,)
