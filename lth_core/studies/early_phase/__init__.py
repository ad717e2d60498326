"""Frankle, Schwab & Morcos 2020: what changes in the first steps of training that rewinding goes back to?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.early_phase.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("early-phase", published="2020-02")
class EarlyPhase(Design):
    """Perturbed and pretrained tickets, and telemetry of the first steps."""

    title: ClassVar[str] = "The Early Phase of Neural Network Training"
    citation: ClassVar[str] = "Frankle, Schwab & Morcos, ICLR 2020 (arXiv 2002.10365)"
    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)  # pretraining and telemetry need labels
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "pretraining", "telemetry")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, `pretraining` and `telemetry`, each for all tasks."""
        from lth_core.studies.early_phase.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.early_phase.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task."""
        from lth_core.studies.early_phase.claims import claims

        return [claim for task in self.tasks for claim in claims(self, task, tables)]
