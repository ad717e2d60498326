"""What the figures of Frankle et al. 2020 (arXiv 1912.05671) look at: the study and the tables of one task."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.measurements import strict_mean
from lth_core.config import Config, Method
from lth_core.metrics import Metric, percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.linear_mode_connectivity.study import (
    RANDOM,
    REINIT,
    TICKET,
    Design,
    focus,
    pruned,
    stable_below,
)
from lth_core.studies.linear_mode_connectivity.tables import ORDER, where
from lth_core.tasks.metrics import metric_of


@dataclass(frozen=True)
class View:
    """The study and the tables of one task, as they are read back."""

    study: Design
    config: Config
    task: str
    instability: pd.DataFrame
    paths: pd.DataFrame

    @property
    def metric(self) -> Metric:
        """Return what the task is measured by."""
        return metric_of(self.config.tasks[self.task])

    @property
    def stable(self) -> float:
        """Return the barrier, in the metric's unit, below which a network is stable."""
        return stable_below(self.metric)

    @property
    def stable_below(self) -> str:
        """Write the barrier below which a network is stable, in short: "2 points"."""
        return f"{self.stable:g} {self.metric.points}"

    def barrier_label(self, split: str = "test", middle: str = "") -> str:
        """Name the barrier for axes, with its unit in the last line where the metric's name does not say it."""
        unit = "" if self.metric.label in self.metric.unit else f"\n({self.metric.unit})"
        return f"barrier of {split} {self.metric.error}{middle}{unit}"

    def lines(self, **line: object) -> pd.DataFrame:
        """Return the rows of instability where columns have these values, and those of ORDER unless given."""
        return where(self.instability, ORDER | line)

    def networks(self) -> tuple[str, ...]:
        """Return the networks that are compared, in the order of legends."""
        return DENSE, TICKET, *self.study.controls

    def method(self) -> Method:
        """Return the method that finds the task's subnetworks."""
        return self.config.methods[self.study.tasks[self.task]]

    def subnetworks(self) -> str:
        """Name the subnetworks that the method finds, for captions."""
        return f"{pruned(self.method())} subnetworks"

    def label(self, network: str) -> str:
        """Name a kind of network, for legends and titles."""
        subnetwork = f"{pruned(self.method())} subnetwork"
        kinds = {DENSE: "dense network", TICKET: subnetwork, RANDOM: "random subnetwork"}
        return (kinds | {REINIT: f"reinitialized {subnetwork}"})[network]

    def levels(self) -> list[int]:
        """Return the levels that panels are about."""
        return focus(self.study.levels_of(self.config, self.task))

    def statistics(self) -> list[str]:
        """Return the kinds of batch-norm statistics on the lines; `interpolated` alone if there is no batch norm."""
        return [kind for kind in ("interpolated", "estimated") if (self.instability["statistics"] == kind).any()]

    def aligned(self) -> bool:
        """Return whether the network's hidden units could be matched."""
        return bool((self.instability["matching"] == "aligned").any())

    def density(self, level: int) -> str:
        """Return a level's density in percent, for titles and captions."""
        return f"{percent_text(self.instability.loc[self.instability['level'] == level, 'density'].mean())}%"

    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.instability["seed"].nunique()

    def last_matching(self, network: str, k: int) -> int:
        """Return the last measured level at which a kind of subnetwork matches the dense network, 0 if there is none.

        What is compared is the validation metric, averaged over seeds.
        Seeds whose dense network diverged are left out; where the subnetwork of another seed did, it does not match.
        """
        rows = self.lines()
        dense = rows[rows["network"] == DENSE].drop_duplicates("seed").set_index("seed")["validation_metric"].dropna()
        values = (
            where(rows[rows["seed"].isin(dense.index)], {"network": network, "k": k})
            .groupby("level")["validation_metric"]
            .agg(strict_mean)
        )
        return int(max(values.index[self.metric.matches(values, dense.mean())], default=0))
