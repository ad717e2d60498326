"""The claims about strong tickets, tested per task: Ramanujan et al. 2020, Tsayag & Lindenbaum 2026.

Every effect is one number per seed. Densities, weights and penalties are chosen by validation, the same for all seeds;
test metrics are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import nearest_level
from lth_core.config import Config
from lth_core.metrics import percent_text
from lth_core.studies.claim_sheet import TaskSheet
from lth_core.studies.strong_tickets.study import (
    DENSE,
    EDGE_POPUP,
    GATES,
    ONE_SHOT,
    RANDOM,
    RESCALED,
    SAMPLED,
    UNTRAINED,
    Design,
)

SOURCE = "Ramanujan et al. 2020"
HALF = 0.5
"""The density at which subnetworks of untrained weights are most accurate, by the paper's figures."""


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Test all claims about every task, as far as its subnetworks are looked for."""
    return StrongClaims.of_all_tasks(study, config, tables)


@dataclass(frozen=True)
class StrongClaims(TaskSheet):
    """Claims about the subnetworks of one task."""

    name: ClassVar[str] = "strong-tickets"

    def fill(self) -> None:
        """Add all claims about the task."""
        self.claim_subnetworks()
        self.claim_weights()
        self.claim_other_searches()
        self.claim_gates()
        self.claim_widths()

    def rows(self, kind: str, weights: str | None = None) -> pd.DataFrame:
        """Return the rows of a kind of subnetwork, in the weights of the task's method unless others are named."""
        table = self.tables["subnetworks"]
        rows = table[(table["task"] == self.task) & (table["kind"] == kind)]
        return rows[rows["weights"] == (weights or self.own_weights)] if kind not in (DENSE, UNTRAINED) else rows

    @property
    def own_weights(self) -> str:
        """Return the weights that the task's method searches in."""
        search = self.config.methods[self.study.tasks[self.task]].search
        assert search is not None
        return search.weights

    def test(self, rows: pd.DataFrame) -> pd.Series:
        """Return the test metric by seed, in its unit."""
        return self.sheet.metric.scale * rows.set_index("seed")["metric"].sort_index()

    def chosen(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the method and level that are best by validation."""
        groups = dict(iter(rows.groupby(["method", "level"])))
        key = best({key: group["validation_metric"] for key, group in groups.items()}, self.sheet.metric)
        return groups[key]

    def nearest(self, rows: pd.DataFrame, density: float) -> pd.DataFrame:
        """Return the rows of the level whose density is nearest in the logarithm."""
        by_level = rows.groupby("level")["density"].mean()
        return rows[rows["level"] == (np.log(by_level) - np.log(density)).abs().idxmin()]

    def gain(self, first: pd.DataFrame, second: pd.DataFrame) -> pd.Series:
        """Return by how much the first rows are better, by seed, in the metric's unit."""
        difference = self.test(first) - self.test(second)
        return difference if self.sheet.metric.higher_is_better else -difference

    def effect(self, first: str, second: str) -> str:
        """Say what is subtracted from what."""
        return f"test {self.sheet.metric.label}, {self.sheet.metric.minus(first, second)}"

    # ------------------------------------------------------------ claims

    def claim_subnetworks(self) -> None:
        """Claim what edge-popup finds in untrained weights."""
        self.sheet.read_from("subnetworks", "subnetworks")
        popup, dense, untrained = self.rows(EDGE_POPUP), self.rows(DENSE), self.rows(UNTRAINED)
        middle = self.nearest(popup, HALF)
        levels = popup.groupby("level")["density"].mean()
        ends = [popup[popup["level"] == levels.idxmax()], popup[popup["level"] == levels.idxmin()]]
        density = f"{percent_text(middle['density'].mean())}% of the weights"
        self.sheet.add(
            f"A subnetwork of untrained weights does what the whole untrained network does not, with {density}",
            f"{SOURCE}, figure 1",
            self.effect("subnetwork", "whole network before training"),
            self.gain(middle, untrained),
        )
        random = self.nearest(self.rows(RANDOM), HALF)
        self.sheet.add(
            f"Which weights are kept matters: edge-popup beats random masks, with {density}",
            SOURCE,
            self.effect("edge-popup", "random mask of the same layerwise counts"),
            self.gain(middle, random),
        )
        for rows in ends:
            if rows["level"].iloc[0] != middle["level"].iloc[0]:
                other = f"{percent_text(rows['density'].mean())}%"
                self.sheet.add(
                    f"Subnetworks with about half of the weights are better than those with {other}",
                    f"{SOURCE}, figure 3",
                    self.effect(f"subnetwork with {density}", f"one with {other}"),
                    self.gain(middle, rows),
                )
        self.sheet.match(
            f"A subnetwork of untrained weights matches the trained network (within {self.sheet.metric.tolerance})",
            f"{SOURCE}, section 4; wide and deep networks there",
            self.effect("best subnetwork by validation", "trained dense network at the end"),
            self.gain(self.chosen(popup), dense),
        )

    def claim_weights(self) -> None:
        """Claim that constants are no worse than values that are drawn."""
        if not self.study.weights:
            return
        self.sheet.read_from("subnetworks", "weights")
        best_of = {weights: self.chosen(self.rows(EDGE_POPUP, weights)) for weights in ("constant", "initial")}
        self.sheet.match(
            f"Signed constants are as good as initial values (within {self.sheet.metric.tolerance})",
            f"{SOURCE}, section 4.4",
            self.effect("signed constants", "initial values") + ", each at the density that validation chooses",
            self.gain(best_of["constant"], best_of["initial"]),
        )

    def claim_other_searches(self) -> None:
        """Claim that edge-popup beats masks that are drawn, and masks that a criterion finds."""
        self.sheet.read_from("subnetworks", "subnetworks")
        popup = self.chosen(self.rows(EDGE_POPUP))
        others = {SAMPLED: "learned masks that are drawn", RESCALED: "learned masks that are drawn, rescaled"}
        others = others if self.study.sampled else {}
        others |= {ONE_SHOT: "masks by a criterion of the trained network"} if self.study.one_shot else {}
        for kind, noun in others.items():
            self.sheet.add(
                f"Edge-popup beats {noun}",
                SOURCE,
                self.effect("edge-popup", noun) + ", each at the density that validation chooses",
                self.gain(popup, self.chosen(self.rows(kind))),
            )

    def claim_gates(self) -> None:
        """Claim that gates do at low densities what edge-popup does not."""
        if not self.study.gates:
            return
        self.sheet.read_from("subnetworks", "subnetworks")
        gates, popup, source = self.rows(GATES), self.rows(EDGE_POPUP), "Tsayag & Lindenbaum 2026"
        densities = gates.groupby("method")["density"].mean().sort_values()
        for method, density in densities[densities > 0].items():
            level = nearest_level(popup, float(density))
            if level is not None:  # the sparsest gates of a density that edge-popup has, too
                there = popup[popup["level"] == level]
                self.sheet.add(
                    f"Gates beat edge-popup where few weights are kept, with {percent_text(float(density))}% of them",
                    source,
                    self.effect("gates", f"edge-popup with {percent_text(there['density'].mean())}%"),
                    self.gain(gates[gates["method"] == method], there),
                )
                break
        chosen = self.chosen(gates)
        half = self.nearest(popup, HALF)
        self.sheet.match(
            f"Gates with {percent_text(chosen['density'].mean())}% of the weights match edge-popup with half of them "
            f"(within {self.sheet.metric.tolerance})",
            source,
            self.effect("gates of the penalty that validation chooses", "edge-popup"),
            self.gain(chosen, half),
        )

    def claim_widths(self) -> None:
        """Claim that the gap to the trained network closes with width."""
        if len(self.study.widths) < 2:
            return
        self.sheet.read_from("widths", "widths")
        table = self.tables["widths"]
        table = table[table["task"] == self.task]
        narrow, wide = self.study.widths[0], self.study.widths[-1]
        gaps = {
            width: self.gain(*(rows[rows["kind"] == kind] for kind in (DENSE, EDGE_POPUP)))
            for width, rows in table.groupby("width")
        }
        self.sheet.add(
            f"Untrained subnetworks come closer to trained networks with width ({narrow:g} and {wide:g} times)",
            f"{SOURCE}, figures 4 and 5",
            f"gap of test {self.sheet.metric.label} to the trained network, narrowest minus widest",
            gaps[narrow] - gaps[wide],
        )
