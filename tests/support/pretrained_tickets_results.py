"""A small config of the study of Chen et al. 2020, and tables and results with effects of known sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from lth_core.config import Config, seeds_of
from lth_core.storage.files import write_text
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.base import expand
from lth_core.studies.pretrained_tickets import PretrainedTickets
from lth_core.studies.pretrained_tickets.study import FRESH

LEVELS = 9  # of 90% to 10% of the weights
METHOD = {"scope": "global", "densities": [round(0.9 - 0.1 * n, 1) for n in range(LEVELS)], "levels": LEVELS}
TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
DATASETS = {
    name: {"source": {"name": "python-texts", "part": part, "context": 8}}
    for name, part in (("all", "topics"), ("words", "docstrings"), ("code", "code"))
}


def task(dataset: str, source: str | None = "base", **changes: Any) -> dict[str, Any]:
    initialization = {"weights": "framework"} | ({"from": {"task": source}} if source else {})
    settings = {"dataset": dataset, "model": "transformer", "objective": "language", "train": TRAIN}
    return settings | {"initialization": initialization, "cohorts": ["0-1", "2-2"]} | changes


BASE = task("all", None, train=TRAIN | {"steps": 100})
TASKS = {"words": task("words"), "code": task("code")}


def study(tasks: dict[str, Any] = TASKS, **options: Any) -> PretrainedTickets:
    return PretrainedTickets.model_validate({"tasks": dict.fromkeys(tasks, "imp"), **options})


def config(results: str = "results", tasks: dict[str, Any] = TASKS, **method: Any) -> Config:
    """The config, with the tasks that the study derives."""
    sections = {"datasets": DATASETS, "tasks": {"base": BASE, **tasks}, "methods": {"imp": METHOD | method}}
    studies = {"pretrained-tickets": {"tasks": dict.fromkeys(tasks, "imp")}}
    given = Config.model_validate({"results": results, "studies": studies, **sections})
    return expand(given, [study(tasks)])


# ---------------------------------------------------------------- known effects

DENSE_BITS = 2.0
LOST = {"ticket": 0.0, "random-mask": 0.1, "reinit": 0.5, "redraw": 0.3}
"""How many bits per character a network needs more than the task's ticket at its level."""
LAST_MATCHING = 6
"""Tickets match the dense network up to this level (40% of the weights), and then need 0.05 bits more."""
OF_PRETRAINING, OF_OTHERS = 0.005, 0.04
"""How many bits per character the masks of the pre-training and of other tasks cost."""


def bits(run: Run, seed: int) -> float:
    """What a network needs at the end of training; seeds differ a little in all effects."""
    wobble = 1 + (seed - 1) * 1e-3
    if run.level == 0:
        return DENSE_BITS + (LOST[FRESH] * wobble if run.branch else 0.0)
    of_ticket = DENSE_BITS + (0.0 if run.level <= LAST_MATCHING else 0.05) * wobble
    branch = run.branch or "ticket"
    if branch.startswith("from-"):
        return of_ticket + (OF_PRETRAINING if branch == "from-base-again" else OF_OTHERS) * wobble
    return of_ticket + LOST[branch] * wobble


def known(tasks: dict[str, Any] = TASKS, **options: Any) -> tuple[PretrainedTickets, Config, dict[str, pd.DataFrame]]:
    """The study, its config and its table, as the study makes it."""
    the_study, settings = study(tasks, **options), config(tasks=tasks)
    rows = []
    for run in the_study.runs(settings):
        branch = run.branch or ("ticket" if run.level else DENSE)
        source = branch.removeprefix("from-") if branch.startswith("from-") else run.task
        branch = "ticket" if branch.startswith("from-") else branch
        density = settings.methods["imp"].density(run.level) if run.level else 1.0
        for seed in seeds_of(run.cohort):
            value = bits(run, seed)
            at = (run.task, run.cohort, run.method, run.level, branch, density, seed, 0)
            rows.append((*at, source, value, value))
    columns = ["task", "cohort", "method", "level", "branch", "density", "seed", "draw"]
    table = pd.DataFrame(rows, columns=[*columns, "mask_of", "metric", "validation_metric"])
    return the_study, settings, {"measurements": table}


def write_files(folder: Path, diverged: Callable[[Run, int], bool] = lambda run, seed: False) -> Config:
    """Histories and headers of masks of every run, with known values."""
    settings = config(str(folder))
    for run in study().runs(settings):
        lines = ["seed,draw,step,split,loss,bits_per_character"]
        for seed in seeds_of(run.cohort):
            for step, value in ((0, 6.5), (40, bits(run, seed))):
                loss = "nan" if step and diverged(run, seed) else "1.5"
                lines += [f"{seed},0,{step},{split},{loss},{value!r}" for split in ("train", "validation", "test")]
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        if run.level:
            write_tensors(run.mask(settings.results), {}, {"density": settings.methods["imp"].density(run.level)})
    return settings
