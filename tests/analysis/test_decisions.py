"""How good decisions are: classes of examples, and actions in episodes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.analysis.decisions import Actions, Classes, Modules, decisions_of
from lth_core.config import Recipe
from lth_core.data.environments import find_environment
from lth_core.data.reading import open_data
from lth_core.tasks.base import TaskError
from lth_core.tasks.opening import build_task

RECIPE = Recipe.model_validate(
    {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 2, "steps": 1, "evaluate_every": 1}
)


class Answers:
    """Networks that always choose the same: network r chooses r."""

    size = 3

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.eye(3)[:, None], (3, inputs.shape[1], 3))


def linear(features: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(features, outputs))


def test_classes_are_those_of_the_highest_output(data_file: Path) -> None:
    task = build_task(linear(36, 3), open_data(data_file), RECIPE, torch.device("cpu"))
    decisions = decisions_of(task, examples=30, episodes=1)
    assert isinstance(decisions, Classes) and (decisions.features, decisions.choices) == (36, 3)
    assert decisions.evaluate(Answers(), "test") == pytest.approx([1 / 3] * 3)  # as many examples of each class
    drawn = [decisions.train(Answers(), seed, step) for seed, step in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert all(drawn[0] == drawn[1]) and any(drawn[0] != drawn[2]) and any(drawn[0] != drawn[3])
    assert [values.sum() for values in drawn] == pytest.approx([1] * 4)


def test_modules_decide_as_their_weights_say() -> None:
    module = linear(36, 3)
    weights = {name: tensor.detach() for name, tensor in module.named_parameters()}
    zeros = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    networks = Modules(module, [weights, zeros], (1, 6, 6))
    inputs = np.random.default_rng(0).normal(size=(1, 5, 36)).astype(np.float32)
    outputs = networks(inputs)
    wanted = module(torch.from_numpy(inputs[0])).detach().numpy()
    assert outputs[0] == pytest.approx(wanted) and not outputs[1].any()
    each = networks(np.concatenate([inputs, 2 * inputs]))
    assert np.array_equal(each[0], outputs[0]) and not each[1].any()


def test_actions_are_those_of_the_highest_output_in_episodes_of_each_seed_and_step() -> None:
    environment = find_environment("lth/CartPoleSwingUp-v0")
    objective = SimpleNamespace(name="actor-critic", options={"evaluation_episodes": 3})
    decisions = Actions(cast(Any, SimpleNamespace(environment=environment, objective=objective)), 2)
    returns = [decisions.train(Answers(), seed, step) for seed, step in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert all(returns[0] == returns[1]) and any(returns[0] != returns[2]) and any(returns[0] != returns[3])
    left, waiting, right = decisions.evaluate(Answers(), "test")
    assert waiting < 60 and left < 60 and right < 60  # a pole that only hangs, and a cart that leaves its track


def test_what_is_no_choice_is_refused() -> None:
    with pytest.raises(TaskError, match="can only choose between classes or actions"):
        decisions_of(cast(Any, object()), 1, 1)
