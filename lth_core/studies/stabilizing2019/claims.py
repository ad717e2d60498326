"""The claims of Frankle et al. 2019 (arXiv 1903.01611), tested per task and chosen level on the table of measurements.

Every effect is one number per seed (draws are averaged within their seed). The paper finds that subnetworks of IMP beat
random ones where they are stable: at k = 0 for LeNet as it is trained there, after rewinding for deeper networks. A
LeNet that is trained in another way is tested as deeper networks are. A best k is chosen by the validation metric, the
same for all seeds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import seed_means
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.captions import better, makes_better
from lth_core.studies.claim_sheet import ClaimSheet, with_weights
from lth_core.studies.published import trains_lenet_as_published
from lth_core.studies.stabilizing2019.study import Design
from lth_core.tasks.metrics import metric_of

PAPER = "Frankle et al. 2019"
LEAST_RATIO = 1.3
"""Distance of random over distance of IMP subnetworks that counts as more stable."""
DISTANCES = {
    "order_l2": ("data order", "L2 distance between data orders", 2.8),
    "pruning_l2": ("pruning", "L2 distance to the dense network", 1.6),
}
"""Column -> what the subnetwork is stable to, how that is measured, and the paper's ratio for LeNet."""


def claims(study: Design, config: Config, task: str, measurements: pd.DataFrame) -> list[Claim]:
    """Make all claims about one task."""
    stable = trains_lenet_as_published(config.tasks[task])
    table = measurements[measurements["task"] == task]
    sheet = ClaimSheet("stabilizing2019", task, metric_of(config.tasks[task]))
    for level in study.levels:
        about = LevelClaims(sheet, table[table["level"].isin([0, level])], study.rewind_steps, stable)
        about.against_random()
        about.against_dense()
        about.of_stability()
        about.of_rewinding()
    return sheet.claims


@dataclass(frozen=True)
class LevelClaims:
    """Adds the claims at one level to the sheet; `stable`: whether the paper finds such networks stable at k = 0."""

    sheet: ClaimSheet
    table: pd.DataFrame
    steps: list[int]
    stable: bool

    def values(self, network: str, k: int, column: str) -> pd.Series:
        """Return a measurement by seed; nan where a draw diverged."""
        return seed_means(self.table[(self.table["network"] == network) & (self.table["k"] == k)], column)

    def best(self, steps: Iterable[int]) -> int:
        """Return the step with the best mean validation metric; steps where a seed diverged come last."""
        return best({k: self.values("ticket", k, "validation_metric") for k in steps}, self.sheet.metric)

    def gain(self, first: tuple[str, int], second: tuple[str, int]) -> pd.Series:
        """Return how much better the first network is in the test, in the metric's unit; each is given with its k."""
        return self.sheet.metric.gain(self.values(*first, "metric"), self.values(*second, "metric"))

    @property
    def density(self) -> float:
        """Return the density of the subnetworks."""
        return self.table.loc[self.table["network"] != DENSE, "density"].mean()

    @property
    def start(self) -> tuple[int, str, str]:
        """Return the step k at which subnetworks are compared with others, and how sentences and effects name it."""
        if self.stable:
            return 0, "reset to initialization", "at k=0"
        k = self.best(self.steps[1:])
        return k, f"rewound to step {k}", f"at k={k} (best {self.by_validation})"

    @property
    def by_validation(self) -> str:
        """Say how a best k is chosen."""
        return f"by validation {self.sheet.metric.label}"

    def effect(self, first: str, second: str) -> str:
        """Name how much better the first network is in the test, for effects."""
        return f"test {self.sheet.metric.label}, {self.sheet.metric.minus(first, second)}"

    def sentence(self, text: str) -> str:
        """Return a sentence about this level."""
        return f"{text}, {with_weights(self.density)}"

    def against_random(self) -> None:
        """Compare stability and the test metric with random subnetworks of the same layerwise counts (Figure 3)."""
        self.sheet.read_from("measurements", "fig04-stability")
        k, start, at = self.start
        for column, (noun, distance, published) in DISTANCES.items():
            stable = f"at least {LEAST_RATIO} times as stable to {noun} as random ones"
            self.sheet.ratio(
                self.sentence(f"IMP subnetworks {start} are {stable}"),
                f"{PAPER}, Figure 3; LeNet with 10.7%: {published:g} times; the margin: this project",
                f"{distance}, random divided by IMP, {at}",
                self.values("random-mask", k, column) / self.values("ticket", k, column),
                above=LEAST_RATIO,
            )
        self.sheet.add(
            self.sentence(f"IMP subnetworks {start} {better(self.sheet.metric)} than random ones"),
            f"{PAPER}, Figure 3; LeNet with 10.7%: 0.8 points",
            f"{self.effect('IMP', 'random')}, {at}",
            self.gain(("ticket", k), ("random-mask", k)),
        )

    def against_dense(self) -> None:
        """Compare the test metric with that of the dense network (Figure 3)."""
        self.sheet.read_from("measurements", "fig04-stability")
        metric, (k, start, at) = self.sheet.metric, self.start
        self.sheet.match(
            self.sentence(f"IMP subnetworks {start} match the dense network (within {metric.tolerance})"),
            f"{PAPER}, Figure 3",
            f"{self.effect('IMP', 'dense')}, {at}",
            self.gain(("ticket", k), (DENSE, 0)),
        )

    def of_stability(self) -> None:
        """Claim that both distances fall with k (Figure 4)."""
        self.sheet.read_from("measurements", "fig04-stability")
        last = self.steps[-1]
        for column, (noun, distance, _) in DISTANCES.items():
            self.sheet.saved(
                self.sentence(f"Later rewinding makes IMP subnetworks more stable to {noun}"),
                f"{PAPER}, Figure 4",
                f"{distance}, fall from k=0 to k={last}",
                self.values("ticket", last, column) / self.values("ticket", 0, column),
                of="k=0",
            )

    def of_rewinding(self) -> None:
        """Claim that tickets get better with k, unless they are stable at k = 0, and worse at the last k (Figure 4)."""
        self.sheet.read_from("measurements", "fig04-stability")
        metric = self.sheet.metric
        chosen, early, last = self.best(self.steps[1:]), self.best(self.steps[:-1]), self.steps[-1]
        gain = self.gain(("ticket", chosen), ("ticket", 0))
        if self.stable:
            self.sheet.match(
                self.sentence("IMP subnetworks need no rewinding"),
                f"{PAPER}, Figure 3",
                self.effect("k=0", f"k={chosen} (best {self.by_validation})"),
                -gain,
            )
        else:
            self.sheet.add(
                self.sentence(f"Rewinding {makes_better(metric, 'IMP subnetworks')}"),
                f"{PAPER}, Figure 4",
                self.effect(f"k={chosen} (best {self.by_validation})", "k=0"),
                gain,
            )
        self.sheet.add(
            self.sentence(f"Rewinding too late {metric.directed('costs', 'raises')} {metric.label}"),
            f"{PAPER}, Figure 4",
            self.effect(f"k={early} (best earlier k {self.by_validation})", f"k={last}"),
            self.gain(("ticket", early), ("ticket", last)),
        )
