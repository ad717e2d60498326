"""A small config of the study of You et al. 2020, and tables with effects of known sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lth_core.config import Config
from lth_core.studies.base import expand
from lth_core.studies.you2020 import You2020
from lth_core.studies.you2020.study import (
    AS_CONFIGURED,
    CONTINUED,
    ITERATIVE,
    LOW_PRECISION,
    LOW_PRECISION_SEARCH,
    RANDOM,
    REINIT,
    RETRAINED,
    SMALL_RATE,
    UNPENALIZED,
)
from lth_core.studies.you2020.tables import AGREEMENTS, DETECTIONS, DISTANCES, MEASUREMENTS, SETTLING

METHOD = {
    "criterion": "batch-norm-scale",
    "granularity": "channel",
    "scope": "global",
    "iterative": False,
    "densities": [0.7, 0.5, 0.3],
    "levels": 3,
}
TASK = {
    "dataset": "digits",
    "model": {"name": "resnet-8", "width": 0.25},
    "train": {
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "batch_size": 60,
        "steps": 200,
        "evaluate_every": 100,
        "penalty": 1e-4,
    },
    "cohorts": ["0-1", "2-2"],
}
SEEDS = (0, 1, 2)
PRUNED = {1: 0.3, 2: 0.5, 3: 0.7}
DRAWS = (6, 8, 20)
SETTLED = {1: 5, 2: 6, 3: 8}
"""The epoch at which masks settle, by level."""
INDEPENDENT = {1: 0.35, 2: 0.25, 3: 0.15}
"""The distance of independent masks, by level."""
LOST = {RETRAINED: 0.001, CONTINUED: 0.002, RANDOM: 0.03, REINIT: 0.01, ITERATIVE: 0.0, LOW_PRECISION_SEARCH: 0.004}
"""What each kind of ticket loses to the dense network."""


def study(**options: Any) -> You2020:
    settings = {"tasks": {"mini": "channels"}, "epoch_steps": 10, "draw_epochs": list(DRAWS)}
    return You2020.model_validate(settings | options)


def config(the_study: You2020 | None = None, train: dict[str, Any] | None = None, **method: Any) -> Config:
    task = TASK | {"train": {**TASK["train"], **(train or {})}}
    sections = {"tasks": {"mini": task}, "methods": {"channels": METHOD | method}}
    plain = Config.model_validate({"studies": {"you2020": {}}, **sections})
    return expand(plain, [the_study or study()])


def tables() -> dict[str, pd.DataFrame]:
    """Tables of all seeds, whose effects differ a little."""
    measured = [("mini", "dense", 0, 0.0, 1.0, 0, seed, 0.95, 0.95, 1.0) for seed in SEEDS]
    detections, settling, pairs, agreements = [], [], [], []
    for level, pruned in PRUNED.items():
        density = (1 - pruned) ** 2
        for seed in SEEDS:
            for epoch in DRAWS:
                for network in (
                    RETRAINED,
                    RANDOM,
                    REINIT,
                    LOW_PRECISION_SEARCH,
                    *((CONTINUED,) if epoch < DRAWS[-1] else ()),
                ):
                    accuracy = 0.95 - LOST[network] * (1 + 0.01 * seed)
                    cost = epoch / 20 + density * ((1 - epoch / 20) if network == CONTINUED else 1)
                    row = ("mini", network, level, pruned, density, epoch, seed, accuracy, accuracy, cost)
                    measured.append(row)
            costly = ("mini", ITERATIVE, level, pruned, density, 0, seed, 0.95, 0.95, 1 + level * density)
            measured.append(costly)
            for setting, later in ((AS_CONFIGURED, 0), (SMALL_RATE, 4), (UNPENALIZED, 1), (LOW_PRECISION, 2)):
                settled = SETTLED[level] + later + 0.01 * seed
                drawn = next(epoch for epoch in DRAWS if epoch >= SETTLED[level] + later)
                detections.append(("mini", setting, level, pruned, seed, 20, settled, 0.02, drawn, INDEPENDENT[level]))
                for epoch in range(1, 21):
                    left = 0.4 * np.exp(-(epoch - 1) / SETTLED[level]) * (1 + 0.01 * seed) if epoch < 20 else 0.0
                    queue = np.nan if epoch < 5 else 0.5 / (epoch - later / 10)
                    settling.append(("mini", setting, level, pruned, seed, epoch, queue, left))
            agreements += [
                ("mini", level, pruned, seed, epoch, 0.1 / epoch, INDEPENDENT[level]) for epoch in range(1, 21)
            ]
        for setting in (AS_CONFIGURED, SMALL_RATE, UNPENALIZED, LOW_PRECISION):
            both = [(epoch, before) for epoch in range(1, 21) for before in range(1, epoch)]
            pairs += [
                ("mini", setting, level, pruned, epoch, before, 0.02 * (epoch - before)) for epoch, before in both
            ]
    return {
        "measurements": pd.DataFrame(measured, columns=list(MEASUREMENTS)),
        "distances": pd.DataFrame(pairs, columns=list(DISTANCES)),
        "settling": pd.DataFrame(settling, columns=list(SETTLING)),
        "detections": pd.DataFrame(detections, columns=list(DETECTIONS)),
        "agreements": pd.DataFrame(agreements, columns=list(AGREEMENTS)),
    }
