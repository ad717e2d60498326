"""The tables of the comparison as the figures and claims of one task read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from lth_core.analysis.measurements import seed_means
from lth_core.analysis.ranking import ranking
from lth_core.storage.runs import DENSE
from lth_core.studies.comparison.study import TRAINING, Design
from lth_core.studies.contenders import GROUPS, Contender
from lth_core.studies.task_tables import TaskTables


@dataclass(frozen=True)
class View(TaskTables):
    """One task, and the tables that its figures and claims are made from."""

    study: Design

    @cached_property
    def contenders(self) -> dict[str, Contender]:
        """Return the compared methods by name, in the order of their groups."""
        compared = self.study.contenders(self.config, self.task)
        return {one.name: one for one in sorted(compared, key=lambda one: GROUPS.index(one.group))}

    def rows(self, table: str, method: str | None = None, budget: str = TRAINING) -> pd.DataFrame:
        """Return the task's rows of a table with budgets, of one method or of all."""
        rows = self.tables[table]
        rows = rows[(rows["task"] == self.task) & (rows["budget"] == budget)]
        return rows if method is None else rows[rows["method"] == method]

    @property
    def dense(self) -> pd.DataFrame:
        """Return the measurements of the dense network."""
        rows = self.tables["measurements"]
        return rows[(rows["task"] == self.task) & (rows["method"] == DENSE)]

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.dense["seed"].nunique()

    def values(self, method: str, density: float, budget: str = TRAINING) -> pd.Series:
        """Return the metric of a method at a density, by seed; nan where it diverged."""
        rows = self.rows("measurements", method, budget)
        return seed_means(rows[rows["density"] == density], "metric")

    def gain(self, first: str, second: str, densities: list[float], budget: str = TRAINING) -> pd.Series:
        """Return how much better the first method is by seed, in the metric's unit: a mean over densities."""
        gains = [
            self.metric.gain(self.values(first, density, budget), self.values(second, density, budget))
            for density in densities
        ]
        return pd.concat(gains, axis="columns").mean(axis="columns", skipna=False)

    def ranks(self, density: float, budget: str = TRAINING) -> pd.DataFrame:
        """Rank the methods at a density, as `analysis.ranking.ranking` does, by their gain over the dense network."""
        dense = seed_means(self.dense, "metric")
        gains = {name: self.metric.gain(self.values(name, density, budget), dense) for name in self.contenders}
        return ranking(pd.DataFrame(gains))

    def mean_cost(self, method: str, density: float, part: str, budget: str = TRAINING) -> float:
        """Return what a method costs at a density, in dense trainings: `search`, `training` or `total`."""
        rows = self.rows("costs", method, budget)
        return float(rows[rows["density"] == density][part].mean())
