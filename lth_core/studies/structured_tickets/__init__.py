"""What is lost when whole channels are pruned: single weights against channels at equal parameters and operations.

The test that Liu et al. 2019 (Rethinking the Value of Network Pruning) and Chen et al. 2022 (Coarsening the
Granularity) lead to: what single weights have that channels lack, and whether a ticket of channels is more than its
architecture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.structured_tickets.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("structured-tickets", published="2022-02")
class StructuredTickets(Design):
    """Tickets of channels against tickets of single weights, each with its reinitialization."""

    title: ClassVar[str] = "Tickets of whole channels against tickets of single weights"
    citation: ClassVar[str] = (
        "After Liu et al., ICLR 2019 (arXiv 1810.05270), and Chen et al., ICML 2022 (arXiv 2202.04736)"
    )
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, for all tasks."""
        from lth_core.studies.structured_tickets.tables import measurements

        return {"measurements": measurements(self, config)}

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task."""
        from lth_core.studies.structured_tickets.figures import drawings

        return [one for task in self.tasks for one in drawings(self, config, task, tables["measurements"])]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the claims about every task."""
        from lth_core.studies.structured_tickets.claims import TaskClaims

        return TaskClaims.of_all_tasks(self, config, tables)
