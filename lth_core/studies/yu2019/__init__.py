"""Yu, Edunov, Tian & Morcos 2019: tickets in language models and in reinforcement learning.

Tickets are compared with random tickets (a random mask of the same counts per layer, on fresh weights), with late
rewinding and without, pruned iteratively and in one shot, with embeddings pruned and not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.yu2019.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("yu2019", published="2019-06")
class Yu2019(Design):
    """Tickets against random tickets, under any objective."""

    title: ClassVar[str] = "Playing the Lottery with Rewards and Multiple Languages: Lottery Tickets in RL and NLP"
    citation: ClassVar[str] = "Yu, Edunov, Tian & Morcos, ICLR 2020 (arXiv 1906.02768)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "layers")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements` and `layers`, each for all tasks."""
        from lth_core.studies.yu2019.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.yu2019.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task, as far as its levels reach."""
        from lth_core.studies.yu2019.claims import claims

        return claims(self, config, tables)
