"""The loss of the advantage actor-critic, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lth_core.metrics import RETURN
from lth_core.registry import objective
from lth_core.tasks.control import Transitions
from lth_core.tasks.objectives.actor_critic import actor_critic


def transitions(actions: list[int], returns: list[float]) -> Transitions:
    count = len(actions)
    values = torch.tensor(returns)
    return Transitions(torch.zeros(count, 1), torch.tensor(actions), values, 10 * values, torch.ones(count))


OUTPUTS = torch.tensor([[math.log(3.0), 0.0, 1.0], [0.0, 0.0, 5.0]])
"""Two actions with probabilities 3/4 and 1/4, or 1/2 each; values 1 and 5."""
BATCH = transitions([0, 1], [3.0, 4.0])
"""Advantages 2 and -1."""


def loss(outputs: Tensor = OUTPUTS, **weights: float) -> list[float]:
    options = {"value_weight": 0.0, "entropy_weight": 0.0} | weights
    return actor_critic(outputs, BATCH, **options)["loss"].tolist()


def test_the_loss_of_the_policy_is_surprise_times_advantage() -> None:
    assert loss() == pytest.approx([-math.log(0.75) * 2, -math.log(0.5) * -1])


def test_the_loss_of_the_critic_is_its_squared_error() -> None:
    before, after = loss(), loss(value_weight=0.5)
    assert [b - a for a, b in zip(before, after, strict=True)] == pytest.approx([0.5 * 4, 0.5 * 1])


def test_entropy_lessens_the_loss() -> None:
    entropies = [-0.75 * math.log(0.75) - 0.25 * math.log(0.25), math.log(2)]
    before, after = loss(), loss(entropy_weight=0.1)
    assert [a - b for a, b in zip(before, after, strict=True)] == pytest.approx([0.1 * value for value in entropies])


def test_the_advantage_is_a_constant_to_the_policy() -> None:
    outputs = OUTPUTS.clone().requires_grad_()
    actor_critic(outputs, BATCH, value_weight=0.5, entropy_weight=0.0)["loss"].sum().backward()
    assert outputs.grad is not None
    # d/dscores = A (pi - onehot(a)), d/dV = -2 value_weight A
    assert outputs.grad.numpy() == pytest.approx(torch.tensor([[-0.5, 0.5, -2.0], [-0.5, 0.5, 1.0]]).numpy())


def test_the_returns_of_a_transition_are_those_of_its_episode() -> None:
    measured = actor_critic(OUTPUTS, BATCH)
    assert measured["return"].tolist() == measured["median_return"].tolist() == [30.0, 40.0]


def test_policies_are_compared_by_their_mean_return_and_the_median_stands_beside_it() -> None:
    facts = objective.facts("actor-critic")
    assert facts["data"] == "environment"
    assert [metric.name for metric in facts["metrics"]] == ["return", "median_return"]
    assert facts["metrics"][0] == RETURN and RETURN.selects and RETURN.higher_is_better


def test_options_of_the_rollouts_belong_to_the_objective_too() -> None:
    assert {"discount", "evaluation_episodes"} <= objective.options("actor-critic").keys()
