"""Control: batches that the present policy makes, and its evaluation."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Choice, Recipe
from lth_core.data.environments import find_environment
from lth_core.data.stored import StoredEnvironment
from lth_core.runtime.shares import ALONE, Share
from lth_core.tasks.base import TaskError
from lth_core.tasks.control import ControlTask, Transitions
from lth_core.tasks.objective import Objective
from tests.support.policies import LinearPolicies, counting

CARTPOLE = find_environment("CartPole-v1")
SEEDS = [3, 4, 5]


def build(environment: Any = CARTPOLE, episodes: int = 4, share: Share = ALONE, **options: Any) -> ControlTask:
    recipe = Recipe.model_validate(
        {
            "optimizer": {"name": "adam", "learning_rate": 0.003},
            "batch_size": episodes,
            "steps": 10,
            "evaluate_every": 5,
        }
    )
    objective = Objective.of(Choice.model_validate({"name": "actor-critic", **options}))
    module = nn.Linear(environment.features, environment.actions + 1)
    device = torch.device("cpu")
    return ControlTask(module, StoredEnvironment({}, environment.facts(), device, share), recipe, device, objective)


def policies(seeds: list[int] = SEEDS, scale: float = 1.0) -> LinearPolicies:
    return LinearPolicies(seeds, CARTPOLE.features, CARTPOLE.actions, scale)


def batches(task: ControlTask, seeds: list[int], first: int = 0, last: int = 2, order: int = 0) -> list[Transitions]:
    return list(task.minibatches(seeds, order, first, last, policies(seeds)))


def same(first: Transitions, second: Transitions) -> bool:
    return all(torch.equal(getattr(first, item.name), getattr(second, item.name)) for item in fields(Transitions))


# ---------------------------------------------------------------- batches


def test_a_batch_is_the_steps_of_whole_episodes_and_nothing_else() -> None:
    """CartPole gives 1 for every step: an episode has as many transitions as its return says."""
    (batch,) = batches(build(), SEEDS, last=1)
    for index in range(len(SEEDS)):
        replicate = batch.replicate(index)
        count = len(replicate.inputs)
        lengths, first = [], 0
        while first < count:
            lengths.append(int(replicate.totals[first]))
            assert set(replicate.totals[first : first + lengths[-1]].tolist()) == {float(lengths[-1])}
            first += lengths[-1]
        assert len(lengths) == 4 and sum(lengths) == count
        assert replicate.weights.tolist() == [1.0] * count


def test_returns_are_discounted_to_the_end_of_each_episode() -> None:
    (batch,) = batches(build(discount=0.5, episodes=2), SEEDS, last=1)
    first = batch.replicate(0)
    length = int(first.totals[0])
    assert 1 < length < 500
    expected = [sum(0.5**later for later in range(length - step)) for step in range(length)]
    assert first.returns[:length].tolist() == pytest.approx(expected)


def test_a_replicate_sees_the_same_alone_as_in_a_cohort() -> None:
    for environment in (CARTPOLE, find_environment("MountainCar-v0")):
        task = build(environment)

        def rolled(seeds: list[int], task: ControlTask = task) -> Transitions:
            networks = LinearPolicies(seeds, task.environment.features, task.environment.actions)
            (batch,) = task.minibatches(seeds, 0, 7, 8, networks)
            return batch

        together = rolled(SEEDS)
        for index, seed in enumerate(SEEDS):
            assert same(together.replicate(index), rolled([seed]).replicate(0))


def test_shorter_replicates_end_with_zeros_of_no_weight() -> None:
    (batch,) = batches(build(), SEEDS, last=1)
    counts = [len(batch.replicate(index).inputs) for index in range(3)]
    assert len(set(counts)) > 1 and batch.inputs.shape == (3, max(counts), 4)
    for index, count in enumerate(counts):
        for item in fields(Transitions):
            assert not getattr(batch, item.name)[index, count:].any()


def test_a_batch_is_a_function_of_weights_seed_order_and_step() -> None:
    task = build()
    first, second = batches(task, SEEDS)
    assert same(batches(task, SEEDS, first=1)[0], second)
    assert same(batches(build(), SEEDS)[0], first)
    assert not same(first, second)
    assert not same(batches(task, SEEDS, order=1)[0], first)


def test_every_batch_comes_from_the_present_weights() -> None:
    task, networks = build(), policies()
    coming = task.minibatches(SEEDS, 0, 0, 2, networks)
    next(coming)
    networks.weights = networks.weights.flip(-1)
    (expected,) = task.minibatches(SEEDS, 0, 1, 2, networks)
    assert same(next(coming), expected)


def test_without_networks_decisions_are_random() -> None:
    (batch,) = build(episodes=50).minibatches([0], 0, 0, 1)
    assert batch.actions.double().mean().item() == pytest.approx(0.5, abs=0.05)


def test_samples_are_of_random_decisions_and_a_smaller_one_is_part_of_a_larger() -> None:
    task = build()
    whole = torch.cat([batch.inputs for batch in task.evaluation_batches("test", 100)])
    pieces = list(task.sample_batches("test", size=150))
    assert sum(len(piece.inputs) for piece in pieces) == len(whole)
    assert max(len(piece.inputs) for piece in pieces) <= 150
    (few,) = task.sample_batches("test", 10)
    (more,) = task.sample_batches("test", 20)
    assert torch.equal(more.inputs[:10], few.inputs)


# ---------------------------------------------------------------- losses


def test_the_mean_loss_leaves_out_steps_that_were_none() -> None:
    task, networks = build(), policies()
    (batch,) = task.minibatches(SEEDS, 0, 0, 1, networks)
    outputs = networks.outputs_of(batch.inputs)
    padded = Transitions(*(getattr(batch, item.name)[0] for item in fields(Transitions)))
    alone = batch.replicate(0)
    count = len(alone.inputs)
    assert count < len(padded.inputs)
    expected = task.losses(outputs[0, :count], alone).mean().item()
    assert task.losses(outputs[0], padded).mean().item() == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(task.measures(outputs[0, :count], alone)["loss"].mean().item())


def test_the_gradient_is_that_of_every_replicates_mean_loss() -> None:
    task, networks = build(), policies()
    (batch,) = task.minibatches(SEEDS, 0, 0, 1, networks)
    outputs = networks.outputs_of(batch.inputs)
    gradient = task.output_gradient(outputs, batch)
    for index in range(3):
        alone = batch.replicate(index)
        leaf = outputs[index, : len(alone.inputs)].clone().requires_grad_()
        task.losses(leaf, alone).mean().backward()
        assert leaf.grad is not None
        assert torch.equal(gradient[index, : len(leaf)], leaf.grad)
        assert not gradient[index, len(leaf) :].any()


# ---------------------------------------------------------------- evaluation


def test_evaluation_measures_undiscounted_returns() -> None:
    """Policies that always count on, or end at once: rewards 1 + 2 + 3, or 1."""
    networks = LinearPolicies([0, 1], 1, 2)

    def outputs_of(inputs: torch.Tensor) -> torch.Tensor:
        scores = torch.tensor([[1e6, 0.0, 0.0], [0.0, 1e6, 0.0]])
        return scores[:, None].expand(2, inputs.shape[1], 3)

    networks.outputs_of = outputs_of
    measured = build(counting(), discount=0.5).evaluate("test", networks)
    assert measured["return"].tolist() == measured["median_return"].tolist() == [6.0, 1.0]


def test_mean_and_median_are_over_the_splits_episodes() -> None:
    measured = build(evaluation_episodes=1).evaluate("test", policies())
    assert torch.equal(measured["return"], measured["median_return"])
    measured = build(evaluation_episodes=50).evaluate("test", policies())
    assert not torch.equal(measured["return"], measured["median_return"])
    assert set(measured) == {"loss", "return", "median_return"}
    assert all(values.shape == (3,) and values.dtype == torch.float64 for values in measured.values())


def test_evaluation_is_the_same_each_time_and_changes_nothing() -> None:
    task, networks = build(), policies()
    weights, numpy_state, torch_state = networks.weights.clone(), np.random.get_state()[1].copy(), torch.get_rng_state()
    first, again = task.evaluate("validation", networks), task.evaluate("validation", networks)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert torch.equal(networks.weights, weights)
    assert np.array_equal(np.random.get_state()[1], numpy_state) and torch.equal(torch.get_rng_state(), torch_state)
    # Nor does it disturb the batches between which it comes.
    coming = task.minibatches(SEEDS, 0, 0, 2, networks)
    next(coming)
    task.evaluate("train", networks)
    assert same(next(coming), batches(build(), SEEDS)[1])


def test_all_replicates_are_measured_on_the_same_episodes() -> None:
    measured = build().evaluate("test", policies([4, 4, 5]))
    assert measured["return"][0] == measured["return"][1] != measured["return"][2]
    alone = build().evaluate("test", policies([5]))
    assert all(torch.equal(alone[name], measured[name][2:]) for name in measured)


def test_splits_have_episodes_of_their_own() -> None:
    task, networks = build(), policies([0], scale=0.0)
    seen = {split: task.evaluate(split, networks)["return"].item() for split in ("train", "validation", "test")}
    assert len(set(seen.values())) == 3
    starts = [next(task.evaluation_batches(split)).inputs[0].tolist() for split in seen]
    assert len({tuple(start) for start in starts}) == 3


def test_a_network_with_weights_that_are_not_finite_has_no_return() -> None:
    task, networks = build(), policies()
    healthy = task.evaluate("test", networks)
    networks.weights[1] = torch.nan
    measured = task.evaluate("test", networks)
    for name, values in measured.items():
        assert values[1].isnan()
        assert torch.equal(values[[0, 2]], healthy[name][[0, 2]])
    list(task.minibatches(SEEDS, 0, 0, 1, networks))


def test_a_policy_trains_in_one_process() -> None:
    with pytest.raises(TaskError, match=r"^processes: 4 cannot share the episodes of a policy: set 1$"):
        build(share=Share(0, 4))
