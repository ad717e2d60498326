"""Renda, Frankle & Carbin 2020: how to retrain a network after pruning, compared by test metric, size and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.renda2020.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("renda2020", published="2020-03")
class Renda2020(Design):
    """Fine-tuning, weight rewinding and learning-rate rewinding after pruning."""

    title: ClassVar[str] = "Comparing Rewinding and Fine-tuning in Neural Network Pruning"
    citation: ClassVar[str] = "Renda, Frankle & Carbin, ICLR 2020 (arXiv 2003.02389)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements` for all tasks."""
        from lth_core.studies.renda2020.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.renda2020.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task."""
        from lth_core.studies.renda2020.claims import claims

        return [claim for task in self.tasks for claim in claims(self, config, task, tables)]
