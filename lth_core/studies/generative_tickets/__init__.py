"""Kalibhat et al. 2021, Chen et al. 2021, Jiang et al. 2023: tickets of networks that make images.

Tickets of variational autoencoders, GANs and diffusion models are compared with random masks and fresh weights, by the
task's metric and by the images that they draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.studies.base import Drawing
from lth_core.studies.generative_tickets.players import Players

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim


@registry.study("generative-tickets", published="2020-10")
class GenerativeTickets(Players):
    """Tickets of networks that make images."""

    title: ClassVar[str] = "Winning Lottery Tickets in Deep Generative Models"
    citation: ClassVar[str] = (
        "Kalibhat, Balaji & Feizi, AAAI 2021 (arXiv 2010.02350); of GANs Chen et al., ICLR 2021; of diffusion models "
        "Jiang et al. 2023 (arXiv 2310.18823)"
    )
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "samples", "images", "judged")

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make `measurements`, `samples`, `images` and `judged`, each for all tasks."""
        from lth_core.studies.generative_tickets.judged import judged
        from lth_core.studies.generative_tickets.tables import tables

        return {**tables(self, config), "judged": judged(self, config)}

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Draw the figures of every task, with captions that name what is drawn."""
        from lth_core.studies.claim_sheet import with_remarks
        from lth_core.studies.generative_tickets.players_claims import claims
        from lth_core.studies.generative_tickets.players_figures import drawings

        return with_remarks(drawings(self, config, tables), claims(self, config, tables))

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the papers' claims about every task, as far as its levels reach; remarks say how much margins are."""
        from lth_core.studies.generative_tickets.margins import in_proportions
        from lth_core.studies.generative_tickets.players_claims import claims

        return in_proportions(self, config, tables, claims(self, config, tables))
