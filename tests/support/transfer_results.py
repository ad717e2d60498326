"""A small config of the transfer study, and results of known values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lth_core.config import Config
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.transfer import Transfer

ADAM = {"name": "adam", "learning_rate": 0.001}
SGD = {"name": "sgd", "learning_rate": 0.1}
DATASETS = {
    "half-a": {"source": "digits", "transforms": [{"name": "half", "part": "a"}]},
    "half-b": {"source": "digits", "transforms": [{"name": "half", "part": "b"}]},
    "low": {"source": "digits", "transforms": [{"name": "class-half", "part": "first"}]},
    "own-images": {"source": {"name": "image-folder", "path": "pets", "size": 8, "grey": True}},
}
SEEDS = 3


def task(dataset: str, model: Any = "lenet", optimizer: dict[str, Any] = ADAM, **changes: Any) -> dict[str, Any]:
    recipe = {"optimizer": optimizer, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    return {"dataset": dataset, "model": model, "train": recipe, "cohorts": ["0-1", "2-2"], **changes}


TASKS = {
    "a": task("half-a"),
    "b": task("half-b"),
    "whole": task("digits"),
    "whole-sgd": task("digits", optimizer=SGD),
}
GROUPS = {"halves": ["a", "b"], "optimizers": ["whole-sgd", "whole"]}
METHOD = {"levels": 4, "scope": "global", "rate": 0.5}


def config(results: str = "results", tasks: dict[str, Any] = TASKS, method: dict[str, Any] = METHOD, **sections):
    study = {"transfer": {"tasks": dict.fromkeys(tasks, "imp"), "groups": GROUPS}}
    given = {"datasets": DATASETS, "tasks": tasks, "methods": {"imp": method}, "studies": study}
    return Config.model_validate({"results": results, **given, **sections})


def study(groups: dict[str, list[str]] = GROUPS, **options: Any) -> Transfer:
    tasks = dict.fromkeys(sorted({member for group in groups.values() for member in group}), "imp")
    return Transfer(**{"tasks": tasks, "groups": groups, **options})


LEVELS = [1, 3, 4]  # of 50%, 12.5% and 6.25% of the weights


def loss_of(run: Run) -> float:
    """Percentage points below the target ticket, the same on all tasks, growing with the level."""
    losses = {None: 0.0, "random-ticket": 5.0, "random-mask-reinit": 3.0, "reinit": 2.0}
    return losses.get(run.branch, 1.0) * (run.level - 1)


def noise(seed: int) -> float:
    """Different in every seed, so that effects have a spread, but 0 on average."""
    return (seed - 1) * 5e-6


def write(path: str, lines: list[str]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n".join(lines) + "\n")


def write_results(folder: Path) -> Config:
    """Histories, headers of masks and counts of overlaps of every run, with known values."""
    settings, the_study = config(str(folder)), study(levels=LEVELS)
    for run in the_study.runs(settings):
        seeds = (0, 1) if run.cohort == "0-1" else (2,)
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in seeds:
            accuracy = 0.9 - loss_of(run) / 100 * (1 + noise(seed))
            lines += [f"{seed},0,50,{split},0.7,0.1" for split in ("train", "validation", "test")]
            lines += [f"{seed},0,100,{split},0.5,{accuracy!r}" for split in ("train", "validation", "test")]
        write(run.history(settings.results), lines)
        if run.level:
            header = {"density": 0.5**run.level, "provenance": {}}
            write_tensors(run.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
    for path in the_study.analyses(settings):
        lines = ["seed,layer,weights,kept,kept_other,common"]
        for seed in (0, 1) if "/0-1/" in path else (2,):
            lines += [f"{seed},z,100,10,10,{5 + seed}", f"{seed},a,10,5,5,3"]
        write(path, lines)
    return settings
