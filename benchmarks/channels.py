"""Training steps of networks whose tickets lack whole channels, on one core.

The project's loop (`lth_core.training.loop.train`, from its data file, float32) trains a ticket that keeps a part of
the channels of every group, at random, and the dense network. Every measurement runs in a new process, which inherits
the data; the two take turns. A row is the processor time of a step of the ticket, divided by that of the dense network.
The images are CIFAR-10's if ROOT has them, otherwise random ones of the same shape.

    python -m benchmarks channels [--root data] [--repetitions 3]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.conv_step import EXAMPLES, Contest, network, photographs
from benchmarks.rows import Row, in_new_process
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import open_data
from lth_core.data.splits import Splits
from lth_core.engine.narrow_cohort import NarrowCohort
from lth_core.jobs.support.trainings import prepare
from lth_core.models.channels import removable_channels
from lth_core.models.initialization import initialize_cohort
from lth_core.models.layers import prunable_weights
from lth_core.planning import catalogue
from lth_core.pruning.channels import listed_groups
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.state import start_state

catalogue.register()

WARM_UP = 2
SHAPE = (3, 32, 32)
SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-4}


@dataclass(frozen=True)
class ChannelContest(Contest):
    """A network and its recipe; by the part of the channels that is kept, the part of the time that a step may take."""

    targets: dict[float, float]


CONTESTS = (
    ChannelContest("ResNet-20", "resnet-20", SGD, 128, "crop-flip", 6, {0.75: 1.0, 0.5: 0.45, 0.25: 0.45}),
    ChannelContest("VGG-11", "vgg-11", SGD, 64, "crop-flip", 4, {0.5: 0.45}),
)


def mask_of(module: nn.Module, part: float) -> Tensors:
    """A mask (1, ...) that keeps a part of the channels of every group, at random."""
    random, weights = np.random.default_rng(0), dict(module.named_parameters())
    mask = {name: np.ones(weights[name].shape, bool) for name in prunable_weights(module)}
    for group in listed_groups({"groups": removable_channels(module, SHAPE)}):
        group.remove(mask, random.permutation(group.size) < part * group.size)
    return {name: kept[None] for name, kept in mask.items()}


def seconds(contest: Contest, data: str, part: float) -> float:
    """Seconds of the steps of a ticket with a part of the channels; 1: of the dense network."""
    prepare(torch.device("cpu"))
    last = WARM_UP + contest.steps
    recipe = Recipe(
        optimizer=contest.optimizer,
        batch_size=contest.batch_size,
        steps=last,
        evaluate_every=last,
        augment=contest.augment,
    )
    task = build_task(network(contest), open_data(data), recipe, torch.device("cpu"))
    mask = mask_of(task.module, part) if part < 1 else {}
    weights = initialize_cohort(partial(network, contest), Initialization(), [0])
    state = start_state(task, {name: value * mask.get(name, 1) for name, value in weights.items()}, mask)
    if isinstance(state.cohort, NarrowCohort) != (part < 1):
        raise RuntimeError(f"{contest.name} with {part:.0%} of the channels was trained the other way")
    train(task, state, [0], WARM_UP)
    start = time.process_time()
    train(task, state, [0], last)
    return time.process_time() - start


def measure(root: str = "data", repetitions: int = 3) -> list[Row]:
    """A row per network and part of the channels."""
    torch.set_num_threads(1)
    images = photographs(root, EXAMPLES)
    few = images.take(np.arange(100))
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "images.safetensors"))
        splits = Splits(images, few, few, classes=10, source="CIFAR-10")
        write_tensors(data, splits.tensors(), splits.facts())
        return [row for contest in CONTESTS for row in compare(contest, data, repetitions)]


def compare(contest: ChannelContest, data: str, repetitions: int) -> Iterator[Row]:
    """Tickets against the dense network, in turns."""
    for part, target in contest.targets.items():
        ratios = []
        for _ in range(repetitions):
            dense, ticket = (in_new_process(partial(seconds, contest, data, kept)) for kept in (1.0, part))
            ratios.append(ticket / dense)
        yield Row(f"{contest.title}, {part:.0%} of the channels / dense", ratios, at_most=target)
