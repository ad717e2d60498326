"""A small config of the retraining study, and histories of known accuracies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lth_core.config import Config
from lth_core.storage.files import write_text
from lth_core.storage.tensors import write_tensors
from lth_core.studies.renda2020 import Renda2020

FULL, BUDGETS, LEVELS = 100, [20, 60], [1, 3]
SEEDS = 3
STEP = {"name": "step", "drop_steps": [50, 85]}


def config(results: str = "results", schedule: dict | None = None, **method) -> Config:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": FULL, "evaluate_every": 50}
    task = {"dataset": "digits", "model": "lenet", "cohorts": ["0-1", "2-2"]}
    task["train"] = recipe | {"schedule": STEP if schedule is None else schedule}
    options = {"tasks": {"digits": "imp"}, "budgets": BUDGETS, "levels": LEVELS}
    return Config(
        results=results,
        tasks={"digits": task},
        methods={"imp": {"scope": "global", "levels": 4, **method}},
        studies={"renda2020": options},
    )


def study(**options) -> Renda2020:
    return Renda2020(**{"tasks": {"digits": "imp"}, "budgets": BUDGETS, "levels": LEVELS, **options})


ACCURACY = {"fine-tuning": 0.90, "weight-rewinding": 0.93, "rate-rewinding": 0.94, "low-rate-rewinding": 0.91}


def accuracy_of(technique: str, budget: int, level: int, pruning: str) -> float:
    """Known effects: more with budget, less with level; weight rewinding loses with the full budget."""
    value = ACCURACY[technique] + budget / 10_000 - (level - 1) / 100 + (0.005 if pruning == "iterative" else 0)
    return value - 0.03 * (technique == "weight-rewinding" and budget == FULL)


def write_results(folder: Path) -> Config:
    """Histories and mask headers of every run, with known values; the first evaluation is of the pruned network."""
    settings, the_study = config(str(folder)), study(iterative_budgets=[60])
    retrainings = {retraining.method: retraining for retraining in the_study.retrainings(settings, "digits")}
    for run in the_study.runs(settings):
        if run.level == 0 or run.branch:
            accuracy, start = 0.96 if run.level == 0 else 0.80, 0
        else:
            retraining = retrainings[run.method]
            accuracy = accuracy_of(retraining.technique, retraining.budget, run.level, retraining.pruning)
            start = FULL - retraining.budget
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in (0, 1) if run.cohort == "0-1" else (2,):
            noise = 1 + (seed - 1) / 1e5  # every effect differs between seeds, by very little
            diverged = (seed, run.method, run.level) == (1, "imp-fine-tune-0", 2)
            for step, value in ((start, 0.3), (FULL, accuracy * noise)):
                loss = "nan" if diverged and step else "0.5"
                lines += [f"{seed},0,{step},{split},{loss},{value:.14f}" for split in ("train", "validation", "test")]
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        if run.level:
            write_tensors(run.mask(settings.results), {"w": np.ones((1, 1), bool)}, {"density": 0.8 ** (4 * run.level)})
    return settings
