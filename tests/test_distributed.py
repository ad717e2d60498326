"""Processes that share a training compute what one process computes."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed, nn

from lth_core.config import Recipe
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
    data_file: Path, factory: Callable[[], nn.Module], optimizer: dict[str, Any], augment: str = "none", steps: int = 8
) -> Callable[[Share], Trained]:
    """A function of the share: the training of a small network by the processes that have such shares."""

    def work(share: Share) -> Trained:
        torch.manual_seed(0)
        recipe = Recipe(optimizer=optimizer, batch_size=12, steps=steps, evaluate_every=3, augment=augment)
        data = open_data(data_file, CPU, share)
        task = ImageClassification(synchronized(factory(), share), data, recipe, CPU)
        weights = initialize_cohort(factory, INITIALIZATION, SEEDS)
        mask = {name: np.random.default_rng(0).random(weights[name].shape) < 0.6 for name in [next(iter(weights))]}
        masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
        return train(task, start_state(task, masked, 0), mask, SEEDS, steps)

    return work


from lth_core.config import Initialization  # noqa: E402

INITIALIZATION = Initialization()


def close(found: Trained, expected: Trained, tolerance: float = 1e-5) -> bool:
    rows = [[row[key] for key in ("replicate", "step", "split")] for row in found.history]
    assert rows == [[row[key] for key in ("replicate", "step", "split")] for row in expected.history]
    for key in ("loss", "accuracy"):
        values = ([row[key] for row in part.history] for part in (found, expected))
        np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance)
    assert set(found.weights) == set(expected.weights)
    for name, value in expected.weights.items():
        np.testing.assert_allclose(found.weights[name], value, rtol=tolerance, atol=tolerance, err_msg=name)
    return True


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
    alone = work(ALONE)
    together = in_processes(processes, work)
    for found in together:
        assert close(found, alone)
        for name, value in together[0].weights.items():
            assert np.array_equal(found.weights[name], value)
