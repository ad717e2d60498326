"""Ash & Adams 2020, crossed with tickets: do subnetworks suffer from training on a part of the data first?

The paper's networks are dense. What it finds of them is claimed, and so is what would follow for tickets; whether the
gap grows or shrinks with sparsity is not known, and is estimated without a claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.warm_start.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("warm-start", published="2019-10")
class WarmStart(Design):
    """Warm starts of dense networks, tickets and random subnetworks."""

    title: ClassVar[str] = "On Warm-Starting Neural Network Training"
    citation: ClassVar[str] = "Ash & Adams, NeurIPS 2020 (arXiv 1910.08475)"
    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)  # training stops by training accuracy
    table_names: ClassVar[tuple[str, ...]] = (
        *("measurements", "gaps", "trends", "known", "curves", "barriers", "overlap"),
    )

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make the tables, each for all tasks."""
        from lth_core.studies.warm_start.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.warm_start.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the claims about every task."""
        from lth_core.studies.warm_start.claims import TaskClaims

        return [claim for task in self.tasks for claim in TaskClaims(self, config, tables, task).all()]
