"""Steps per second of cohorts on a GPU, next to the loop of an ordinary PyTorch script."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch

from benchmarks.gpu.busy import UNKNOWN, Busy, Reading, reading
from benchmarks.gpu.contests import CONTESTS, Contest, Shape, random_splits
from benchmarks.gpu.ordinary import WARM_UP, OrdinaryLoop, from_device, from_memory, synchronize
from benchmarks.rows import Row
from lth_core.config import Initialization, Recipe
from lth_core.data.reading import ImageData, open_data
from lth_core.engine.batch_norm import precise
from lth_core.jobs.support.trainings import prepare
from lth_core.models.initialization import initialize_cohort
from lth_core.storage.tensors import write_tensors
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.state import TrainingState, start_state

FOREVER = 10**9
"""Steps of a recipe that nothing comes to the end of."""


@dataclass(frozen=True)
class Scale:
    """How long things are measured."""

    pilot: int = 30
    """Steps from which the number of timed ones is worked out."""
    seconds: float = 0.6
    """Of every timed piece, about."""
    repetitions: int = 3
    busy_seconds: float = 2.0
    """For how long a GPU is watched."""


class Loop(Protocol):
    """What trains `replicates` networks in every step."""

    replicates: int

    def seconds(self, steps: int) -> float:
        """Do some steps, and then `steps` more, whose seconds are returned."""
        ...


class Clock:
    """A listener: the seconds from the end of one step to that of another."""

    def __init__(self, first: int, last: int, device: torch.device):
        self.first, self.last, self.device = first, last, device
        self.started = self.seconds = 0.0

    def __call__(self, state: TrainingState) -> None:
        if state.step in (self.first, self.last):
            synchronize(self.device)
            now = time.perf_counter()
            self.started, self.seconds = (now, 0.0) if state.step == self.first else (self.started, now - self.started)


class Cohort:
    """A cohort in this project's loop."""

    def __init__(self, contest: Contest, images: ImageData, precision: str, replicates: int, device: torch.device):
        recipe = Recipe.model_validate(
            {
                "optimizer": contest.optimizer,
                "batch_size": contest.batch_size,
                "steps": FOREVER,
                "evaluate_every": FOREVER,
                "augment": contest.augment,
                "precision": precision,
            }
        )
        self.replicates, self.seeds = replicates, list(range(replicates))
        self.task = build_task(precise(contest.network()), images, recipe, device)
        self.state = start_state(self.task, initialize_cohort(contest.network, Initialization(), self.seeds), {})

    def seconds(self, steps: int) -> float:
        first = self.state.step + WARM_UP  # among them the steps before the recording of a graph, and the recording
        clock = Clock(first, first + steps, self.task.device)
        train(self.task, self.state, self.seeds, first + steps, listeners=[clock])
        return clock.seconds


def rates(loops: Sequence[Loop], scale: Scale) -> list[list[float]]:
    """Steps per second of each loop, measured in turns."""
    counts = [max(1, round(scale.seconds * scale.pilot / loop.seconds(scale.pilot))) for loop in loops]
    turns = [
        [count / loop.seconds(count) for loop, count in zip(loops, counts, strict=True)]
        for _ in range(scale.repetitions)
    ]
    return [list(of_loop) for of_loop in zip(*turns, strict=True)]


def compare(
    contest: Contest,
    precision: str,
    images: ImageData,
    device: torch.device,
    read: Reading | None,
    scale: Scale,
) -> Iterator[Row]:
    """The rows of a network at a precision."""
    split = next(images.batches("train", [torch.arange(images.size("train")).numpy()]))
    inputs, labels = (tensor.cpu() for tensor in split)
    ordinary = partial(OrdinaryLoop, contest, inputs, labels, device, bf16=precision == "bf16")
    baselines = {"": ordinary(batches=from_memory), ", its data on the GPU": ordinary(batches=from_device)}
    cohorts = [Cohort(contest, images, precision, replicates, device) for replicates in contest.cohorts]
    measured = rates([*baselines.values(), *cohorts], scale)
    title = f"{contest.name}, {precision}"
    for where, values in zip(baselines, measured, strict=False):
        yield Row(f"{title}: ordinary loop{where}", values, "steps/s")
    for cohort, values in zip(cohorts, measured[len(baselines) :], strict=True):
        name = "1 replicate" if cohort.replicates == 1 else f"{cohort.replicates} replicates"
        yield Row(f"{title}: {name}", values, "steps/s")
        for where, base in zip(baselines, measured, strict=False):
            is_target = not where and cohort.replicates == max(contest.cohorts)
            ratios = [cohort.replicates * rate / slow for rate, slow in zip(values, base, strict=True)]
            at_least = contest.at_least if is_target else None
            yield Row(f"{title}: ordinary loop{where} / {name}, per replicate", ratios, at_least=at_least)
        if read:
            yield from busy(f"{title}: {name}, GPU busy", cohort, max(1, round(scale.busy_seconds * values[-1])), read)


def busy(name: str, loop: Loop, steps: int, read: Reading) -> Iterator[Row]:
    """How busy the GPU is while a loop runs: no row where that takes no longer than a reading."""
    with Busy(read) as watched:
        loop.seconds(steps)
    if watched.percent is not None:
        yield Row(name, [watched.percent], "%")


class RandomData:
    """Random images of every shape that is asked for, as jobs read them: from one file, onto the device."""

    def __init__(self, device: torch.device):
        self.device, self.folder = device, tempfile.TemporaryDirectory()
        self.opened: dict[Shape, ImageData] = {}

    def __call__(self, shape: Shape) -> ImageData:
        if shape not in self.opened:
            path, splits = Path(self.folder.name, f"{shape.name}.safetensors"), random_splits(shape)
            write_tensors(path, splits.tensors(), splits.facts())
            self.opened[shape] = open_data(path, self.device)
        return self.opened[shape]


def steps(
    root: str, device_name: str, contests: Sequence[Contest] = CONTESTS, scale: Scale | None = None
) -> dict[str, Callable[[], Iterable[Row | str]]]:
    """What is measured, by name; ROOT is not read."""
    device = torch.device(device_name)
    prepare(device)
    data, read = RandomData(device), reading() if device.type == "cuda" else None

    def measure(contest: Contest, precision: str) -> Iterator[Row | str]:
        yield from [] if read else [UNKNOWN]
        yield from compare(contest, precision, data(contest.shape), device, read, scale or Scale())

    return {
        f"{contest.name}, {precision}": partial(measure, contest, precision)
        for contest in contests
        for precision in contest.precisions
    }
