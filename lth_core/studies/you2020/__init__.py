"""You, Li, Xu, Fu, Wang, Chen, Baraniuk, Wang & Lin 2020: channel masks settle early, and can be drawn then.

Every epoch of the dense training, channels are ranked by the scales of batch norm. The mask is drawn once the last five
masks hardly differ, and the smaller network trains on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.you2020.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("you2020", published="2019-09")
class You2020(Design):
    """When channel masks settle, and what tickets are worth that are drawn at many epochs."""

    title: ClassVar[str] = "Drawing early-bird tickets: Towards more efficient training of deep networks"
    citation: ClassVar[str] = "You, Li, Xu, Fu, Wang, Chen, Baraniuk, Wang & Lin, ICLR 2020 (arXiv 1909.11957)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "distances", "settling", "detections", "agreements")
    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, `distances`, `settling`, `detections` and `agreements`, each for all tasks."""
        from lth_core.studies.you2020.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task."""
        from lth_core.studies.you2020.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task."""
        from lth_core.studies.you2020.claims import claims

        return claims(self, config, tables)
