"""The claims of You et al. 2020 (arXiv 1909.11957), tested per task on the study's tables.

Every effect is one number per seed. The early-bird ticket of a seed is the one of the first trained epoch from its
detection on, which looks at masks alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd

from lth_core.analysis.claims import NO_LESS, Claim
from lth_core.analysis.cut_off import CutOff
from lth_core.analysis.measurements import seed_means
from lth_core.config import Config
from lth_core.metrics import percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.captions import better
from lth_core.studies.claim_sheet import TaskSheet
from lth_core.studies.you2020.study import (
    AS_CONFIGURED,
    CONTINUED,
    ITERATIVE,
    LOW_PRECISION,
    LOW_PRECISION_SEARCH,
    RANDOM,
    RETRAINED,
    SEARCHES,
    SMALL_RATE,
    Design,
)
from lth_core.studies.you2020.tables import chance

PAPER = "You et al. 2020"
EARLY = 0.2
"""The part of training by which masks have settled."""
MODERATE = 0.5
"""The part of channels up to which early tickets are said to be as good as late ones and as the dense network."""
SPARSE = 0.7
"""The part of channels from which on random ones are said to be worse."""
POINT = 1.0
"""Percentage points within which early tickets match."""
ROUNDED = 0.005


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims about every task."""
    return TaskClaims.of_all_tasks(study, config, tables)


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "you2020"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.of_detection()
        self.of_two_phases()
        self.of_early_tickets()
        self.of_random_channels()
        if LOW_PRECISION in self.study.settings(self.config, self.task):
            self.of_low_precision()
        self.of_costs()

    # ------------------------------------------------------------ reading the tables

    def levels(self) -> Iterator[tuple[int, float]]:
        """List the levels, each with the part of channels that goes."""
        known = self.of_task("measurements")
        known = known[known["level"] > 0].drop_duplicates("level")
        yield from zip(known["level"].astype(int), known["pruned"].astype(float), strict=True)

    def detected(self, level: int, setting: str = AS_CONFIGURED) -> pd.Series:
        """Return the part of training over at detection by seed: all if masks never settle, nan if it diverged."""
        rows = self.of_task("detections")
        rows = rows[(rows["level"] == level) & (rows["setting"] == setting)].set_index("seed")
        part = rows["settled"] / rows["epochs"]
        return part.mask(rows["settled"].isna() & rows["reached"].notna(), 1.0)

    def measured(self, network: str, level: int, epoch: int, column: str = "metric") -> pd.Series:
        """Return a measurement of one network by seed; `level` and `epoch` are 0 for the dense one."""
        rows = self.of_task("measurements")
        rows = rows[(rows["network"] == network) & (rows["level"] == level) & (rows["epoch"] == epoch)]
        return seed_means(rows, column)

    def detections(self, level: int, setting: str) -> pd.DataFrame:
        """Return the detections of a level under a setting."""
        rows = self.of_task("detections")
        return rows[(rows["level"] == level) & (rows["setting"] == setting)]

    def early(self, network: str, level: int, column: str = "metric", setting: str = AS_CONFIGURED) -> pd.Series:
        """Return a measurement by seed, of what the mask became that detection would have drawn."""
        drawn, rows = self.detections(level, setting), self.of_task("measurements")
        rows = rows[(rows["network"] == network) & (rows["level"] == level)]
        merged = drawn.merge(rows, left_on=["seed", "drawn"], right_on=["seed", "epoch"])
        return seed_means(merged, column).reindex(drawn["seed"])

    # ------------------------------------------------------------ claims about masks

    def unsettled(
        self, name: str, level: int, effect_is: Literal["higher", "lower"], setting: str = AS_CONFIGURED
    ) -> CutOff:
        """Return which trainings end before their masks settle, by what sentences call them."""
        rows = self.detections(level, setting).set_index("seed")
        return CutOff(name, rows["settled"].isna() & rows["reached"].notna(), effect_is)

    def note_unsettled(self, *sides: CutOff) -> None:
        """Let the last claim conclude only what trainings allow in which masks never settle."""
        self.sheet.note_cut_off("masks had not settled by the last epoch", *sides)

    def early_detection(self, level: int, setting: str) -> str:
        """Name the effect of masks that settle early, and how far apart masks are by chance."""
        effect = "a fifth minus the part of training that is over at detection (all of it where masks never settle)"
        return "; ".join(filter(None, (effect, chance(self.detections(level, setting), self.study.epsilon))))

    def of_detection(self) -> None:
        """Claim that masks settle early, earlier the less is pruned and the larger the learning rate is."""
        self.sheet.read_from("detections", "settling")
        for level, pruned in self.levels():
            if pruned <= MODERATE + ROUNDED:
                self.sheet.add(
                    f"channel masks settle in the first fifth of training, {with_pruned(pruned)}",
                    f"{PAPER}, section 3.2",
                    self.early_detection(level, AS_CONFIGURED),
                    100 * (EARLY - self.detected(level)),
                    unit="% of training",
                )
                self.note_unsettled(self.unsettled("dense", level, "lower"))
            if self.study.small_rate:
                self.sheet.add(
                    f"a large learning rate lets channel masks settle earlier than a small one, {with_pruned(pruned)}",
                    f"{PAPER}, section 3.1",
                    "part of training that is over at detection, small learning rate minus large",
                    100 * (self.detected(level, SMALL_RATE) - self.detected(level)),
                    unit="% of training",
                )
                small = self.unsettled("small-rate", level, "higher", SMALL_RATE)
                self.note_unsettled(small, self.unsettled("large-rate", level, "lower"))
        (first, least), (last, most) = min(self.levels()), max(self.levels())
        if first != last:
            self.sheet.add(
                f"masks settle no later if {percent_text(least)}% of the channels are pruned than if "
                f"{percent_text(most)}% are",
                f"{PAPER}, section 3.1",
                f"part of training over at detection, {percent_text(most)}% pruned minus {percent_text(least)}%",
                100 * (self.detected(last) - self.detected(first)),
                unit="% of training",
                margin=NO_LESS,
            )
            least_pruned = self.unsettled("least pruned", first, "lower")
            self.note_unsettled(self.unsettled("most pruned", last, "higher"), least_pruned)

    def of_two_phases(self) -> None:
        """Claim that masks come close to the last one in the first fifth of training, and change little from there."""
        self.sheet.read_from("settling", "settling")
        rows = self.of_task("settling")
        rows = rows[rows["setting"] == AS_CONFIGURED]
        early = EARLY * rows["epoch"].max()
        ends = rows["epoch"].min(), rows.loc[rows["epoch"] <= early, "epoch"].max()
        for level, pruned in self.levels():
            at = rows[rows["level"] == level]
            first, left = (at[at["epoch"] == epoch].set_index("seed")["last"] for epoch in ends)
            seeds = self.detected(level).index
            self.sheet.add(
                "masks come closer to the last one in the first fifth of training than in the rest, "
                f"{with_pruned(pruned)}",
                f"{PAPER}, Figure 3",
                "mask distance to the last mask, its fall in the first fifth minus what is left of it then",
                100 * (first - 2 * left).reindex(seeds),
                unit="% of channels",
            )

    # ------------------------------------------------------------ claims about tickets

    def of_early_tickets(self) -> None:
        """Claim that early tickets are as good as late ones, and trained on as good as the dense network.

        A seed whose ticket would be drawn at the last epoch only has no early one to compare.
        """
        self.sheet.read_from("measurements", "draws")
        label, last = self.sheet.metric.label, self.study.draw_epochs[-1]
        for level, pruned in self.levels():
            if pruned > MODERATE + ROUNDED:
                continue
            is_early = self.detections(level, AS_CONFIGURED).set_index("seed")["drawn"] < last
            gain = self.sheet.metric.gain(self.early(RETRAINED, level), self.measured(RETRAINED, level, last))
            self.sheet.add(
                f"early-bird tickets match those drawn at epoch {last} (within {POINT:g} percentage point), "
                f"{with_pruned(pruned)}",
                f"{PAPER}, Figure 1",
                f"test {label} after the whole schedule, early-bird minus late-drawn",
                gain.where(is_early),
                margin=-POINT,
            )
            self.sheet.add(
                f"early-bird tickets that train on match the dense network (within {POINT:g} percentage point), "
                f"{with_pruned(pruned)}",
                f"{PAPER}, section 4.3",
                f"test {label} at the end of training, early-bird minus dense",
                self.sheet.metric.gain(self.early(CONTINUED, level), self.measured(DENSE, 0, 0)),
                margin=-POINT,
            )

    def of_random_channels(self) -> None:
        """Claim that random channels are worse where most are pruned."""
        self.sheet.read_from("measurements", "draws")
        for level, pruned in self.levels():
            if pruned >= SPARSE - ROUNDED:
                self.sheet.add(
                    f"early-bird tickets {better(self.sheet.metric)} than random channels, {with_pruned(pruned)}",
                    PAPER,
                    f"test {self.sheet.metric.label} after the whole schedule, early-bird minus random channels (as "
                    "many in every layer)",
                    self.sheet.metric.gain(self.early(RETRAINED, level), self.early(RANDOM, level)),
                )

    def of_low_precision(self) -> None:
        """Claim that a search in low precision finds early birds, too, which are as good in full precision."""
        self.sheet.read_from("measurements", "precision")
        words = SEARCHES[self.study.search_precision]
        for level, pruned in self.levels():
            if pruned > MODERATE + ROUNDED:
                continue
            self.sheet.add(
                f"channel masks of a search {words} settle in the first fifth of training, {with_pruned(pruned)}",
                f"{PAPER}, low-precision training",
                self.early_detection(level, LOW_PRECISION),
                100 * (EARLY - self.detected(level, LOW_PRECISION)),
                unit="% of training",
            )
            self.note_unsettled(self.unsettled("search", level, "lower", LOW_PRECISION))
            lowered = self.early(LOW_PRECISION_SEARCH, level, setting=LOW_PRECISION)
            self.sheet.add(
                f"early-bird tickets of a search {words} match those of the search as configured (within {POINT:g} "
                f"percentage point), {with_pruned(pruned)}",
                f"{PAPER}, low-precision training",
                f"test {self.sheet.metric.label} after the whole schedule as configured, search {words} minus other",
                self.sheet.metric.gain(lowered, self.early(RETRAINED, level)),
                margin=-POINT,
            )

    def of_costs(self) -> None:
        """Claim that to find and train early-bird tickets takes fewer operations than the dense network, or pruning."""
        self.sheet.read_from("measurements", "costs")
        for level, pruned in self.levels():
            cost = self.early(CONTINUED, level, "cost")
            for training, other, values in (
                ("training ", "the dense network", self.measured(DENSE, 0, 0, "cost")),
                ("", "iterative pruning of channels", self.measured(ITERATIVE, level, 0, "cost")),
            ):
                self.sheet.saved(
                    f"finding early-bird tickets and training them further costs less than {training}{other}, "
                    f"{with_pruned(pruned)}",
                    f"{PAPER}, section 4.3",
                    "floating-point operations of search and training saved by early-bird tickets",
                    cost / values,
                    of=other,
                )


def with_pruned(pruned: float) -> str:
    """Return how sentences name the part of channels that goes: "with 30% of the channels pruned"."""
    return f"with {percent_text(pruned)}% of the channels pruned"
