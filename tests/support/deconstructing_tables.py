"""A small config of the study of the recipe's parts, and tables with known effects."""

from __future__ import annotations

import pandas as pd

from lth_core.config import Config
from lth_core.studies.deconstructing import Deconstructing
from lth_core.studies.deconstructing.study import CRITERIA
from lth_core.studies.deconstructing.tables import ACCURACY_COLUMNS, LEARNED_SUPERMASK_COLUMNS, SUPERMASK_COLUMNS

LEVELS = [2, 3]
SEEDS = 3


def config(results: str = "results", dataset: str = "digits", **method) -> Config:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": dataset, "model": "lenet", "train": recipe, "cohorts": ["0-1", "2-2"]}
    options = {"tasks": {"digits": "imp"}, "levels": LEVELS}
    imp = {"levels": 4, **method}
    return Config(results=results, tasks={"digits": task}, methods={"imp": imp}, studies={"deconstructing": options})


def study(**options) -> Deconstructing:
    return Deconstructing(**{"tasks": {"digits": "imp"}, "levels": LEVELS, **options})


ACCURACIES = {
    "dense": 0.97,
    "imp": 0.96,
    "imp-magnitude-increase": 0.95,
    "imp-random": 0.90,
    "imp-small-final": 0.80,
    "imp-freeze-init": 0.93,
    "imp-freeze-init-zero-mask": 0.961,
    "imp-freeze-init-zero-all": 0.94,
    "imp-redraw-signed": 0.958,
    "imp-redraw": 0.92,
}
OTHERS = 0.91


def known_accuracies() -> pd.DataFrame:
    """One accuracy per method, at every level; seeds differ by very little."""
    methods = ["dense", *{run.method: None for run in study().runs(config()) if run.level}]
    rows = []
    for method in methods:
        for level in [0] if method == "dense" else range(1, 4):
            for seed in range(SEEDS):
                accuracy = ACCURACIES.get(method, OTHERS) + (seed - 1) * level * len(method) / 1e7
                rows.append(("digits", method, level, 0.8**level, seed, accuracy, accuracy))
    return pd.DataFrame(rows, columns=list(ACCURACY_COLUMNS))


FOUND = {  # by level: test accuracies of constants; those of initial values are 0.1 below, of validation equal
    "large-final-same-sign": [0.1, 0.6, 0.8, 0.5, 0.3],
    "large-final": [0.1, 0.3, 0.4, 0.5, 0.2],
    "random": [0.1, 0.1, 0.1, 0.1, 0.12],
}


def known_supermasks() -> pd.DataFrame:
    rows = []
    for criterion in CRITERIA:
        for level, accuracy in enumerate(FOUND.get(criterion, FOUND["random"])):
            for values, less in (("initial", 0.1), ("constant", 0.0)):
                for seed in range(SEEDS):
                    reached = accuracy - less + (seed - 1) * (level + 1 + 10 * less) * len(criterion) / 1e7
                    rows.append(("digits", criterion, level, 0.8**level, values, seed, reached, reached))
    return pd.DataFrame(rows, columns=list(SUPERMASK_COLUMNS))


def known_learned() -> pd.DataFrame:
    accuracies = {
        ("initial", "plain"): 0.92,
        ("initial", "rescaled"): 0.95,
        ("constant", "plain"): 0.94,
        ("constant", "rescaled"): 0.91,
    }
    rows = []
    for (values, scaling), accuracy in accuracies.items():
        for mask, less in (("drawn", 0), ("likely", 0.3)):
            for seed in range(SEEDS):
                reached = accuracy - less + (seed - 1) * len(values + scaling) / 1e6
                rows.append(("digits", values, scaling, mask, 0.5, seed, reached, reached))
    return pd.DataFrame(rows, columns=list(LEARNED_SUPERMASK_COLUMNS))


def tables(accuracies: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    accuracies = known_accuracies() if accuracies is None else accuracies
    return {"accuracies": accuracies, "supermasks": known_supermasks(), "learned_supermasks": known_learned()}
