"""A small config with a GAN, and tables in which effects of known sizes are planted."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lth_core.config import Config, seeds_of
from lth_core.storage.runs import Run
from lth_core.studies.generative_tickets import GenerativeTickets
from tests.support import generative_results

TASKS: dict[str, Any] = {
    "gan": generative_results.TASK | {"objective": "gan", "model": {"name": "gan", "hidden": 4, "latents": 2}},
    "vae": generative_results.TASKS["vae"],
}
JUDGE = generative_results.TASK | {"model": {"name": "lenet", "hidden": [4]}, "cohorts": ["0-0"]}
METHOD = {"rate": 0.5, "levels": 4}
METHODS = {"generator": METHOD | {"exclude": ["discriminator.*"]}, "players": METHOD, "imp": METHOD}
DENSE, SPREAD = 10.0, 1.0
"""Distances of the dense networks: this is their mean, and the standard deviation of their seeds 0, 1 and 2."""
FARTHER = {
    None: 0.5,
    "random-mask": 4.0,
    "reinit": 2.0,
    "discriminator-trained": 0.2,
    "discriminator-fresh": 0.9,
    "generator-from-vae": 1.0,
    "random-from-vae": 3.0,
    "generator-from-gan": 0.5,
    "random-from-gan": 2.5,
}
"""Branch -> how much farther images are than those of the dense network, as a multiple of the level."""
BOTH = 0.55
"""The same where both players are pruned."""
OPTIONS: dict[str, Any] = {
    "tasks": {"gan": "generator", "vae": "imp"},
    "both": {"gan": "players"},
    "discriminator_levels": [2, 3],
    "transfers": {"gan": "vae", "vae": "gan"},
    "transfer_levels": [3],
}


def study(**options: Any) -> GenerativeTickets:
    return GenerativeTickets.model_validate(OPTIONS | options)


def config(judges: dict[str, str] | None = None, **options: Any) -> Config:
    judge = {"tasks": {"digits": "judge"} if judges is None else judges}
    studies = {"generative-tickets": study(**options).model_dump(exclude_unset=True)}
    tasks = TASKS | {"judge": JUDGE}
    return Config.model_validate({"tasks": tasks, "methods": METHODS, "judge": judge, "studies": studies})


def tables(accuracy: float = 0.97, **options: Any) -> dict[str, pd.DataFrame]:
    """The tables of `config()`; below an accuracy of 90% the judge's values are left out."""
    the_study, settings = study(**options), config(**options)
    measured, distances, judged = [], [], []
    for run in the_study.runs(settings):
        for seed in seeds_of(run.cohort):
            row = generative_results.named(run) | {"seed": seed}
            value = farther(run) + SPREAD * (seed - 1) * (1 if not run.level else 1.01)
            measured.append(row | {"metric": 25 + value, "validation_metric": value, "second_metric": value})
            if run in the_study.sampled_runs(settings):
                about = {"validation_distance": value + 5, "test_distance": value + 5}
                about |= {"validation_floor": 0.1, "test_floor": 0.1}
                distances.append(row | about | {"simplest": generative_results.SIMPLEST.get(run.task)})
                seen = {"frechet_distance": DENSE + value, "frechet_floor": 3.0, "coverage": 1 - 0.02 * farther(run)}
                seen |= {"entropy": 2.3 - 0.1 * farther(run) + 0.01 * seed}
                said = {"judge_accuracy": accuracy, "floor_images": "training"}
                judged.append(row | (seen if accuracy >= 0.9 else dict.fromkeys(seen)) | said)
    frames = {"measurements": measured, "samples": distances, "judged": judged}
    images = generative_results.tables()["images"]
    images = pd.concat([images[images["task"] == "vae"].assign(task=task) for task in TASKS])
    return {name: pd.DataFrame(rows) for name, rows in frames.items()} | {"images": images}


def farther(run: Run) -> float:
    """How much farther a run's images are than those of the dense network."""
    each = BOTH if run.method == "players" else FARTHER[run.branch]
    return each * run.level
