"""Frankle & Carbin 2019: winning tickets exist, and their initialization matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.frankle2019.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("frankle2019", published="2018-03")
class Frankle2019(Design):
    """Iterative magnitude pruning with resetting, against the controls and the other pruning strategies of the paper.

    Levels beyond a method's last one are left out of the level lists; those beyond the last one of all are an error.
    """

    title: ClassVar[str] = "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks"
    citation: ClassVar[str] = "Frankle & Carbin, ICLR 2019"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "curves", "weights")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, `curves` and `weights`, each for all tasks."""
        from lth_core.studies.frankle2019.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.frankle2019.figures import drawing

        return [drawing(self, config, tables, kind, tasks) for kind, tasks in self.drawn(config)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task, as far as its levels reach."""
        from lth_core.studies.frankle2019.claims import claims

        return claims(self, config, tables)
