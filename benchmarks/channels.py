"""Training steps of networks whose tickets lack whole channels, on one core.

The project's loop (`lth_core.training.loop.train`, from its data file, float32) trains a ticket that keeps a part of
the channels of every group, at random, and the dense network. Every measurement runs in a new process, which inherits
the data; the two take turns. A row is the processor time of a step of the ticket, divided by that of the dense network.
The images are CIFAR-10's if ROOT has them, otherwise random ones of the same shape.

    python -m benchmarks channels [--root data] [--repetitions 3]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.conv_step import (
    EXAMPLES,
    Contest,
    first_weights,
    photographs,
    project_task,
    seconds_of_steps,
    stored,
)
from benchmarks.rows import Row, in_new_process
from lth_core.engine.narrow_cohort import NarrowCohort
from lth_core.models.channels import removable_channels
from lth_core.models.layers import prunable_weights
from lth_core.planning import catalogue
from lth_core.pruning.channels import listed_groups
from lth_core.storage.tensors import Tensors
from lth_core.training.state import start_state

catalogue.register()

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
    task = project_task(contest, data)
    mask = mask_of(task.module, part) if part < 1 else {}
    weights = {name: value * mask.get(name, 1) for name, value in first_weights(contest).items()}
    state = start_state(task, weights, mask)
    if isinstance(state.cohort, NarrowCohort) != (part < 1):
        raise RuntimeError(f"{contest.name} with {part:.0%} of the channels was trained the other way")
    return seconds_of_steps(task, state, contest)


def measure(root: str = "data", repetitions: int = 3) -> list[Row]:
    """A row per network and part of the channels."""
    torch.set_num_threads(1)
    with stored(photographs(root, EXAMPLES)) as data:
        return [row for contest in CONTESTS for row in compare(contest, data, repetitions)]


def compare(contest: ChannelContest, data: str, repetitions: int) -> Iterator[Row]:
    """Tickets against the dense network, in turns."""
    for part, target in contest.targets.items():
        ratios = []
        for _ in range(repetitions):
            dense, ticket = (in_new_process(partial(seconds, contest, data, kept)) for kept in (1.0, part))
            ratios.append(ticket / dense)
        yield Row(f"{contest.title}, {part:.0%} of the channels / dense", ratios, at_most=target)
