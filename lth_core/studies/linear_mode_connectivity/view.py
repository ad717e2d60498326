"""What the figures of Frankle et al. 2020 (arXiv 1912.05671) look at: the study and the tables of one task."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.measurements import strict_mean
from lth_core.config import Config, Method
from lth_core.metrics import ACCURACY, percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.linear_mode_connectivity.study import (
    RANDOM,
    REINIT,
    TICKET,
    Design,
    focus,
    pruned,
)
from lth_core.studies.linear_mode_connectivity.tables import ORDER, where


@dataclass(frozen=True)
class View:
    """The study and the tables of one task, as they are read back."""

    study: Design
    config: Config
    task: str
    instability: pd.DataFrame
    paths: pd.DataFrame

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

        What is compared is validation accuracy, averaged over seeds.
        Seeds whose dense network diverged are left out; where the subnetwork of another seed did, it does not match.
        """
        rows = self.lines()
        dense = rows[rows["network"] == DENSE].drop_duplicates("seed").set_index("seed")["validation_accuracy"].dropna()
        accuracy = (
            where(rows[rows["seed"].isin(dense.index)], {"network": network, "k": k})
            .groupby("level")["validation_accuracy"]
            .agg(strict_mean)
        )
        return int(max(accuracy.index[ACCURACY.matches(accuracy, dense.mean())], default=0))
