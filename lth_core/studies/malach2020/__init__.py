"""Malach, Yehudai, Shalev-Shwartz & Shamir 2020: a wide random network has any small one in it.

With the subset sums of Pensia et al. and Orseau et al. 2020, by which it need not be much wider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.malach2020.study import Design

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("malach2020", published="2020-02")
class Malach2020(Design):
    """Trained networks as parts of random ones."""

    title: ClassVar[str] = "Proving the Lottery Ticket Hypothesis: Pruning is All You Need"
    citation: ClassVar[str] = "Malach, Yehudai, Shalev-Shwartz & Shamir, ICML 2020 (arXiv 2002.00585)"
    table_names: ClassVar[tuple[str, ...]] = ("subset_sums", "constructions")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `subset_sums` and `constructions`, each for all tasks."""
        from lth_core.studies.malach2020.tables import tables

        return tables(self, config)

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw both figures of every task."""
        from lth_core.studies.malach2020.figures import drawings

        return drawings(self, config, tables)

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test what the theorems say, with the numbers of each task."""
        from lth_core.studies.malach2020.claims import claims

        return claims(self, config, tables)
