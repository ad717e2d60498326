"""Morcos, Yu, Paganini & Tian 2019: do winning tickets help on other data and with other optimizers than their own?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.transfer.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("transfer", published="2019-06")
class Transfer(Design):
    """Tickets of one task trained on other tasks."""

    title: ClassVar[str] = "One Ticket to Win Them All: Generalizing Lottery Ticket Initializations"
    citation: ClassVar[str] = "Morcos, Yu, Paganini & Tian, NeurIPS 2019 (arXiv 1906.02773)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "overlap")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements` and `overlap`, each for all groups."""
        from lth_core.studies.transfer.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every group."""
        from lth_core.studies.transfer.figures import drawings

        return [drawing for group in self.groups for drawing in drawings(self, config, group, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every target, every source ticket and every two masks."""
        from lth_core.studies.transfer.claims import claims

        return claims(self, config, tables)
