"""What the figures of Frankle et al. 2020 (arXiv 1912.05671) look at: the study and the tables of one task."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.measurements import MATCHING
from lth_core.config import Config, Method
from lth_core.drawing.axes import percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.linear_mode_connectivity.study import (
    RANDOM,
    REINIT,
    TICKET,
    LinearModeConnectivity,
    focus,
    pruned,
)
from lth_core.studies.linear_mode_connectivity.tables import ORDER, mean, where


@dataclass(frozen=True)
class View:
    """The tables of one task, as they are read back."""

    study: LinearModeConnectivity
    config: Config
    task: str
    instability: pd.DataFrame
    paths: pd.DataFrame

    def lines(self, **line: object) -> pd.DataFrame:
        """The rows of instability where columns have these values, and those of ORDER unless given."""
        return where(self.instability, ORDER | line)

    def networks(self) -> tuple[str, ...]:
        """What is compared, in the order of legends."""
        return DENSE, TICKET, *self.study.controls

    def method(self) -> Method:
        """The method that finds the task's subnetworks."""
        return self.config.methods[self.study.tasks[self.task]]

    def found(self) -> str:
        """How captions call the subnetworks that the method finds."""
        return f"{pruned(self.method())} subnetworks"

    def label(self, network: str) -> str:
        """A kind of network in legends and titles."""
        subnetwork = f"{pruned(self.method())} subnetwork"
        kinds = {DENSE: "dense network", TICKET: subnetwork, RANDOM: "random subnetwork"}
        return (kinds | {REINIT: f"reinitialized {subnetwork}"})[network]

    def levels(self) -> list[int]:
        """The levels that panels are about."""
        return focus(self.study.levels_of(self.config, self.task))

    def statistics(self) -> list[str]:
        """The kinds of batch-norm statistics on the lines; of networks without batch norm just `interpolated`."""
        return [kind for kind in ("interpolated", "estimated") if (self.instability["statistics"] == kind).any()]

    def aligned(self) -> bool:
        """Whether the network's hidden units could be matched."""
        return bool((self.instability["matching"] == "aligned").any())

    def density(self, level: int) -> str:
        """A level's density in percent, for titles and captions."""
        return f"{percent_text(self.instability.loc[self.instability['level'] == level, 'density'].mean())}%"

    def seeds(self) -> int:
        """The number of seeds."""
        return self.instability["seed"].nunique()

    def last_matching(self, network: str, k: int) -> int:
        """The last measured level at which a kind of subnetwork matches the dense network, 0 if none does.

        It does where its validation accuracy, averaged over seeds, is at most 0.2 percentage points lower.
        Seeds whose dense network diverged are left out; where the subnetwork of another seed did, it does not match.
        """
        rows = self.lines()
        dense = rows[rows["network"] == DENSE].drop_duplicates("seed").set_index("seed")["validation_accuracy"].dropna()
        found = (
            where(rows[rows["seed"].isin(dense.index)], {"network": network, "k": k})
            .groupby("level")["validation_accuracy"]
            .agg(mean)
        )
        return int(max(found.index[found >= dense.mean() - MATCHING - 1e-9], default=0))  # 1e-9: rounding
