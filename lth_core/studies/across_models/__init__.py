"""After Liu et al. 2024, research question 3: do winning tickets exist across kinds of models?

One question for every task: how few weights still match the dense network, for tickets and for random masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.across_models.study import Design
from lth_core.studies.base import Drawing

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("across-models", published="2024-03")
class AcrossModels(Design):
    """The lowest density that matches, for every kind of model."""

    title: ClassVar[str] = "Do winning tickets exist across kinds of models?"
    citation: ClassVar[str] = "After Liu et al., A Survey of Lottery Ticket Hypothesis, 2024 (arXiv 2403.04861)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "gains", "lowest")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, `gains` and `lowest`, each for all tasks."""
        from lth_core.studies.across_models.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the one figure, of all tasks."""
        from lth_core.studies.across_models.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test on every task that tickets exist, and that controls match with more weights only."""
        from lth_core.studies.across_models.claims import TaskClaims

        return TaskClaims.of_all_tasks(self, config, tables)
