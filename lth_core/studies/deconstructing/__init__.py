"""Zhou et al. 2019: which parts of the recipe for lottery tickets matter?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.deconstructing.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("deconstructing", published="2019-05")
class Deconstructing(Design):
    """Criteria of masks, actions on pruned and on kept weights, supermasks."""

    title: ClassVar[str] = "Deconstructing Lottery Tickets: Zeros, Signs, and the Supermask"
    citation: ClassVar[str] = "Zhou, Lan, Liu & Yosinski, NeurIPS 2019 (arXiv 1905.01067)"
    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)  # supermasks are compared with chance
    table_names: ClassVar[tuple[str, ...]] = ("accuracies", "supermasks", "learned_supermasks", "supermask_comparison")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make the tables of accuracies and of supermasks, each for all tasks."""
        from lth_core.studies.deconstructing.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.deconstructing.figures import drawings
        from lth_core.studies.deconstructing.supermask_figures import supermask_drawings

        every_drawing = []
        for task in self.tasks:
            every_drawing += drawings(self, config, task, tables["accuracies"])
            every_drawing += supermask_drawings(self, config, task, tables) if self.supermasks else []
        return every_drawing

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task, as far as its variants are trained."""
        from lth_core.studies.deconstructing.claims import claims
        from lth_core.studies.deconstructing.supermask_claims import supermask_claims

        every_claim = []
        for task in self.tasks:
            every_claim += claims(self, config, task, tables["accuracies"])
            every_claim += supermask_claims(self, config, task, tables) if self.supermasks else []
        return every_claim
