"""Frankle, Dziugaite, Roy & Carbin 2020: when do copies of a network end in one linearly connected minimum?

Two copies of a network are spawned from step k of its training and trained on with different data orders. The barrier
is how far the error rises on the straight line between their ends, above the mean of the ends; below 2 percentage
points the network is stable at k. Of a task that is not measured by accuracy, the barrier is how much worse its metric
gets on the line. Dense networks are compared with tickets that are pruned and rewound to theta_k, with random
subnetworks of the same layerwise counts and with reinitialized tickets. The paper is not clear about the copies of the
latter; here they are spawned from step k of the reinitialized ticket's own training, k steps away from its new
initialization.

Beyond the paper, tickets of successive levels and of different seeds are connected, before and after permuting hidden
units so that they fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.linear_mode_connectivity.study import NAME, Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study(NAME, published="2019-12")
class LinearModeConnectivity(Design):
    """Error barriers between copies of networks, against the step at which they part, density and test metric."""

    title: ClassVar[str] = "Linear Mode Connectivity and the Lottery Ticket Hypothesis"
    citation: ClassVar[str] = "Frankle, Dziugaite, Roy & Carbin, ICML 2020 (arXiv 1912.05671)"
    table_names: ClassVar[tuple[str, ...]] = ("instability", "paths")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `instability` (barriers, distances, test metric; a row per line) and `paths` (error along lines)."""
        from lth_core.studies.linear_mode_connectivity.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.linear_mode_connectivity.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task, and those beyond it, as far as its steps and levels reach."""
        from lth_core.studies.linear_mode_connectivity.claims import claims

        return [claim for task in self.tasks for claim in claims(self, config, task, tables["instability"])]
