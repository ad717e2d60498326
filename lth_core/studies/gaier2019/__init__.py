"""Gaier & Ha 2019: networks whose topology does the work, with one weight for all of their connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.gaier2019.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("gaier2019", published="2019-06")
class Gaier2019(Design):
    """Evolved topologies without trained weights."""

    title: ClassVar[str] = "Weight Agnostic Neural Networks"
    citation: ClassVar[str] = "Gaier & Ha, NeurIPS 2019 (arXiv 1906.04358)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "generations", "topologies")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make the three tables, each for all tasks."""
        from lth_core.studies.gaier2019.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw both figures of every task."""
        from lth_core.studies.gaier2019.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims about every task."""
        from lth_core.studies.gaier2019.claims import claims

        return claims(self, config, tables)
