"""Processes that share a training compute what one process computes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core import registry
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.engine.distributed import LOST, LostProcess, agree
from lth_core.engine.synchronized import synchronized
from lth_core.models.initialization import initialize_cohort
from lth_core.runtime.shares import ALONE, Share
from lth_core.tasks.opening import build_task
from lth_core.training.history import Evaluations
from lth_core.training.loop import TrainingResult, train
from lth_core.training.state import start_state
from tests.support.process_groups import BF16_ROUNDING, CPU, in_processes

SEEDS = [3, 4]
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-4}


def network(dropout: float = 0.0) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout2d(dropout),
        nn.Flatten(),
        nn.Linear(64, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(8, 3),
    )


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3))


def trained(
    data_file: Path,
    factory: Callable[[], nn.Module],
    optimizer: dict[str, Any],
    augment: str = "none",
    steps: int = 8,
    double: bool = False,
    test_folds: int = 0,
    pruned: bool = True,
    precision: str = "float32",
) -> Callable[[Share], TrainingResult]:
    """A function of the share: the training of a small network by the processes that have such shares.

    `double`: in double precision, in which rounding is far from what any mistake would do.
    """

    def work(share: Share) -> TrainingResult:
        settings = {"batch_size": 12, "steps": steps, "evaluate_every": 3, "augment": augment, "precision": precision}
        settings |= {"test_folds": test_folds}
        recipe = Recipe(optimizer=optimizer, **settings)
        data = open_data(data_file, CPU, share)
        if double:
            single = data.normalise
            data.normalise = lambda images: single(images).double()
        task = build_task(synchronized(factory(), share), data, recipe, CPU)
        weights = initialize_cohort(factory, Initialization(), SEEDS)
        if double:
            weights = {name: value.astype(np.float64) for name, value in weights.items()}
        first = next(iter(weights))
        mask = {first: np.random.default_rng(0).random(weights[first].shape) < 0.6} if pruned else {}
        masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
        return train(task, start_state(task, masked, mask), SEEDS, steps, listeners=[Evaluations(3, steps)])

    return work


def assert_close(actual: TrainingResult, expected: TrainingResult, tolerance: float) -> None:
    for key in expected.history[-1]:
        values = [[row[key] for row in part.history if key in row] for part in (actual, expected)]
        if key == "split":
            assert values[0] == values[1]
        else:
            np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance)
    assert set(actual.weights) == set(expected.weights)
    for name, value in expected.weights.items():
        np.testing.assert_allclose(actual.weights[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize(
    ("factory", "optimizer", "augment", "processes"),
    [
        (network(), SGD, "crop-flip", 2),
        (network(), SGD, "none", 3),
        (network(dropout=0.3), SGD, "none", 2),
        (linear, SGD, "crop-flip", 2),
        (linear, {"name": "adam", "learning_rate": 0.01}, "none", 2),
    ],
)
def test_processes_train_as_one_does(
    data_file: Path, monkeypatch: pytest.MonkeyPatch, factory: Any, optimizer: Any, augment: str, processes: int
) -> None:
    monkeypatch.setattr("lth_core.tasks.base.PIECE", 29)  # of 30 examples: the last piece has none for some processes
    work = trained(data_file, factory, optimizer, augment, test_folds=4)
    alone, together = work(ALONE), in_processes(processes, work)
    assert "accuracy_without_3" in alone.history[-1]
    for actual in together:
        assert_close(actual, alone, 1e-5)
        assert all(np.array_equal(actual.weights[name], value) for name, value in together[0].weights.items())


@pytest.mark.parametrize(
    ("factory", "roundings"),
    [
        # From the images to the outputs and back to the gradient of the first weights. What a layer gives is rounded
        # once, in batch norms twice: before and after the scales; the products with the gradient, and the gradient.
        (network(), 7 + 7),
        (network(dropout=0.3), 7 + 7 + 4),
        (linear, 2 + 2),
    ],
)
def test_in_bf16_processes_differ_from_one_by_its_roundings(data_file: Path, factory: Any, roundings: int) -> None:
    """Errors of roundings are as often up as down, so that squares add up; both sides have made as many.

    They are compared with how far the weights have gone: what single weights have lost has no scale of its own, for
    example in biases before a batch norm, whose gradients are nothing but rounding.
    """
    work = trained(data_file, factory, SGD, steps=3, pruned=False, precision="bf16")
    alone, together = work(ALONE), in_processes(2, work)
    start = initialize_cohort(factory, Initialization(), SEEDS)
    tolerance = BF16_ROUNDING * np.sqrt(2 * roundings)
    for actual in together:
        assert distance(actual.weights, alone.weights) <= tolerance * distance(alone.weights, start)
        losses = [[row["loss"] for row in part.history] for part in (actual, alone)]
        np.testing.assert_allclose(*losses, rtol=tolerance)
        assert all(np.array_equal(actual.weights[name], value) for name, value in together[0].weights.items())


def distance(weights: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
    """The Euclidean distance of two networks, without the statistics of batch norms."""
    kept = [name for name in weights if "running" not in name and "num_batches" not in name]
    return float(np.sqrt(sum(np.sum(np.square(weights[name] - others[name], dtype=float)) for name in kept)))


def test_a_residual_network_differs_by_rounding_alone(data_file: Path) -> None:
    """In single precision ReLUs close to 0 soon make more of it: a rounding error decides which of them are on."""
    shape = {"classes": 3, "input_shape": (1, 6, 6)}
    work = trained(
        data_file, lambda: registry.model.call("resnet-8", shape, {"width": 0.25}), SGD, steps=8, double=True
    )
    alone, (first, _) = work(ALONE), in_processes(2, work)
    assert_close(first, alone, 1e-11)


def test_the_mean_gradient_is_that_of_distributed_data_parallel(data_file: Path) -> None:
    importlib.import_module("torch._dynamo")  # once, not in each process: both references import it

    def reference(share: Share) -> dict[str, np.ndarray]:
        recipe = Recipe(optimizer=SGD, batch_size=12, steps=8, evaluate_every=8)
        module = linear()
        task = build_task(module, open_data(data_file, CPU, share), recipe, CPU)
        weights = initialize_cohort(linear, Initialization(), SEEDS[:1])
        module.load_state_dict({name: torch.from_numpy(value[0]) for name, value in weights.items()})
        parallel = nn.parallel.DistributedDataParallel(module)
        optimizer = torch.optim.SGD(parallel.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
        for batch in task.minibatches(SEEDS[:1], 0, 0, 8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(parallel(batch.inputs[0]), batch.targets[0]).backward()
            optimizer.step()
        return {name: value.detach().numpy() for name, value in module.state_dict().items()}

    def ours(share: Share) -> dict[str, np.ndarray]:
        actual = trained(data_file, linear, SGD, pruned=False)(share)
        return {name: value[0] for name, value in actual.weights.items()}

    expected, actual = in_processes(2, reference)[0], in_processes(2, ours)[0]
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- what goes wrong


def test_who_waits_for_a_process_that_has_ended_says_so_in_one_line(data_file: Path) -> None:
    work = trained(data_file, network(), SGD)

    def fail(share: Share) -> str:
        if share.rank == 1:
            raise KeyError("x")
        with pytest.raises(LostProcess, match=LOST):
            work(share)
        return "waited"

    waited, failed = in_processes(2, fail)
    assert waited == "waited" and isinstance(failed, KeyError)


def test_processes_that_resume_at_different_steps_are_refused() -> None:
    def work(share: Share) -> None:
        agree(share, 7, "the step that they resume at")
        agree(share, 7 + share.rank, "the step that they resume at")

    for error in in_processes(2, work):
        assert str(error).startswith("the processes differ in the step that they resume at ([7, 8])")
