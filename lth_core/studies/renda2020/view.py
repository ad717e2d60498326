"""What the claims and figures of Renda et al. 2020 (arXiv 2003.02389) look up in a task's measurements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import ROUNDING
from lth_core.analysis.measurements import seed_means
from lth_core.config import Config
from lth_core.data.facts import known_facts
from lth_core.metrics import Metric
from lth_core.studies.renda2020.study import ITERATIVE, ONE_SHOT, POLICIES, Design
from lth_core.tasks.metrics import metric_of


@dataclass(frozen=True)
class View:
    """One task's measurements, compared with the dense network seed by seed, and the study's grid."""

    table: pd.DataFrame
    """The measurements, compared with the same seed's dense network in the metric's unit.

    `gain` (test) and `validation_gain`: how much better; `difference` (test): the metric minus the dense network's.
    """
    task: str
    metric: Metric
    levels: list[int]
    full: int
    """T: the steps of the dense training, and the largest budget."""
    constant: int
    """The largest budget that replays no drop of the learning rate."""
    epoch: float | None
    """Steps that are one pass over the training data; None where its size is not known before it is read."""

    @classmethod
    def of(cls, study: Design, config: Config, task: str, measurements: pd.DataFrame) -> View:
        """Select the measurements of one task."""
        table = measurements[measurements["task"] == task]
        dense = table[table["technique"] == "dense"].set_index("seed")
        settings = config.tasks[task]
        metric = metric_of(settings)
        for column, gain in (("metric", "gain"), ("validation_metric", "validation_gain")):
            table = table.assign(**{gain: metric.gain(table[column], table["seed"].map(dense[column]))})
        table = table.assign(difference=table["gain"] if metric.higher_is_better else -table["gain"])
        dataset = config.dataset(settings.dataset)
        examples = known_facts(dataset.source, dataset.transforms).get("train_examples")
        epoch = examples / settings.train.batch_size if examples else None
        return cls(
            table, task, metric, study.levels, study.full(config, task), study.constant_budget(config, task), epoch
        )

    def budgets(self, pruning: str) -> list[int]:
        """Return the budgets of a kind of pruning, rising to T."""
        here = self.table[(self.table["pruning"] == pruning) & self.table["technique"].isin(POLICIES)]
        return sorted(here["budget"].unique())

    def prunings(self) -> list[str]:
        """Return the kinds of pruning that the study has."""
        return [pruning for pruning in (ONE_SHOT, ITERATIVE) if self.budgets(pruning)]

    def density(self, level: int) -> float:
        """Return the density of a level, averaged over all trainings at that level."""
        return self.table.loc[self.table["level"] == level, "density"].mean()

    def rows(self, pruning: str, technique: str, level: int | None = None, budget: int | None = None) -> pd.DataFrame:
        """Return the rows of one technique, at one level and budget if these are given."""
        rows = self.table[(self.table["pruning"] == pruning) & (self.table["technique"] == technique)]
        for column, wanted in (("level", level), ("budget", budget)):
            rows = rows if wanted is None else rows[rows[column] == wanted]
        return rows

    def values(self, pruning: str, technique: str, level: int, budget: int, column: str = "gain") -> pd.Series:
        """Return a measurement by seed; draws are averaged, nan where one diverged."""
        return seed_means(self.rows(pruning, technique, level, budget), column)

    def best(self, pruning: str, technique: str, level: int, budgets: Iterable[int] | None = None) -> int:
        """Return the budget of best mean validation metric; those at which a seed diverged are the last choice."""
        return best(
            {
                budget: self.values(pruning, technique, level, budget, "validation_metric")
                for budget in (self.budgets(pruning) if budgets is None else budgets)
            },
            self.metric,
        )

    def at_best(self, pruning: str, technique: str) -> pd.DataFrame:
        """Return the rows of a technique at its best budget of every level."""
        levels = self.rows(pruning, technique)["level"].unique()
        parts = [self.rows(pruning, technique, level, self.best(pruning, technique, level)) for level in levels]
        return pd.concat(parts) if parts else self.rows(pruning, technique)

    def frontier(self, pruning: str, technique: str) -> pd.DataFrame:
        """Return by seed and retraining cost the largest compression without loss that is reached at this cost or less.

        A loss is one in the validation metric, seed by seed. Without any lossless network the compression is 1: dense.
        It is nan for a seed of which the dense network, or every training, diverged.
        """
        rows = self.rows(pruning, technique)
        frontier = []
        for seed, of_seed in rows.groupby("seed"):
            lossless = of_seed["validation_gain"] >= -self.metric.matching - ROUNDING
            least = np.nan if of_seed["validation_gain"].isna().all() else 1.0
            compression = np.where(lossless, 1 / of_seed["density"], least)
            for cost in sorted(rows["cost"].unique()):
                frontier.append((seed, cost, compression[(of_seed["cost"] <= cost).to_numpy()].max(initial=least)))
        return pd.DataFrame(frontier, columns=["seed", "cost", "compression"])
