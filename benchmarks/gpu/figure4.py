"""Fig. 4 of Frankle & Carbin on a GPU: all of its trainings, for few iterations, and what 50,000 would take."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
import yaml

from benchmarks.gpu.contests import MNIST, random_splits
from benchmarks.gpu.ordinary import WARM_UP, synchronize
from benchmarks.gpu.pipeline import by_the_pipeline
from benchmarks.project import ROOT
from benchmarks.rows import Row
from lth_core.config import Config, Method, Task, seeds_of
from lth_core.data.reading import ImageData, open_data
from lth_core.jobs.prepare_data import prepare as prepare_data
from lth_core.jobs.support.stacking import stack, unstack
from lth_core.jobs.support.trainings import model_factory, prepare
from lth_core.models.initialization import initialize, initialize_cohort
from lth_core.models.layers import prunable_layers
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.studies.frankle2019 import Frankle2019
from lth_core.tasks.opening import build_task
from lth_core.tickets.rewinding import apply_mask
from lth_core.training.history import Evaluations
from lth_core.training.loop import train
from lth_core.training.state import TrainingState, start_state

PAPER = ROOT / "config" / "mnist-paper.yaml"
ITERATIONS = 500
"""Of each training that is measured."""
MINUTES = 10
"""The target for the figure at the paper's scale."""


@dataclass(frozen=True)
class Paper:
    """What the figure takes, as in the config of the paper's scale."""

    task: Task
    method: Method
    draws: int
    """Reinitializations per seed."""
    seeds: list[int]
    trainings: Counter[int]
    """Number of replicates -> number of trainings."""

    @classmethod
    def read(cls) -> Paper:
        """Read the config, and ask the study for what the figure's panels show."""
        config = Config(**yaml.safe_load(PAPER.read_text(encoding="utf-8")))
        (study,) = config.studies.values()
        ((task, method),) = study["tasks"].items()
        figure = Frankle2019(tasks={task: method}, controls=("reinit",), one_shot=True, continued=False)
        draws, seeds = config.branches["reinit"].draws, seeds_of(config.tasks[task].cohorts[0])
        replicates = (len(seeds) * (draws if run.branch == "reinit" else 1) for run in figure.runs(config))
        return cls(config.tasks[task], config.methods[method], draws, seeds, Counter(replicates))


@dataclass(frozen=True)
class Cost:
    """The seconds of one training: an iteration, an evaluation, and everything else (start, recording of the graph)."""

    iteration: float
    evaluation: float
    other: float

    def at(self, iterations: int, evaluate_every: int) -> float:
        """What a training of this many iterations would take."""
        return self.other + iterations * self.iteration + (iterations // evaluate_every + 1) * self.evaluation


class Figure:
    """The figure's trainings, each for few iterations."""

    def __init__(self, paper: Paper, images: ImageData, device: torch.device, iterations: int):
        every = min(paper.task.train.evaluate_every, iterations)
        recipe = paper.task.train.model_copy(update={"steps": iterations, "evaluate_every": every})
        self.paper, self.factory = paper, model_factory(paper.task, images.facts)
        self.task = build_task(self.factory(), images, recipe, device)
        self.layers = prunable_layers(self.factory(), images.input_shape)
        self.costs: dict[int, list[Cost]] = {}
        """By number of replicates."""
        self.seconds: list[float] = []
        """Of every training."""

    def run(self) -> Iterator[int]:
        """Do the trainings; gives the number of every level that is done."""
        settings, seeds = self.paper.task.initialization, self.paper.seeds
        initial = initialize_cohort(self.factory, settings, seeds)
        trained = dense = self.train(initial, {}, seeds)
        full = stack([full_mask(weights, self.layers) for weights in unstack(initial)])
        mask, one_shot = full, self.paper.method.model_copy(update={"iterative": False})
        for level in range(1, self.paper.method.levels + 1):
            mask = self.prune(self.paper.method, level, mask, initial, trained)
            trained = self.train(initial, mask, seeds)
            self.reinitialize(level, mask)
            at_once = self.prune(one_shot, level, full, initial, dense)
            self.train(initial, at_once, seeds)
            self.reinitialize(level, at_once)
            yield level

    def prune(self, method: Method, level: int, mask: Tensors, initial: Tensors, trained: Tensors) -> Tensors:
        """Make the masks of a level."""
        replicates = zip(self.paper.seeds, *map(unstack, (mask, initial, trained)), strict=True)
        return stack(
            [
                next_mask(method, self.layers, level, seed, kept, initial=theta_0, trained=after, consumers={})
                for seed, kept, theta_0, after in replicates
            ]
        )

    def reinitialize(self, level: int, mask: Tensors) -> None:
        """Train masks on fresh initializations."""
        keys = [(seed, draw) for seed in self.paper.seeds for draw in range(self.paper.draws)]
        settings = self.paper.task.initialization
        fresh = [initialize(self.factory, settings, seed, "reinit", level, draw) for seed, draw in keys]
        repeated = {name: np.repeat(kept, self.paper.draws, axis=0) for name, kept in mask.items()}
        self.train(stack(fresh), repeated, [seed for seed, _ in keys])

    def train(self, weights: Tensors, mask: Tensors, seeds: list[int]) -> Tensors:
        """Train tickets as a job does, and note what it costs."""
        start, recipe = time.perf_counter(), self.task.recipe
        first, last = min(WARM_UP, recipe.steps - 1), recipe.steps
        state = start_state(self.task, apply_mask(weights, mask), mask)
        evaluations = Evaluations(recipe.evaluate_every, last)
        marks: list[float] = []

        def mark(state: TrainingState) -> None:
            if state.step in (first, last):
                synchronize(self.task.device)
                marks.append(time.perf_counter() - evaluations.seconds)

        trained = train(self.task, state, seeds, last, listeners=[evaluations, mark]).weights
        seconds = time.perf_counter() - start
        iteration = (marks[1] - marks[0]) / (last - first)
        evaluation = evaluations.seconds / len({row["step"] for row in state.history})
        other = max(0.0, seconds - last * iteration - evaluations.seconds)
        self.costs.setdefault(len(seeds), []).append(Cost(iteration, evaluation, other))
        self.seconds.append(seconds)
        return trained

    def rows(self) -> Iterator[Row]:
        """What has come out so far."""
        count, few = self.paper.trainings.total(), self.task.recipe.steps
        title = f"Fig. 4, {few:,} iterations"
        yield Row(f"{title}: a training", self.seconds, "s")
        if len(self.seconds) == count:
            yield Row(f"{title}: all {count} trainings", [sum(self.seconds)], "s")
        for replicates, costs in self.costs.items():
            of = f"Fig. 4, {replicates} replicates"
            yield Row(f"{of}: iterations", [1 / cost.iteration for cost in costs], "/s")
            yield Row(f"{of}: an evaluation", [1000 * cost.evaluation for cost in costs], "ms")
            yield Row(f"{of}: the rest of a training", [cost.other for cost in costs], "s")
        if self.costs.keys() >= self.paper.trainings.keys():
            steps = f"{self.paper.task.train.steps:,} iterations"
            yield Row(f"Fig. 4, {steps}, one training after the other", [self.minutes()], "min", at_most=MINUTES)

    def minutes(self) -> float:
        """What the figure takes at the paper's scale."""
        recipe = self.paper.task.train
        return sum(
            count * median(cost.at(recipe.steps, recipe.evaluate_every) for cost in self.costs[replicates]) / 60
            for replicates, count in self.paper.trainings.items()
        )


def digits(root: str, path: Path) -> None:
    """Write MNIST's data file where ROOT has MNIST, otherwise one of random images."""
    if Path(root, "MNIST", "raw").exists():
        prepare_data("mnist", {"source": {"name": "mnist"}}, root, str(path))
    else:
        splits = random_splits(MNIST)
        write_tensors(path, splits.tensors(), splits.facts())


def trainings(
    root: str, device: torch.device, paper: Paper | None = None, iterations: int = ITERATIONS
) -> Iterator[Row | str]:
    """Do the figure's trainings: rows come after the first level, and after every fifth."""
    paper = paper or Paper.read()
    with tempfile.TemporaryDirectory() as folder:
        digits(root, Path(folder, "data.safetensors"))
        images = open_data(Path(folder, "data.safetensors"), device)
        figure = Figure(paper, images, device, iterations)
        yield f"Fig. 4 was trained on {images.source}."
        for level in figure.run():
            if level == 1 or level % 5 == 0 or level == paper.method.levels:
                yield from figure.rows()


def steps(root: str, device_name: str) -> dict[str, Callable[[], Iterable[Row | str]]]:
    """What is measured, by name."""
    device = torch.device(device_name)
    prepare(device)
    return {
        "Fig. 4, one training after the other": partial(trainings, root, device),
        "Fig. 4 by the pipeline": partial(by_the_pipeline, root, device),
    }
