"""Strong tickets: subnetworks of untrained weights that do the task (Ramanujan et al. 2020 and what followed)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.strong_tickets.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("strong-tickets", published="2019-11")
class StrongTickets(Design):
    """Masks that are learned over untrained weights: how accurate they are, by density, weights and width."""

    title: ClassVar[str] = "What's Hidden in a Randomly Weighted Neural Network?"
    citation: ClassVar[str] = "Ramanujan, Wortsman, Kembhavi, Farhadi & Rastegari, CVPR 2020 (arXiv 1911.13299)"
    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)  # masks by a criterion are compared by accuracy
    table_names: ClassVar[tuple[str, ...]] = ("subnetworks", "widths")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `subnetworks` and `widths`, each for all tasks."""
        from lth_core.studies.strong_tickets.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.strong_tickets.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test what the papers say of subnetworks, as far as they are looked for."""
        from lth_core.studies.strong_tickets.claims import claims

        return claims(self, config, tables)
