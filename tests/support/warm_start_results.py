"""A small config of the study of warm starts, and results with gaps, speeds and barriers of known sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lth_core.config import Config, seeds_of
from lth_core.storage.files import write_text
from lth_core.storage.runs import DENSE
from lth_core.storage.tensors import write_tensors
from lth_core.studies.base import expand
from lth_core.studies.warm_start import WarmStart
from lth_core.studies.warm_start.study import Network, known

TASK = {
    "dataset": "digits",
    "model": "lenet",
    "train": {
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "batch_size": 60,
        "steps": 80,
        "evaluate_every": 20,
    },
    "cohorts": ["0-2", "3-3"],
}
OPTIONS = {"rewind_step": 10, "levels": [1, 2]}
DENSITIES = {0: 1.0, 1: 0.5, 2: 0.25}

GAPS = {"init": 0.0, "rewound": 0.5, "warm": 2.0, "shrink-perturb": 0.05, "fresh": 0.3}
"""Start -> how much less accurate the dense network is at the end than from theta_0, in percentage points."""
GROWTH = 1.0
"""How much the gap of warm starts grows with each halving of density."""
MASKED = {DENSE: 0.0, "whole": 0.0, "known": 0.1, "random": 5.0}
"""How much less accurate masks are."""
REACHED = {"init": 60, "rewound": 60, "warm": 20, "shrink-perturb": 40, "fresh": 60}
"""The step of the first evaluation with 99% training accuracy."""


def study(**options: Any) -> WarmStart:
    return WarmStart.model_validate({"tasks": {"toy": "imp"}} | OPTIONS | options)


def config(results: str = "results", method: dict[str, Any] | None = None, **options: Any) -> Config:
    """The config with the data set and task that the study derives."""
    the_study = study(**options)
    sections = {"tasks": {"toy": TASK}, "methods": {"imp": {"rate": 0.5, "levels": 2} | (method or {})}}
    studies = {"warm-start": the_study.model_dump(exclude_unset=True)}
    return expand(Config.model_validate({"results": results, "studies": studies, **sections}), [the_study])


def accuracy(network: Network, seed: int) -> float:
    """Of the end of training: effects differ a little between seeds."""
    gap = GAPS[network.start] + (GROWTH * network.run.level if network.start == "warm" else 0)
    return 0.9 - (gap + MASKED[network.mask]) / 100 * (1 + 0.01 * (seed - 1.5))


def history(network: Network, seed: int, steps: range, reached: int, diverged: bool) -> list[str]:
    """Test accuracy rises by 1 percentage point per evaluation, up to its end."""
    lines = []
    for step in steps:
        late = (steps[-1] - step) / 20 / 100
        values = {"train": 0.99 if step >= reached else 0.5, "test": accuracy(network, seed) - late}
        loss = "nan" if diverged and step else "0.5"
        for split, value in (values | {"validation": 0.8}).items():
            lines.append(f"{seed},0,{step},{split},{loss},{value!r}")
    return lines


def write_files(
    folder: Path,
    lost: Callable[[Network, int], bool] = lambda network, seed: False,
    late: Callable[[Network, int], bool] = lambda network, seed: False,
    **options: Any,
) -> tuple[WarmStart, Config, dict[str, pd.DataFrame]]:
    """Write histories, headers of masks, overlaps and lines; return the study, its config and its tables.

    `lost` says whose training diverged, `late` whose never comes to 99% training accuracy.
    """
    the_study, settings = study(**options), config(str(folder), **options)
    first = the_study.first_trainings(settings, "toy")
    for network in [*the_study.networks(settings, "toy"), *first]:
        run, lines = network.run, ["seed,draw,step,split,loss,accuracy"]
        steps = range(0, settings.tasks[run.task].train.steps + 1, 20)
        for seed in seeds_of(run.cohort):
            reached = 1000 if late(network, seed) else 20 if run.task != "toy" else REACHED[network.start]
            lines += history(network, seed, steps, reached, lost(network, seed))
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        if run.level:
            header = {"density": DENSITIES[run.level]}
            write_tensors(run.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
    for run, path in the_study.overlap_files(settings, "toy"):
        rows = [f"{seed},w,100,50,50,{40 + seed}" for seed in seeds_of(run.cohort)]
        write_text(path, "\n".join(["seed,layer,weights,kept,kept_other,common", *rows]) + "\n")
    for network, path in the_study.lines(settings, "toy"):
        write_text(path, line(network))
    return the_study, settings, the_study.tables(settings)


def line(network: Network) -> str:
    """A line from 10% to 10% error with a barrier of 2% of the error, and 1% more per level; 1% more where random."""
    height = 0.1 + 0.02 + 0.01 * network.run.level + 0.01 * (network.mask == "random")
    rows = ["seed,draw,matching,statistics,split,alpha,loss,error"]
    for seed in seeds_of(network.run.cohort):
        for split in ("train", "test"):
            for alpha, error in ((0.0, 0.1), (0.5, height + 1e-4 * seed), (1.0, 0.1)):
                rows.append(f"{seed},0,none,interpolated,{split},{alpha},{error},{error!r}")
    return "\n".join(rows) + "\n"


KNOWN_TASK = known("toy")
