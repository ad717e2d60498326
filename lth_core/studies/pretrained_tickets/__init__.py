"""Chen et al. 2020: tickets in pre-trained networks, and on which tasks they can be trained.

The paper prunes BERT. Here a small Transformer that predicts characters, or any network that starts from the trained
weights of another task, stands in for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.pretrained_tickets.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("pretrained-tickets", published="2020-07")
class PretrainedTickets(Design):
    """Tickets of tasks that begin with pre-trained weights, and tickets of the pre-training itself."""

    title: ClassVar[str] = "The Lottery Ticket Hypothesis for Pre-trained BERT Networks"
    citation: ClassVar[str] = "Chen, Frankle, Chang, Liu, Zhang, Wang & Carbin, NeurIPS 2020 (arXiv 2007.12223)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, for all tasks."""
        from lth_core.studies.pretrained_tickets.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw tickets against their controls, and every mask on every task."""
        from lth_core.studies.claim_sheet import with_remarks
        from lth_core.studies.pretrained_tickets.figures import drawings

        return with_remarks(drawings(self, config, tables), self.claims(config, tables))

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task, as far as its levels reach."""
        from lth_core.studies.pretrained_tickets.claims import claims

        return claims(self, config, tables)
