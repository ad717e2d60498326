"""A small config of the comparison, its files with known masks and metrics, and the tables that come of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lth_core.config import Config, seeds_of
from lth_core.storage.files import write_text
from lth_core.storage.paths import data_file, initial_file
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.base import expand
from lth_core.studies.comparison import Comparison
from tests.support.frankle2019_results import read_back

STEPS = 10
TASK: dict[str, Any] = {
    "dataset": "digits",
    "model": "lenet",
    "train": {
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "schedule": {"name": "step", "drop_steps": [6]},
        "batch_size": 5,
        "steps": STEPS,
        "evaluate_every": 5,
    },
    "cohorts": ["0-2"],
}
METHOD = {"rate": 0.5, "levels": 1, "rewind": {"policy": "rewind", "step": 2}}
KERNEL = {"scope": "layer", "allocation": "erdos-renyi-kernel"}
RIGL = {"criterion": "random", "prune_at": 0, "during": {"name": "rigl", "every": 2}, "levels": 1, **KERNEL}
SET = RIGL | {"during": {"name": "set", "every": 2}}
"""The built-in ones change their masks every 100 steps only."""
DENSITIES = [0.5, 0.05]
LADDER = [0.5, 0.281171, 0.158114, 0.088914, 0.05]

SHAPES = {"first": (10, 12), "last": (8, 10)}
"""A network of 120 and 80 weights, used once each."""
SIZES = {name: int(np.prod(shape)) for name, shape in SHAPES.items()}
DENSE = 2 * sum(SIZES.values())
"""Operations of a forward pass of all weights."""


def study(**options: Any) -> Comparison:
    return Comparison.model_validate({"tasks": {"task": "imp"}, "densities": DENSITIES, **options})


def config(
    results: str = "results", task: dict[str, Any] = TASK, options: dict[str, Any] | None = None, **sections: Any
):
    """The config with the tasks that the study derives."""
    the_study = study(**(options or {}))
    methods = {"imp": METHOD, "rigl": RIGL, "set": SET} | sections.pop("methods", {})
    studies = {"comparison": the_study.model_dump(exclude_unset=True)}
    settings = {"results": results, "tasks": {"task": task}, "methods": methods, "studies": studies, **sections}
    return expand(Config.model_validate(settings), [the_study])


# ---------------------------------------------------------------- known results

LOST = {
    "imp-reset": 2.0,
    "imp-rewind": 1.0,
    "imp-lr-rewind": 0.5,
    "fine-tune": 4.0,
    "one-shot": 6.0,
    "snip": 8.0,
    "grasp": 9.0,
    "synflow": 7.0,
    "magnitude-at-init": 12.0,
    "gradual": 3.0,
    "set": 11.0,
    "rigl": 10.0,
    "edge-popup": 30.0,
    "edge-popup-trained": 12.5,
    "soft-mask": 5.0,
    "random": 20.0,
    "random-erk": 15.0,
    "reinit": 13.0,
}
"""Percentage points that methods lose at the lower density; at the higher one a tenth of it."""


def accuracy(method: str, density: float, seed: int, longer: bool = False) -> float:
    """What a method reaches: 95% less what it loses, half as much after longer training; seeds differ a little."""
    lost = LOST.get(method, 5.0) * (0.1 if density > 0.1 else 1.0) * (0.5 if longer else 1.0)
    return 0.95 - lost * (1 + 0.01 * (seed - 1)) / 100 + 1e-4 * seed


def write_files(folder: Path, **options: Any) -> tuple[Comparison, Config]:
    """Histories, headers and changes of masks of every training that the study asks for."""
    the_study, settings = study(**options), config(str(folder), options=options)
    write_tensors(data_file(settings.results, "digits"), {}, {"classes": 10, "input_shape": [1, 8, 8]})
    seeds = seeds_of("0-2")
    header = {"layers": {"first": "hidden", "last": "output"}, "cost": {"flops": DENSE + 30}}  # 30 without a weight
    header |= {"flops_per_weight": dict.fromkeys(SHAPES, 2.0), "examples": {"train": 100}}
    weights = {name: np.ones((len(seeds), *shape), np.float32) for name, shape in SHAPES.items()}
    write_tensors(initial_file(settings.results, "task", "0-2"), weights, header)
    _write_history(settings, Run("task", "0-2"), {seed: 0.95 + 1e-4 * seed for seed in seeds})
    for contender in the_study.contenders(settings, "task"):
        for level, density in enumerate(contender.settings.densities, start=1):
            _write_mask(settings, Run("task", "0-2", contender.method, level), density)
    for entry in the_study.entries(settings):
        longer = entry.run.task != "task"
        reached = {seed: accuracy(entry.contender.name, entry.density, seed, longer) for seed in seeds}
        _write_history(settings, entry.run, reached)
        _write_mask(settings, entry.run, entry.density)
        during = entry.contender.settings.during
        if during:
            _write_changes(settings, entry.run, during.name, entry.density)
    return the_study, settings


def kept(density: float) -> dict[str, int]:
    """Weights by layer, in the same proportion in each."""
    return {name: round(density * size) for name, size in SIZES.items()}


def _write_mask(settings: Config, run: Run, density: float) -> None:
    seeds = len(seeds_of(run.cohort))
    header = {"density": density, "kept": {name: [count] * seeds for name, count in kept(density).items()}}
    header |= {"total": SIZES, "diverged": [False] * seeds}
    write_tensors(run.mask(settings.results), {}, header)


def _write_history(settings: Config, run: Run, reached: dict[int, float]) -> None:
    steps = settings.tasks[run.task].train.steps
    lines = ["seed,draw,step,split,loss,accuracy"]
    for seed, value in reached.items():
        for step, at_step in ((0, 0.1), (steps, value)):
            lines += [f"{seed},0,{step},{split},1.5,{at_step!r}" for split in ("train", "validation", "test")]
    write_text(run.history(settings.results), "\n".join(lines) + "\n")


def _write_changes(settings: Config, run: Run, sparsifier: str, density: float) -> None:
    """Of gradual pruning a mask of three quarters from step 4 on, and the last from 6 on; of others changes at 4, 6."""
    by_step = {0: 1.0, 4: 0.75, 6: density} if sparsifier == "gradual" else dict.fromkeys((0, 4, 6), density)
    lines = ["seed,step,density,moved,explored"]
    lines += [f"{seed},{step},{at!r},0.3,0.5" for seed in seeds_of(run.cohort) for step, at in by_step.items()]
    write_text(run.changes(settings.results), "\n".join(lines) + "\n")


def known(folder: Path, **options: Any) -> tuple[Comparison, Config, dict[str, pd.DataFrame]]:
    """The study, its config and its tables, as they are read back."""
    the_study, settings = write_files(folder, **options)
    return the_study, settings, read_back(the_study.tables(settings))
