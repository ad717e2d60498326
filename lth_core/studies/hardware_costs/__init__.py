"""What tickets of all sorts are worth to hardware: the metric against measured latency, operations and bytes.

The view that the survey of Liu et al. 2024 asks for. Times differ from run to run, so the table of this study and its
figures are not reproducible byte by byte, and it makes no claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.hardware_costs.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("hardware-costs", published="2024-03")
class HardwareCosts(Design):
    """Tickets by what they save, counted and timed."""

    title: ClassVar[str] = "What tickets save on real hardware"
    citation: ClassVar[str] = (
        "After the call of Liu et al., A Survey of Lottery Ticket Hypothesis, 2024 (arXiv 2403.04861)"
    )
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, for all tasks."""
        from lth_core.studies.hardware_costs.tables import measurements

        return {"measurements": measurements(self, config)}

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task."""
        from lth_core.studies.hardware_costs.figures import drawings

        return [one for task in self.tasks for one in drawings(self, config, task, tables["measurements"])]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Make no claim: times are those of one machine at one time."""
        return []
