"""The claims of Chen et al. 2021 about one task: edges and weights that are pruned together.

Accuracies are those on the test split at the step that is best on the validation split. Every effect is one number per
seed, averaged over the levels in the range of sparsities that the sentence names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import nearest_level, per_seed
from lth_core.config import Config
from lth_core.metrics import percent_text
from lth_core.studies.claim_sheet import TaskSheet, spanned
from lth_core.studies.graph_tickets.study import DENSE, RANDOM, UGS, WEIGHTS, Design

SOURCE = "Chen et al. 2021, section 4"
NEAR = 1.0
"""How many points below the dense network are still close to it."""
SPARSE = {"weight_density": (0.0, 0.2), "edge_density": (0.0, 0.7)}
"""Where random tickets are worse: at least 80% of the weights and 30% of the edges are pruned."""
MODERATE = {"weight_density": (0.2, 0.5), "edge_density": (0.7, 0.85)}
"""Where tickets are close to the dense network: 50 to 80% of the weights and 15 to 30% of the edges are pruned."""
FEW_WEIGHTS = 0.05
"""The density up to which weights alone can be pruned at nearly no loss."""


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Test all claims about every task."""
    return GraphClaims.of_all_tasks(study, config, tables)


@dataclass(frozen=True)
class GraphClaims(TaskSheet):
    """Claims about the graph tickets of one task."""

    name: ClassVar[str] = "graph-tickets"

    def fill(self) -> None:
        """Add all claims about the task."""
        self.sheet.read_from("tickets", "tickets")
        self.claim_random()
        self.claim_close()
        self.claim_weights_alone()

    def rows(self, pruned: str) -> pd.DataFrame:
        """Return the rows of one way of pruning."""
        table = self.of_task("tickets")
        return table[table["pruned"] == pruned]

    def within(self, ranges: dict[str, tuple[float, float]]) -> pd.DataFrame:
        """Return the tickets of edges and weights whose densities are in the ranges."""
        rows = self.rows(UGS)
        for column, (low, high) in ranges.items():
            rows = rows[rows[column].between(low, high)]
        return rows

    def gain(self, tickets: pd.DataFrame, other: str) -> pd.Series:
        """Return by how much tickets are better than others of the same levels, or than the dense network, by seed."""
        mine, others = per_seed(tickets, "metric"), per_seed(self.rows(other), "metric")
        compared = others[[0] * len(mine.columns)] if other == DENSE else others[mine.columns]
        gains = self.metric.gain(mine, compared.set_axis(mine.columns, axis=1))
        return gains.mean(axis=1, skipna=False)

    def effect(self, first: str, second: str) -> str:
        """Say what is subtracted from what."""
        return f"test {self.metric.label} at best validation, {self.metric.minus(first, second)}"

    # ------------------------------------------------------------ claims

    def claim_random(self) -> None:
        """Claim that it matters which edges and weights are kept, where few are."""
        tickets = self.within(SPARSE)
        if tickets.empty:
            return
        levels = f"levels {tickets['level'].min()} to {tickets['level'].max()}"
        self.sheet.match(
            f"Where at least 80% of the weights and 30% of the edges are pruned ({levels}), learned tickets are no "
            f"worse than random ones (within {self.metric.tolerance})",
            SOURCE,
            self.effect("learned edges and weights", "random ones on fresh weights"),
            self.gain(tickets, RANDOM),
        )
        last = tickets[tickets["level"] == tickets["level"].max()]
        self.sheet.add(
            f"Random tickets fall earlier: learned ones are better with {kept(last)}",
            SOURCE,
            self.effect("learned edges and weights", "random ones on fresh weights"),
            self.gain(last, RANDOM),
        )

    def claim_close(self) -> None:
        """Claim that moderate tickets of edges and weights are close to the dense network."""
        tickets = self.within(MODERATE)
        if not tickets.empty:
            self.sheet.add(
                f"Tickets {kept(tickets, 'with')} are within {NEAR:g} point of the dense network",
                SOURCE,
                self.effect("ticket", "dense network on the whole graph"),
                self.gain(tickets, DENSE),
                margin=-NEAR,
            )

    def claim_weights_alone(self) -> None:
        """Claim that nearly all weights can go where all edges stay."""
        rows = self.rows(WEIGHTS)
        level = nearest_level(rows.rename(columns={"weight_density": "density"}), FEW_WEIGHTS)
        if level is not None:
            tickets = rows[rows["level"] == level]
            density = percent_text(tickets["weight_density"].mean())
            self.sheet.add(
                f"On the whole graph, tickets with {density}% of the weights are within {NEAR:g} point of the dense "
                "network",
                SOURCE,
                self.effect("ticket of weights alone", "dense network"),
                self.gain(tickets, DENSE),
                margin=-NEAR,
            )


def kept(tickets: pd.DataFrame, begin: str = "") -> str:
    """Say how many weights and edges tickets keep: "41% of the weights and 81% of the edges"."""
    weights, edges = (spanned(*tickets[column]) for column in ("weight_density", "edge_density"))
    return f"{begin} {weights} of the weights and {edges} of the edges".strip()
