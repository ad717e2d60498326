"""A small config of the study of Yu et al. 2020, and tables and results with effects of known sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lth_core.config import Config, Task, seeds_of
from lth_core.storage.files import write_text
from lth_core.storage.paths import initial_file
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.base import expand
from lth_core.studies.yu2019 import Yu2019
from lth_core.tasks.metrics import metric_of

LEVELS = 5  # of 50% to 3.1% of the weights
METHOD = {"scope": "global", "rate": 0.5, "levels": LEVELS, "rewind": {"policy": "rewind", "step": 10}}


def task(dataset: str, model: Any, objective: str, **changes: Any) -> dict[str, Any]:
    train = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
    return {
        "dataset": dataset,
        "model": model,
        "objective": objective,
        "train": train,
        "cohorts": ["0-1", "2-2"],
    } | changes


TEXT = task("english", {"name": "lstm", "width": 8}, "language")
POLE = task("cartpole", {"name": "mlp", "hidden": [8]}, "actor-critic")
SWING = task("acrobot", {"name": "mlp", "hidden": [8]}, "actor-critic")
IMAGES = task("digits", "lenet", "classification")
TASKS = {"text": TEXT, "pole": POLE, "swing": SWING}


def study(tasks: dict[str, Any] = TASKS, **options: Any) -> Yu2019:
    return Yu2019.model_validate({"tasks": dict.fromkeys(tasks, "imp"), **options})


def config(
    results: str = "results", tasks: dict[str, Any] = TASKS, options: dict[str, Any] | None = None, **method: Any
) -> Config:
    """The config with the tasks that the study derives."""
    the_study = study(tasks, **(options or {}))
    sections = {"tasks": tasks, "methods": {"imp": METHOD | method}}
    studies = {"yu2019": the_study.model_dump(exclude_unset=True)}
    return expand(Config.model_validate({"results": results, "studies": studies, **sections}), [the_study])


# ---------------------------------------------------------------- known effects

LOST = {"ticket": 1.0, "reset": 2.0, "one-shot": 3.0, "reinit": 4.0, "random-mask": 5.0, "random-mask-reinit": 6.0}
"""What networks are worse than the dense one at every level, as a multiple of the level, in units of `worth`."""
EMBEDDINGS_PRUNED = 2.0
"""The same for tickets whose embeddings are pruned."""
FIXED = 0.1
"""The fraction of the weights that is never pruned where embeddings are kept."""


def kind_of(run: Run) -> str:
    ways = {"imp-one-shot": "one-shot", "imp-rewind-0": "reset"}
    return run.branch or ways.get(run.method, "ticket")


def measured(name: str, settings: Task, run: Run, seed: int) -> tuple[float, float]:
    """What a network is measured by after its training and before it.

    Dense training gains 4 bits per character, 200 points of return or 80 percentage points of accuracy; what is lost
    per level is a hundredth of that, and in `swing` half as much. Seeds differ a little in all effects.
    """
    metric = metric_of(settings)
    whole = 4.0 if not metric.higher_is_better else 200.0 if metric.selects else 0.8
    sign = 1 if metric.higher_is_better else -1
    begin = 6.0 if not metric.higher_is_better else 20.0 if metric.selects else 0.1
    lost = EMBEDDINGS_PRUNED if name.endswith("-embeddings") else LOST[kind_of(run)]
    worth = whole / 100 * (0.5 if name == "swing" else 1.0) * (1 + (seed - 1) * 1e-4)
    return begin + sign * (whole - (lost * run.level * worth if run.level else 0.0)), begin


def measurements(the_study: Yu2019, settings: Config) -> pd.DataFrame:
    """The table of measurements, as the study makes it."""
    rows = []
    for run in the_study.runs(settings):
        branch, density = run.branch or ("ticket" if run.level else DENSE), 0.5**run.level
        fixed = 0.0 if run.task.endswith("-embeddings") else FIXED
        for seed in seeds_of(run.cohort):
            value, before = measured(run.task, settings.tasks[run.task], run, seed)
            rows.append(
                {
                    "task": run.task,
                    "cohort": run.cohort,
                    "method": run.method,
                    "level": run.level,
                    "branch": branch,
                    "density": density,
                    "seed": seed,
                    "draw": 0,
                    "remaining": density * (1 - fixed) + fixed,
                    "metric": value,
                    "validation_metric": value,
                    "untrained": np.nan if run.level else before,
                    "median": np.nan,
                    "diverged": False,
                }
            )
    return pd.DataFrame(rows)


def layers(the_study: Yu2019, settings: Config) -> pd.DataFrame:
    """The table of layers: 10 percentage points less is kept of embeddings than of the recurrent layer."""
    rows = [
        (run.task, run.method, run.level, seed, layer, kind, 0.5**run.level + more * (1 + seed * 1e-4))
        for run in the_study.runs(settings)
        for seed in seeds_of(run.cohort)
        for layer, kind, more in (("e", "embedding", -0.02), ("r", "recurrent", 0.08))
        if run.task.endswith("-embeddings") and run.level
    ]
    return pd.DataFrame(rows, columns=["task", "method", "level", "seed", "layer", "kind", "kept"])


def known(tasks: dict[str, Any] = TASKS, **options: Any) -> tuple[Yu2019, Config, dict[str, pd.DataFrame]]:
    """The study, its config and its tables."""
    the_study, settings = study(tasks, **options), config(tasks=tasks, options=options)
    tables = {"measurements": measurements(the_study, settings), "layers": layers(the_study, settings)}
    return the_study, settings, tables


# ---------------------------------------------------------------- files

SHAPES = {"embed": (5, 4), "rnn": (16, 4), "read": (5, 4)}
KINDS = {"rnn": "recurrent", "read": "output"}
"""A network of 104 weights, 20 of which are an embedding that is pruned on request."""


def write_files(folder: Path, diverged: Callable[[Run, int], bool] = lambda run, seed: False) -> tuple[Yu2019, Config]:
    """Histories, initial weights and headers of masks and dense runs of one language task, with known values."""
    the_study, settings = study({"text": TEXT}), config(str(folder), {"text": TEXT})
    for run in the_study.runs(settings):
        kinds = KINDS | ({"embed": "embedding"} if run.task.endswith("-embeddings") else {})
        sizes = {name: int(np.prod(SHAPES[name])) for name in kinds}
        seeds = seeds_of(run.cohort)
        lines = ["seed,draw,step,split,loss,bits_per_character"]
        for seed in seeds:
            after, before = measured(run.task, settings.tasks[run.task], run, seed)
            for step, bits in ((0, before), (40, after)):
                loss = "nan" if step and diverged(run, seed) else "1.5"
                lines += [f"{seed},0,{step},{split},{loss},{bits!r}" for split in ("train", "validation", "test")]
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        weights = {name: np.ones((len(seeds), *shape), np.float32) for name, shape in SHAPES.items()}
        if run.level:
            kept = {name: [size // 2**run.level for _ in seeds] for name, size in sizes.items()}
            ended = [diverged(run, seed) for seed in seeds]
            header = {"density": 0.5**run.level, "kept": kept, "total": sizes, "diverged": ended}
            write_tensors(run.mask(settings.results), {name: weights[name] > 0 for name in kinds}, header)
        else:
            unpruned = {name: int(np.prod(SHAPES[name])) for name in SHAPES if name not in kinds}
            write_tensors(initial_file(settings.results, run.task, run.cohort), weights, {"layers": kinds})
            write_tensors(run.trained(settings.results), weights, {"unpruned": unpruned})
    return the_study, settings
