"""The rules of training: pruned weights stay zero, bits do not depend on cuts, evaluations or neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.tasks.base import TaskError
from lth_core.tasks.examples import batch_indices
from lth_core.training.loop import train
from lth_core.training.optimizers import Optimizer
from lth_core.training.state import start_state
from tests.support.small_trainings import (
    NETWORKS,
    OPTIMIZERS,
    SEEDS,
    dense,
    initial,
    linear,
    run,
    same_bits,
    sparse_mask,
)


def wide() -> nn.Module:
    # large enough for oneDNN's matrix product; no bias in one layer
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 400, bias=False), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 3)
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_pruned_weights_are_exactly_zero_at_every_step(make_task: Any, network: Any, optimizer: dict) -> None:
    task = make_task(network(), optimizer)
    weights = initial(network)
    mask = sparse_mask(weights, network)
    leaks = []

    def look(state: Any) -> None:
        leaks.extend(name for name, kept in mask.items() if state.cohort.parameters[name].detach().numpy()[~kept].any())

    trained = run(task, weights, mask, listeners=[look])
    assert not leaks
    for name, kept in mask.items():
        assert (trained.weights[name][kept] != weights[name][kept]).mean() > 0.9  # the kept ones do train


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_frozen_weights_keep_their_bits_whatever_they_are(make_task: Any, network: Any, optimizer: dict) -> None:
    task, weights = make_task(network(), optimizer), initial(network)
    mask = sparse_mask(weights, network)
    trained = train(task, start_state(task, weights, mask), SEEDS, task.recipe.steps).weights
    for name, kept in mask.items():
        assert np.array_equal(trained[name][~kept], weights[name][~kept])
        assert (trained[name][kept] != weights[name][kept]).mean() > 0.9


def test_the_last_rate_is_that_of_the_end_of_the_schedule_throughout(make_task: Any) -> None:
    """Plain gradient descent: the first step is the rate times the gradient."""
    schedule = {"name": "step", "drop_steps": [3], "factor": 0.1}
    task = make_task(dense(), {"name": "sgd", "learning_rate": 0.5}, schedule=schedule)
    weights = initial(dense)
    ordinary, low = (run(task, weights, {}, last_step=1, last_rate=last).weights for last in (False, True))
    for name, value in weights.items():
        assert np.allclose(low[name] - value, 0.1 * (ordinary[name] - value), atol=1e-7)


@pytest.mark.parametrize("network", NETWORKS)
def test_training_twice_gives_the_same_bits_and_leaves_its_arguments_alone(make_task: Any, network: Any) -> None:
    task = make_task(network())
    weights = initial(network)
    before = {name: value.copy() for name, value in weights.items()}
    assert same_bits(run(task, weights, {}).weights, run(task, weights, {}).weights)
    assert same_bits(weights, before)


@pytest.mark.parametrize("network", NETWORKS)
def test_evaluation_changes_nothing(make_task: Any, network: Any) -> None:
    often, never = make_task(network(), evaluate_every=1), make_task(network(), evaluate_every=20)
    weights = initial(network)
    silent = run(never, weights, {}, evaluate=False)
    assert silent.history == []
    assert same_bits(run(often, weights, {}).weights, silent.weights)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_global_random_state_is_neither_used_nor_moved(make_task: Any, network: Any) -> None:
    task, weights = make_task(network()), initial(network)
    torch.manual_seed(1)
    first = run(task, weights, {}).weights
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), drawn)
    torch.manual_seed(2)
    assert same_bits(run(task, weights, {}).weights, first)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_training_on_a_cpu_leaves_gpus_alone(make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any) -> None:
    def start_cuda(*arguments: Any) -> None:
        raise AssertionError("CUDA would be started")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "_lazy_init", start_cuda)
    monkeypatch.setattr(torch.cuda.random, "_lazy_init", start_cuda)
    run(make_task(network(), steps=5), initial(network), {})


@pytest.mark.parametrize("network", NETWORKS)
def test_a_cohort_gives_each_replicate_what_it_would_get_alone(make_task: Any, network: Any) -> None:
    task = make_task(network(), steps=10)
    together = run(task, initial(network), {})
    for index, seed in enumerate(SEEDS):
        alone = run(task, initial(network, [seed]), {}, seeds=[seed])
        for name, value in alone.weights.items():
            np.testing.assert_allclose(together.weights[name][index], value[0], rtol=1e-5, atol=1e-5)
        losses = [row["loss"] for row in together.history if row["replicate"] == index]
        np.testing.assert_allclose(losses, [row["loss"] for row in alone.history], rtol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_replicates_differ_in_start_data_order_and_outcome(make_task: Any, network: Any) -> None:
    trained = run(make_task(network()), initial(network), {}).weights
    for name, value in trained.items():
        if value.dtype == np.float32 and name != "unused":
            assert not np.array_equal(value[0], value[1])


@pytest.mark.parametrize("network", NETWORKS)
def test_a_copy_spawned_at_a_step_is_the_same_run_until_then_and_another_one_from_then_on(
    make_task: Any, network: Any
) -> None:
    task, weights = make_task(network(), evaluate_every=1, steps=8), initial(network)
    undisturbed = run(task, weights, {})
    spawned = {k: run(task, weights, {}, order=1, order_from=k) for k in (0, 3, 8)}
    assert same_bits(spawned[0].weights, run(task, weights, {}, order=1).weights)
    assert same_bits(spawned[8].weights, undisturbed.weights)
    differing = [
        row["step"] for row, other in zip(undisturbed.history, spawned[3].history, strict=True) if row != other
    ]
    assert set(differing) == {4, 5, 6, 7, 8}


def test_a_copy_spawned_at_a_step_goes_on_with_the_weights_and_optimizer_state_of_that_step(make_task: Any) -> None:
    task, weights = make_task(dense(), {"name": "adam", "learning_rate": 0.01}), initial(dense)
    state = start_state(task, weights, {})
    train(task, state, SEEDS, 5)
    continued = train(task, state, SEEDS, 20, order=1).weights
    assert same_bits(run(task, weights, {}, order=1, order_from=5, last_step=20, evaluate=False).weights, continued)


def test_the_data_order_changes_the_outcome_and_nothing_else(make_task: Any) -> None:
    task, weights = make_task(dense()), initial(dense)
    first, other = run(task, weights, {}), run(task, weights, {}, order=1)
    assert not same_bits(first.weights, other.weights)
    at_start = [[row for row in trained.history if row["step"] == 0] for trained in (first, other)]
    assert at_start[0] == at_start[1]


@pytest.mark.parametrize("network", [dense, linear, wide])
def test_a_step_is_the_optimizers_step_on_the_mean_loss_of_its_own_minibatch(make_task: Any, network: Any) -> None:
    """One replicate followed with torch.optim and plain autograd."""
    task = make_task(network(), {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}, steps=7)
    weights = initial(network, [4])
    module = network()
    module.load_state_dict({name: torch.from_numpy(value[0]) for name, value in weights.items()})
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for batch in task.minibatches([4], 0, 0, 7):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(batch.inputs[0]), batch.targets[0]).backward()
        optimizer.step()
    trained = run(task, weights, {}, seeds=[4])
    for name, value in module.state_dict().items():
        np.testing.assert_allclose(trained.weights[name][0], value.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", OPTIMIZERS)
def test_optimizers_equal_those_of_torch(make_task: Any, settings: dict) -> None:
    recipe = make_task(dense(), settings).recipe.optimizer
    ours = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    theirs = ours.clone().requires_grad_()
    optimizer = Optimizer(recipe, [ours])
    options = {key: value for key, value in settings.items() if key not in ("name", "learning_rate")}
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[settings["name"]]
    reference = kind([theirs], lr=1.0, **options)
    for step in range(6):
        rate = 0.1 / (step + 1)
        theirs.grad = theirs.detach().cos() + step
        optimizer.update([theirs.grad.clone()], rate)
        reference.param_groups[0]["lr"] = rate
        reference.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_each_epoch_is_a_permutation_and_step_t_needs_no_earlier_step() -> None:
    indices = list(batch_indices([3, 8], 0, range(18), examples=95, batch_size=10))
    epochs = [np.concatenate(indices[first : first + 9], axis=1) for first in (0, 9)]
    for epoch in epochs:
        assert all(len(set(row)) == 90 for row in epoch)
    assert not np.array_equal(epochs[0], epochs[1]) and not np.array_equal(epochs[0][0], epochs[0][1])
    late = list(batch_indices([3, 8], 0, range(13, 18), examples=95, batch_size=10))
    assert all(np.array_equal(a, b) for a, b in zip(indices[13:], late, strict=True))


def test_a_batch_larger_than_the_training_split_is_one_clear_line(make_task: Any) -> None:
    with pytest.raises(TaskError, match="batch_size: 91 must be at most the 90 training examples"):
        make_task(dense(), batch_size=91)
