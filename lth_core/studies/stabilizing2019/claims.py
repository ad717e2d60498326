"""The claims of Frankle et al. 2019 (arXiv 1903.01611), tested per task and chosen level on the table of measurements.

Every effect is one number per seed (draws are averaged within their seed). The paper finds that subnetworks of IMP beat
random ones where they are stable: at k = 0 on LeNet, after rewinding on deeper networks. A best k is chosen by
validation accuracy, the same for all seeds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.config import Config

if TYPE_CHECKING:
    from lth_core.studies.stabilizing2019.study import Stabilizing2019

STABLE_AT_INITIALIZATION = ("lenet",)
"""Models whose subnetworks the paper finds stable without rewinding (Figure 3)."""
LEAST_RATIO = 1.3
"""Distance of random over distance of IMP subnetworks that counts as more stable."""
MATCHING = 0.2
"""Percentage points of accuracy within which two networks match, as Frankle et al. 2020 define it."""
POINTS = "percentage points"

DISTANCES = {
    "order_l2": ("data order", "L2 distance between data orders"),
    "pruning_l2": ("pruning", "L2 distance to the dense network"),
}
"""Column -> what the subnetwork is stable to, and how that is measured."""


def claims(study: Stabilizing2019, config: Config, task: str, measurements: pd.DataFrame) -> list[Claim]:
    """All claims about one task."""
    stable = config.tasks[task].model.name in STABLE_AT_INITIALIZATION
    table = measurements[measurements["task"] == task]
    found = []
    for level in study.levels:
        about = LevelClaims(table[table["level"] == level], task, study.rewind_steps, stable)
        found += [*about.against_random(), *about.of_stability(), *about.of_rewinding()]
    return found


@dataclass(frozen=True)
class LevelClaims:
    """The claims at one level; `stable`: whether the paper finds such a network stable at k = 0."""

    table: pd.DataFrame
    task: str
    steps: list[int]
    stable: bool

    def values(self, network: str, k: int, column: str) -> pd.Series:
        """A measurement by seed; nan where a draw diverged."""
        rows = self.table[(self.table["network"] == network) & (self.table["k"] == k)]
        return rows.groupby("seed")[column].agg(lambda draws: draws.mean(skipna=False))

    def best(self, steps: Iterable[int]) -> int:
        """The step with the highest validation accuracy, averaged over seeds; one where a seed diverged comes last."""
        return best({k: self.values("ticket", k, "validation_accuracy") for k in steps})

    def points(self, first: tuple[str, int], second: tuple[str, int]) -> pd.Series:
        """The difference in test accuracy between two networks, each given with its k, in percentage points."""
        return 100 * (self.values(*first, "accuracy") - self.values(*second, "accuracy"))

    def claim(
        self, sentence: str, figure: str, effect: str, values: pd.Series, unit: str = POINTS, margin: float = 0.0
    ) -> Claim:
        """Judge one value of the effect per seed."""
        return evaluate_claim(
            values.to_numpy(),
            study="stabilizing2019",
            task=self.task,
            claim=f"{sentence}, with {100 * self.table['density'].mean():.1f}% of the weights.",
            source=f"Frankle et al. 2019, {figure}",
            effect=effect,
            unit=unit,
            margin=margin,
        )

    def against_random(self) -> list[Claim]:
        """Figure 3: IMP subnetworks are more stable and more accurate than random ones of the same layerwise counts."""
        k = 0 if self.stable else self.best(self.steps[1:])
        start = "reset to initialization" if self.stable else f"rewound to step {k}"
        at = f"at k={k}" if self.stable else f"at k={k} (best by validation accuracy)"
        found = []
        for column, (noun, distance) in DISTANCES.items():
            sentence = f"IMP subnetworks {start} are more stable to {noun} than random ones"
            ratio = self.values("random-mask", k, column) / self.values("ticket", k, column)
            effect = f"{distance}, random divided by IMP, {at}"
            found.append(self.claim(sentence, "Figure 3", effect, ratio, "times", LEAST_RATIO))
        sentence = f"IMP subnetworks {start} are more accurate than random ones"
        gap = self.points(("ticket", k), ("random-mask", k))
        return [*found, self.claim(sentence, "Figure 3", f"test accuracy, IMP minus random, {at}", gap)]

    def of_stability(self) -> list[Claim]:
        """Figure 4: both distances fall with k."""
        last = self.steps[-1]
        found = []
        for column, (noun, distance) in DISTANCES.items():
            sentence = f"Later rewinding makes IMP subnetworks more stable to {noun}"
            fall = 100 * (1 - self.values("ticket", last, column) / self.values("ticket", 0, column))
            effect = f"{distance}, fall from k=0 to k={last}"
            found.append(self.claim(sentence, "Figure 4", effect, fall, "% of k=0"))
        return found

    def of_rewinding(self) -> list[Claim]:
        """Figure 4: accuracy rises with k (on LeNet it need not) and declines at the latest."""
        best, early, last = self.best(self.steps[1:]), self.best(self.steps[:-1]), self.steps[-1]
        gain = self.points(("ticket", best), ("ticket", 0))
        if self.stable:
            effect = f"test accuracy, k=0 minus k={best} (best by validation accuracy)"
            helps = self.claim("IMP subnetworks need no rewinding", "Figure 3", effect, -gain, margin=-MATCHING)
        else:
            effect = f"test accuracy, k={best} (best by validation accuracy) minus k=0"
            helps = self.claim("Rewinding makes IMP subnetworks more accurate", "Figure 4", effect, gain)
        effect = f"test accuracy, k={early} (best earlier k by validation accuracy) minus k={last}"
        decline = self.points(("ticket", early), ("ticket", last))
        return [helps, self.claim("Rewinding too late costs accuracy", "Figure 4", effect, decline)]
