"""Frankle, Dziugaite, Roy & Carbin 2019: rewinding to an early step makes subnetworks stable, and so trainable.

For every rewind step k a chain of iterative magnitude pruning (IMP) is run that rewinds to theta_k. At chosen levels
its tickets are compared with random subnetworks of the same layerwise counts: in accuracy (or whatever the task is
measured by), in stability to pruning (distance to the dense network trained on the same data order) and in stability to
data order (distance between two trainings of the subnetwork on different data orders).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.stabilizing2019.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("stabilizing2019", published="2019-03")
class Stabilizing2019(Design):
    """Stability and test metric of subnetworks against the rewind step."""

    title: ClassVar[str] = "Stabilizing the Lottery Ticket Hypothesis"
    citation: ClassVar[str] = "Frankle, Dziugaite, Roy & Carbin, 2019 (arXiv 1903.01611)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, for all tasks."""
        from lth_core.studies.stabilizing2019.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.stabilizing2019.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables["measurements"])]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task, as far as its levels reach."""
        from lth_core.studies.stabilizing2019.claims import claims

        return [claim for task in self.tasks for claim in claims(self, config, task, tables["measurements"])]
