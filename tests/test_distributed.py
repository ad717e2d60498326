"""Processes that share a training compute what one process computes."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import socket
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
from lth_core.distributed import LOST, LostProcess, agree, join
from lth_core.models.initialization import initialize_cohort
from lth_core.models.synchronized import SharingError, synchronized
from lth_core.shares import ALONE, Share
from lth_core.tasks import ImageClassification
from lth_core.training import Trained, start_state, train

SEEDS = [3, 4]
CPU = torch.device("cpu")
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-4}
BF16_ROUNDING = 2.0**-8
"""The largest relative error of rounding to bfloat16, which has 8 significant bits."""


def in_processes(count: int, work: Callable[[Share], Any]) -> list[Any]:
    """What `work` returns in each of the processes of a group, or the exception that it raises."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def process(rank: int) -> None:
        here = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in here.items()} | {"TORCHELASTIC_RUN_ID": "test"}
        try:
            answers.put((rank, work(join(CPU))))
        except Exception as error:
            answers.put((rank, error))

    processes = [context.Process(target=process, args=(rank,)) for rank in range(count)]
    for started in processes:
        started.start()
    found = dict(answers.get(timeout=60) for _ in processes)
    for started in processes:
        started.join()
    return [found[rank] for rank in range(count)]


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
    pruned: bool = True,
    precision: str = "float32",
) -> Callable[[Share], Trained]:
    """A function of the share: the training of a small network by the processes that have such shares.

    `double`: in double precision, in which rounding is far from what any mistake would do.
    """

    def work(share: Share) -> Trained:
        settings = {"batch_size": 12, "steps": steps, "evaluate_every": 3, "augment": augment, "precision": precision}
        recipe = Recipe(optimizer=optimizer, **settings)
        data = open_data(data_file, CPU, share)
        if double:
            single = data.normalise
            data.normalise = lambda images: single(images).double()
        task = ImageClassification(synchronized(factory(), share), data, recipe, CPU)
        weights = initialize_cohort(factory, Initialization(), SEEDS)
        if double:
            weights = {name: value.astype(np.float64) for name, value in weights.items()}
        first = next(iter(weights))
        mask = {first: np.random.default_rng(0).random(weights[first].shape) < 0.6} if pruned else {}
        masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
        return train(task, start_state(task, masked, mask), SEEDS, steps)

    return work


def assert_close(found: Trained, expected: Trained, tolerance: float) -> None:
    for key in ("replicate", "step", "split", "loss", "accuracy"):
        values = [[row[key] for row in part.history] for part in (found, expected)]
        if key == "split":
            assert values[0] == values[1]
        else:
            np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance)
    assert set(found.weights) == set(expected.weights)
    for name, value in expected.weights.items():
        np.testing.assert_allclose(found.weights[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


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
    monkeypatch.setattr("lth_core.tasks.PIECE", 29)  # of 30 examples: the last piece has none for some processes
    work = trained(data_file, factory, optimizer, augment)
    alone, together = work(ALONE), in_processes(processes, work)
    for found in together:
        assert_close(found, alone, 1e-5)
        assert all(np.array_equal(found.weights[name], value) for name, value in together[0].weights.items())


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
    for found in together:
        assert distance(found.weights, alone.weights) <= tolerance * distance(alone.weights, start)
        losses = [[row["loss"] for row in part.history] for part in (found, alone)]
        np.testing.assert_allclose(*losses, rtol=tolerance)
        assert all(np.array_equal(found.weights[name], value) for name, value in together[0].weights.items())


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
        task = ImageClassification(module, open_data(data_file, CPU, share), recipe, CPU)
        weights = initialize_cohort(linear, Initialization(), SEEDS[:1])
        module.load_state_dict({name: torch.from_numpy(value[0]) for name, value in weights.items()})
        parallel = nn.parallel.DistributedDataParallel(module)
        optimizer = torch.optim.SGD(parallel.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
        for batch in task.minibatches(SEEDS[:1], 0, 0, 8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(parallel(batch.images[0]), batch.labels[0]).backward()
            optimizer.step()
        return {name: value.detach().numpy() for name, value in module.state_dict().items()}

    def ours(share: Share) -> dict[str, np.ndarray]:
        found = trained(data_file, linear, SGD, pruned=False)(share)
        return {name: value[0] for name, value in found.weights.items()}

    expected, found = in_processes(2, reference)[0], in_processes(2, ours)[0]
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- layers that look at a minibatch


def normalized(layer: nn.Module, inputs: torch.Tensor, seed: int = 0) -> list[np.ndarray]:
    """Outputs in training, the gradients of a weighted sum of them, the statistics, and outputs in evaluation."""
    inputs = inputs.clone().requires_grad_()
    torch.manual_seed(seed)
    outputs = layer.train()(inputs)
    (outputs * torch.arange(outputs.shape[-1])).sum().backward()
    found = [outputs, inputs.grad, *(parameter.grad for parameter in layer.parameters()), *layer.buffers()]
    return [value.detach().clone().numpy() for value in [*found, layer.eval()(inputs)]]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.BatchNorm1d(3), (8, 3)),
        (lambda: nn.BatchNorm1d(3), (8, 3, 5)),
        (lambda: nn.BatchNorm2d(3, momentum=None), (8, 3, 4, 5)),
        (lambda: nn.BatchNorm3d(3, affine=False, eps=0.1, momentum=0.3), (8, 3, 2, 2, 3)),
        (lambda: nn.Dropout(0.4), (8, 7)),
        (lambda: nn.Dropout2d(0.4), (8, 3, 4, 5)),
    ],
)
def test_a_layer_computes_what_torchs_does_for_the_whole_minibatch(layer: Any, shape: tuple[int, ...]) -> None:
    inputs = 50 + torch.from_numpy(np.random.default_rng(0).normal(size=shape))  # far from 0, where variances are lost
    whole = normalized(layer().double(), inputs)

    def work(share: Share) -> list[np.ndarray]:
        return normalized(synchronized(nn.Sequential(layer().double()), share), inputs[share.slice])

    together = in_processes(2, work)
    parameters = len(list(layer().parameters()))
    for place, expected in enumerate(whole):
        parts = [found[place] for found in together]
        if place in (0, 1, len(whole) - 1):  # of each example
            joined = np.empty_like(expected)
            joined[0::2], joined[1::2] = parts
        else:  # gradients by parameters add up, statistics are those of all
            joined = sum(parts) if place < 2 + parameters else parts[1]
        np.testing.assert_allclose(joined, expected, rtol=1e-9, atol=1e-9)


def test_in_bf16_a_batch_norm_computes_what_torchs_does_in_the_same_precision() -> None:
    random = torch.Generator().manual_seed(0)
    inputs, gradient = torch.randn(2, 16, 3, 4, 5, generator=random).bfloat16()

    def normed(layer: nn.Module, own: slice) -> list[torch.Tensor]:
        """Outputs, and the gradients of the inputs, the scales and the shifts."""
        given = inputs[own].clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = layer(given)
        outputs.backward(gradient[own])
        return [outputs.detach(), given.grad, *(parameter.grad for parameter in layer.parameters())]

    def work(share: Share) -> list[tuple[torch.dtype, np.ndarray]]:
        found = normed(synchronized(nn.Sequential(nn.BatchNorm2d(3)), share), share.slice)
        return [(value.dtype, value.float().numpy()) for value in found]

    whole, parts = normed(nn.BatchNorm2d(3), slice(None)), in_processes(2, work)
    # What is rounded on both sides together: the normalized inputs, the products with the gradient, the results.
    for place, roundings in enumerate((3, 4, 2, 2)):
        assert {part[place][0] for part in parts} == {whole[place].dtype}
        expected, (first, second) = whole[place].float().numpy(), (part[place][1] for part in parts)
        joined = first + second if place > 1 else np.stack([first, second], axis=1).reshape(expected.shape)
        assert np.linalg.norm(joined - expected) <= roundings * BF16_ROUNDING * np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.AlphaDropout(0.1), r"layer 'part\.0' cannot be shared: train in one process \(processes: 1\)"),
        (nn.BatchNorm1d(3, track_running_stats=False), r"layer 'part\.0' has no running statistics"),
    ],
)
def test_layers_that_cannot_be_shared_are_refused(layer: nn.Module, message: str) -> None:
    module = nn.Sequential()
    module.add_module("part", nn.Sequential(layer))
    assert synchronized(module, ALONE) is module and module[0][0] is layer
    with pytest.raises(SharingError, match=message):
        synchronized(module, Share(0, 2))


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
