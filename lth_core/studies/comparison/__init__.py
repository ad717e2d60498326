"""All methods against each other: at equal densities, data, seeds and recipe, and at equal cost of search and training.

The comparison that the survey of Liu et al. 2024 misses: one platform, common settings, fair budgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.comparison.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("comparison", published="2024-03")
class Comparison(Design):
    """Every method of making masks, under two budgets."""

    title: ClassVar[str] = "A fair comparison of all methods"
    citation: ClassVar[str] = (
        "After the call of Liu et al., A Survey of Lottery Ticket Hypothesis, 2024 (arXiv 2403.04861); claims of the "
        "papers that are named with them"
    )
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "costs", "ranks", "methods")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, `costs`, `ranks` and `methods`, each for all tasks."""
        from lth_core.studies.comparison.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task."""
        from lth_core.studies.comparison.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test what papers claim of these methods, on every task."""
        from lth_core.studies.comparison.claims import claims

        return claims(self, config, tables)
