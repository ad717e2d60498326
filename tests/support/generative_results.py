"""A small config of the study of generative networks, and tables with effects of known sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lth_core.config import Config, seeds_of
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.generative_tickets import GenerativeTickets

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
TASK = {"dataset": "digits", "train": TRAIN, "cohorts": ["0-1", "2-2"]}
TASKS: dict[str, Any] = {
    "vae": TASK | {"objective": "vae", "model": {"name": "vae", "hidden": 4, "latents": 2}},
    "diffusion": TASK | {"objective": "diffusion", "model": {"name": "denoiser", "hidden": [4]}},
}
LEVELS = 4  # of 50% to 6.2% of the weights; 25% is compared with the dense network, 12.5% with controls
LOST = {"ticket": 0.1, "rewound": 0.2, "reinit": 0.4, "random-mask": 0.8}
"""What networks are worse than the dense one, as a multiple of the level, in units of `WORTH`."""
WORTH = {"vae": 1.0, "diffusion": 0.005}
"""What still matches, in the metric's unit."""
SIMPLEST = {"vae": 27.5, "diffusion": 1.0}
"""The metric of what dense networks, with 25 nats and 0.3 squared noise, are put in proportion to."""


def study(**options: Any) -> GenerativeTickets:
    return GenerativeTickets.model_validate({"tasks": dict.fromkeys(TASKS, "imp"), "rewind_step": 5, **options})


def config(**options: Any) -> Config:
    method = {"scope": "global", "rate": 0.5, "levels": LEVELS}
    studies = {"generative-tickets": study(**options).model_dump(exclude_unset=True)}
    return Config.model_validate({"tasks": TASKS, "methods": {"imp": method}, "studies": studies})


def named(run: Run) -> dict[str, Any]:
    branch = run.branch or ("ticket" if run.level else DENSE)
    index = {"task": run.task, "cohort": run.cohort, "method": run.method, "level": run.level, "branch": branch}
    return index | {"density": 0.5**run.level, "draw": 0}


def lost(run: Run, seed: int) -> float:
    """What a network is worse than the dense one by, in units of what matches; seeds differ a little."""
    kind = run.branch or ("rewound" if run.method == "imp-rewind-5" else "ticket")
    return (LOST[kind] * run.level if run.level else 0.0) * (1 + (seed - 1) * 1e-3)


def tables(**options: Any) -> dict[str, pd.DataFrame]:
    the_study, settings = study(**options), config(**options)
    measured, distances, images = [], [], []
    for run in the_study.runs(settings):
        for seed in seeds_of(run.cohort):
            value = {"vae": 25.0, "diffusion": 0.3}[run.task] + WORTH[run.task] * lost(run, seed)
            second = value - 4 if run.task == "vae" else np.nan
            row = named(run) | {"seed": seed}
            measured.append(row | {"metric": value, "validation_metric": value, "second_metric": second})
            if run in the_study.sampled_runs(settings):
                distance = 0.1 + 0.05 * lost(run, seed)
                about = {"validation_distance": distance, "test_distance": distance}
                about |= {"validation_floor": 0.01, "test_floor": 0.02, "simplest": SIMPLEST[run.task]}
                distances.append(row | about)
    for task in the_study.tasks:
        for level in (0, *the_study.shown_levels(settings, task)):
            for network in ("ticket", "random-mask") if level else ("real", DENSE):
                pixels = " ".join(["00", "ff", "80", "10"])
                row = {"task": task, "network": network, "level": level, "density": 0.5**level, "seed": 0}
                images += [row | {"image": number, "shape": "1x2x2", "pixels": pixels} for number in range(3)]
    frames = {"measurements": measured, "samples": distances, "images": images}
    return {name: pd.DataFrame(rows) for name, rows in frames.items()}
