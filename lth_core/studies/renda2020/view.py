"""What the figures and claims of Renda et al. 2020 (arXiv 2003.02389) look up in a task's table of measurements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lth_core.analysis.choices import best
from lth_core.config import Config
from lth_core.data.facts import known_facts
from lth_core.studies.renda2020.study import POLICIES

if TYPE_CHECKING:
    from lth_core.studies.renda2020.study import Renda2020

MATCHING = 0.2
"""Percentage points of accuracy below dense that still count as no loss, as Frankle et al. 2020 define matching."""


@dataclass(frozen=True)
class View:
    """One task's measurements, with each replicate's distance to its own dense network, and the study's grid."""

    table: pd.DataFrame
    """The measurements with `delta` and `validation_delta`: accuracy minus the same seed's dense one, in points."""
    task: str
    levels: list[int]
    full: int
    """T: the steps of the dense training, and the largest budget."""
    constant: int
    """The largest budget that replays no drop of the learning rate."""
    epoch: float | None
    """Steps that are one pass over the training data; None where its size is not known before it is read."""

    @classmethod
    def of(cls, study: Renda2020, config: Config, task: str, measurements: pd.DataFrame) -> View:
        table = measurements[measurements["task"] == task]
        dense = table[table["technique"] == "dense"].set_index("seed")
        for column, delta in (("accuracy", "delta"), ("validation_accuracy", "validation_delta")):
            table = table.assign(**{delta: 100 * (table[column] - table["seed"].map(dense[column]))})
        settings = config.tasks[task]
        dataset = config.dataset(settings.dataset)
        examples = known_facts(dataset.source, dataset.transforms).get("train_examples")
        epoch = examples / settings.train.batch_size if examples else None
        return cls(table, task, study.levels, study.full(config, task), study.constant_budget(config, task), epoch)

    def budgets(self, pruning: str) -> list[int]:
        """The budgets that a pruning is retrained with, T the last of them."""
        here = self.table[(self.table["pruning"] == pruning) & self.table["technique"].isin(POLICIES)]
        return sorted(here["budget"].unique())

    def density(self, level: int) -> float:
        """The density of a level, averaged over whatever is trained there."""
        return self.table.loc[self.table["level"] == level, "density"].mean()

    def rows(self, pruning: str, technique: str, level: int | None = None, budget: int | None = None) -> pd.DataFrame:
        """The rows of one technique, at one level and budget where these are given."""
        found = self.table[(self.table["pruning"] == pruning) & (self.table["technique"] == technique)]
        for column, wanted in (("level", level), ("budget", budget)):
            found = found if wanted is None else found[found[column] == wanted]
        return found

    def values(self, pruning: str, technique: str, level: int, budget: int, column: str = "delta") -> pd.Series:
        """A measurement by seed; draws are averaged, nan where one diverged."""
        rows = self.rows(pruning, technique, level, budget)
        return rows.groupby("seed")[column].agg(lambda draws: draws.mean(skipna=False))

    def best(self, pruning: str, technique: str, level: int, budgets: Iterable[int] | None = None) -> int:
        """The budget of highest mean validation accuracy; one at which a seed diverged is the last choice."""
        return best(
            {
                budget: self.values(pruning, technique, level, budget, "validation_accuracy")
                for budget in (self.budgets(pruning) if budgets is None else budgets)
            }
        )

    def at_best(self, pruning: str, technique: str) -> pd.DataFrame:
        """The rows of a technique at its best budget of every level."""
        levels = self.rows(pruning, technique)["level"].unique()
        parts = [self.rows(pruning, technique, level, self.best(pruning, technique, level)) for level in levels]
        return pd.concat(parts) if parts else self.rows(pruning, technique)

    def frontier(self, pruning: str, technique: str) -> pd.DataFrame:
        """Per seed and retraining cost: the largest compression without loss that was reached at no more cost.

        Loss is judged on the validation split, seed by seed. Where nothing is lossless the compression is 1: dense. It
        is nan where there is nothing to test, for all trainings of a seed, or its dense network, diverged.
        """
        rows = self.rows(pruning, technique)
        found = []
        for seed, own in rows.groupby("seed"):
            lossless = own["validation_delta"] >= -MATCHING - 1e-9  # rounding
            least = np.nan if own["validation_delta"].isna().all() else 1.0
            compression = np.where(lossless, 1 / own["density"], least)
            for cost in sorted(rows["cost"].unique()):
                found.append((seed, cost, compression[(own["cost"] <= cost).to_numpy()].max(initial=least)))
        return pd.DataFrame(found, columns=["seed", "cost", "compression"])
