"""Graph tickets: a graph convolutional network whose edges and weights are pruned together (Chen et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.graph_tickets.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("graph-tickets", published="2021-02")
class GraphTickets(Design):
    """Masks of edges and weights that are learned together, against random ones, each alone, and magnitude pruning."""

    title: ClassVar[str] = "A Unified Lottery Ticket Hypothesis for Graph Neural Networks"
    citation: ClassVar[str] = "Chen, Sui, Chen, Zhang & Wang, ICML 2021 (arXiv 2102.06790)"
    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)
    table_names: ClassVar[tuple[str, ...]] = ("tickets",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `tickets`, for all tasks."""
        from lth_core.studies.graph_tickets.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figure of every task."""
        from lth_core.studies.graph_tickets.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test what the paper says of tickets of graphs."""
        from lth_core.studies.graph_tickets.claims import claims

        return claims(self, config, tables)
