"""Tanaka, Kunin, Yamins & Ganguli 2020: pruning before training, layer collapse and synaptic flow.

With the checks of Frankle, Dziugaite, Roy & Carbin 2021 ("Pruning Neural Networks at Initialization: Why Are We Missing
the Mark?") and the smart-ratio random tickets of Su et al. 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.tanaka2020.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("tanaka2020", published="2020-06")
class Tanaka2020(Design):
    """Criteria that prune before training, and what their masks know."""

    title: ClassVar[str] = "Pruning neural networks without any data by iteratively conserving synaptic flow"
    citation: ClassVar[str] = "Tanaka, Kunin, Yamins & Ganguli, NeurIPS 2020 (arXiv 2006.05467)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "collapse", "critical", "conservation")
    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, `collapse`, `critical` and `conservation`, each for all tasks."""
        from lth_core.studies.tanaka2020.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task."""
        from lth_core.studies.tanaka2020.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the papers' claims about every task."""
        from lth_core.studies.tanaka2020.claims import claims

        return claims(self, config, tables)
