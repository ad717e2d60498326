"""Policies on a straight line: each is measured on episodes of its making, as it is in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lth_core.analysis.connectivity import Line, Measuring, evaluate
from lth_core.config import Choice, Recipe
from lth_core.data.environments import find_environment
from lth_core.data.stored import StoredEnvironment
from lth_core.engine.cohort import Cohort
from lth_core.registry import model
from lth_core.runtime.shares import ALONE
from lth_core.tasks.control import ControlTask
from lth_core.tasks.objective import Objective

ALPHAS = [0.0, 0.3, 1.0]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task() -> ControlTask:
    environment = find_environment("CartPole-v1")
    recipe = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 2, "steps": 2, "evaluate_every": 1}
    objective = Objective.of(Choice.model_validate({"name": "actor-critic", "evaluation_episodes": 5}))
    module = model.call("mlp", {"features": 4, "actions": 2, "outputs": 3}, {"hidden": [8]})
    data = StoredEnvironment({}, environment.facts(), CPU, ALONE)
    return ControlTask(module, data, Recipe.model_validate(recipe), CPU, objective)


@pytest.fixture(scope="module")
def lines(task: ControlTask) -> list[Line]:
    """Lines between decided policies, which differ in their returns."""
    rng = torch.Generator().manual_seed(1)
    drawn = [
        {name: 2 * torch.randn(value.shape, generator=rng) for name, value in task.module.named_parameters()}
        for _ in range(3)
    ]
    return [Line(drawn[0], drawn[1], ALPHAS), Line(drawn[1], drawn[2], ALPHAS)]


def returns(curve: Any) -> np.ndarray:
    return -curve.error


def test_every_point_has_the_return_of_its_policy(task: ControlTask, lines: list[Line]) -> None:
    for line, curve in zip(lines, evaluate(task, lines, "test"), strict=True):
        for point, alpha in enumerate(ALPHAS):
            alone = Cohort(task, {name: value[None] for name, value in line.at(alpha).items()}).evaluate("test")
            assert returns(curve)[point] == pytest.approx(alone["return"][0])
            assert curve.loss[point] == pytest.approx(alone["loss"][0], rel=1e-5)
        assert len(set(returns(curve))) > 1, "a policy's return depends on the policy"
        assert np.isnan(curve.disagreement)


def test_an_interrupted_measurement_goes_on_with_the_next_line(task: ControlTask, lines: list[Line]) -> None:
    whole, kept = evaluate(task, lines, "train"), Measuring.start(task, lines)

    class Cut(Exception):
        pass

    def cut(state: Measuring) -> None:
        raise Cut

    with pytest.raises(Cut):
        evaluate(task, lines, "train", state=kept, after_batch=cut)
    assert kept.step == 1
    resumed = evaluate(task, lines, "train", state=kept)
    assert all(np.array_equal(one.error, other.error) for one, other in zip(whole, resumed, strict=True))
