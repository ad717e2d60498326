"""The claims of Frankle et al. 2020 (arXiv 1912.05671), tested per task on the table of instability.

Every effect is one number per seed (draws and data orders are averaged within their seed). A network is stable where
the barrier is below 2 percentage points: "stable" is tested as 2 minus the barrier (`stable_below` gives the limit of
other metrics). The paper finds LeNet, as it is trained there, stable at k = 0, and deeper networks after some steps.
Which of the two is tested depends on the task alone; a LeNet that is trained in another way is tested as deeper
networks are. Where tickets are rewound, the last of the steps is looked at, so that no step is chosen by its result.
Barriers are those of test error, of batch-norm networks with interpolated statistics; that they are stable is also
tested with re-estimated ones. Claims beyond the paper use these alone: between seeds interpolated statistics leave
every network at chance, aligned or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.claims import ROUNDING, Claim
from lth_core.analysis.measurements import seed_means
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.captions import better
from lth_core.studies.claim_sheet import ClaimSheet, with_weights
from lth_core.studies.linear_mode_connectivity.study import (
    NAME,
    RANDOM,
    REINIT,
    TICKET,
    Design,
    focus,
    pruned,
    stable_below,
)
from lth_core.studies.linear_mode_connectivity.tables import FEWEST, ORDER, rank_correlation, successes, where
from lth_core.studies.published import trains_lenet_as_published
from lth_core.tasks.metrics import metric_of

PAPER, BEYOND = "Frankle et al. 2020a", "beyond Frankle et al. 2020a"
SECTION_3, SECTION_4 = f"{PAPER}, section 3", f"{PAPER}, section 4"
CONTROLS = {RANDOM: "random ones", REINIT: "reinitialized ones"}


def claims(study: Design, config: Config, task: str, instability: pd.DataFrame) -> list[Claim]:
    """Make all claims about one task."""
    metric = metric_of(config.tasks[task])
    about = TaskClaims(
        study,
        ClaimSheet(NAME, task, metric),
        limit=stable_below(metric),
        stable=trains_lenet_as_published(config.tasks[task]),
        subnetworks=f"{pruned(config.methods[study.tasks[task]])} subnetworks",
        between="between each seed and the next (pairs share seeds)"
        if study.pairs_share_seeds(config, task)
        else "between two seeds",
        rows=instability[instability["task"] == task],
    )
    about.of_dense()
    for level in focus(study.levels_of(config, task)):
        about.of_stability(level)
        about.against_controls(level)
        about.of_matching(level)
    about.of_success()
    about.between_seeds(0)
    for level in focus(study.levels_of(config, task)):
        about.between_levels(level)
        about.between_seeds(level)
    return about.sheet.claims


@dataclass(frozen=True)
class TaskClaims:
    """Adds to the sheet what can be tested about one task."""

    study: Design
    sheet: ClaimSheet
    limit: float
    """The barrier, in the metric's unit, below which a network is stable."""
    stable: bool
    """Whether the paper finds such a network stable at k = 0."""
    subnetworks: str
    """What sentences call the subnetworks that the method finds."""
    between: str
    """Which seeds pairs of seeds are between."""
    rows: pd.DataFrame
    """The task's rows of the table of instability."""

    # ------------------------------------------------------------ reading the table

    def values(self, column: str, network: str, k: int, level: int = 0, **line: str) -> pd.Series:
        """Return a measurement by seed, in the metric's unit; nan where a copy or a draw diverged.

        `line` chooses the pair (`order` unless given), matching (`none`) and statistics (`interpolated`).
        """
        lines = where(self.rows, ORDER | line | {"network": network, "k": k, "level": level})
        return self.sheet.metric.scale * seed_means(lines, column)

    def barrier(self, network: str, k: int, level: int = 0, **line: str) -> pd.Series:
        """Return the barrier of test error by seed, in the metric's unit."""
        return self.values("barrier_test", network, k, level, **line)

    def gain(self, first: tuple[str, int, int], second: tuple[str, int, int]) -> pd.Series:
        """Return how much better the test metric of the first network is; each is given with its k and level."""
        difference = self.values("metric", *first) - self.values("metric", *second)
        return difference if self.sheet.metric.higher_is_better else -difference

    def gain_of(self, first: str, second: str) -> str:
        """Name how much better the first network is in the test, for effects."""
        return f"test {self.sheet.metric.label}, {self.sheet.metric.minus(first, second)}"

    @property
    def barrier_of(self) -> str:
        """Name the barrier, for effects."""
        return f"barrier of test {self.sheet.metric.error}"

    @property
    def above(self) -> str:
        """Say in sentences when a network is unstable."""
        return f"barrier above {self.limit:g} {self.sheet.metric.points}"

    def below(self, where: str) -> str:
        """Name the effect that is above 0 where a network is stable."""
        return f"{self.limit:g} minus the {self.barrier_of} {where}"

    def weights(self, level: int) -> str:
        """Say with which part of the weights a level is trained."""
        return with_weights(self.rows.loc[self.rows["level"] == level, "density"].mean())

    def statistics(self) -> dict[str, str]:
        """Return how sentences name each kind of batch-norm statistics: only if there are two kinds."""
        if not (self.rows["statistics"] == "estimated").any():
            return {"interpolated": ""}
        words = {"interpolated": "interpolated", "estimated": "re-estimated"}
        return {kind: f", batch-norm statistics {how}" for kind, how in words.items()}

    @property
    def stable_step(self) -> int:
        """The rewind step at which tickets are expected to be stable: the first if `stable`, else the last."""
        return self.study.rewinds()[0 if self.stable else -1]

    def started(self, k: int) -> str:
        """Name the subnetworks that start from step k."""
        return f"{self.subnetworks} {started(k)}"

    # ------------------------------------------------------------ section 3: dense networks

    def of_dense(self) -> None:
        """Compare the dense network at initialization with the last step."""
        self.sheet.read_from("instability", "instability")
        last = self.study.steps[-1]
        for kind, how in self.statistics().items():
            barrier = {k: self.barrier(DENSE, k, statistics=kind) for k in (0, last)}
            if self.stable:
                sentence = f"The dense network is stable from initialization on{how}"
                self.sheet.add(sentence, SECTION_3, self.below("at k=0"), self.limit - barrier[0])
                continue
            sentence = f"The dense network is unstable at initialization ({self.above}){how}"
            self.sheet.add(sentence, SECTION_3, f"{self.barrier_of} at k=0", barrier[0], margin=self.limit)
            sentence = f"The dense network is stable when its copies part at step {last}{how}"
            self.sheet.add(sentence, SECTION_3, self.below(f"at k={last}"), self.limit - barrier[last])
            sentence = f"The later its copies part, the more stable the dense network is{how}"
            effect = f"{self.barrier_of}, fall from k=0 to k={last}"
            self.sheet.add(sentence, SECTION_3, effect, barrier[0] - barrier[last])

    # ------------------------------------------------------------ section 4: subnetworks

    def of_stability(self, level: int) -> None:
        """Compare IMP subnetworks at initialization with rewound ones."""
        self.sheet.read_from("instability", "instability")
        earliest, latest, k = self.study.rewinds()[0], self.study.rewinds()[-1], self.stable_step
        for kind, how in self.statistics().items():
            how = f"{how}, {self.weights(level)}"
            barrier = {step: self.barrier(TICKET, step, level, statistics=kind) for step in (earliest, latest)}
            if not self.stable and earliest == 0:
                sentence = f"{self.started(0)} are unstable ({self.above}){how}"
                self.sheet.add(sentence, SECTION_4, f"{self.barrier_of} at k=0", barrier[0], margin=self.limit)
            sentence = f"{self.started(k)} are stable{how}"
            self.sheet.add(sentence, SECTION_4, self.below(f"at k={k}"), self.limit - barrier[k])
            if not self.stable and earliest < latest:
                sentence = f"Later rewinding makes {self.subnetworks} more stable{how}"
                effect = f"{self.barrier_of}, fall from k={earliest} to k={latest}"
                self.sheet.add(sentence, SECTION_4, effect, barrier[earliest] - barrier[latest])
        if not self.stable:
            self._no_later_than_dense(level)

    def _no_later_than_dense(self, level: int) -> None:
        """Test the barrier at the step where the dense network becomes stable in training error, or at the last."""
        steps = self.study.rewinds()
        stable = [self.values("barrier_train", DENSE, k).mean() < self.limit - ROUNDING for k in steps]
        since = [k for index, k in enumerate(steps) if all(stable[index:])]  # not before it is unstable again
        k, dense = (since[0], "becomes") if since else (steps[-1], "is not yet")
        effect = (
            f"{self.below(f'at k={k}')}, where the dense network {dense} stable in training {self.sheet.metric.error}"
        )
        sentence = f"{self.subnetworks} become stable no later than the dense network, {self.weights(level)}"
        self.sheet.add(sentence, SECTION_4, effect, self.limit - self.barrier(TICKET, k, level))

    def against_controls(self, level: int) -> None:
        """Compare IMP subnetworks, where they are stable, with random and reinitialized ones."""
        self.sheet.read_from("instability", "instability")
        k = self.stable_step
        for control in self.study.controls:
            sentence = f"{self.started(k)} are more stable than {CONTROLS[control]}, {self.weights(level)}"
            effect = f"{self.barrier_of}, {control} minus {self.subnetworks}, at k={k}"
            difference = self.barrier(control, k, level) - self.barrier(TICKET, k, level)
            self.sheet.add(sentence, SECTION_4, effect, difference)

    def of_matching(self, level: int) -> None:
        """Claim that IMP subnetworks match the dense network where they are stable, and random ones elsewhere."""
        self.sheet.read_from("instability", "instability")
        k, metric, weights = self.stable_step, self.sheet.metric, self.weights(level)
        self.sheet.match(
            f"{self.started(k)} match the dense network's {metric.label} (within {metric.tolerance}), {weights}",
            SECTION_4,
            f"{self.gain_of(self.subnetworks, 'dense')}, at k={k}",
            self.gain((TICKET, k, level), (DENSE, 0, 0)),
        )
        if self.stable or self.study.rewinds()[0] != 0 or RANDOM not in self.study.controls:
            return
        self.sheet.match(
            f"{self.started(0)} {better(metric, 'are not')} than random ones by more than {metric.tolerance}, "
            f"{weights}",
            SECTION_4,
            f"{self.gain_of('random', self.subnetworks)}, at k=0",
            self.gain((RANDOM, 0, level), (TICKET, 0, level)),
        )

    def of_success(self) -> None:
        """Claim, over all subnetworks: the higher the barrier, the worse the test metric."""
        self.sheet.read_from("instability", "success")
        subnetworks, metric = successes(self.rows, self.sheet.metric), self.sheet.metric
        if len(subnetworks[["k", "level", "network"]].drop_duplicates()) < FEWEST:
            return
        by_seed = subnetworks.groupby("seed")[["barrier", "success"]]
        higher = metric.directed("higher", "lower")
        the_better = f"the {metric.better} it is" if metric.adjective else f"the {higher} its {metric.label}"
        self.sheet.add(
            f"The more stable a subnetwork, {the_better}",
            SECTION_4,
            f"{metric.directed('minus the', 'the')} rank correlation of barrier and test {metric.label} over all "
            "steps, levels and kinds of subnetworks",
            by_seed.apply(lambda seed: -rank_correlation(seed["barrier"], seed["success"])),
            unit="correlation",
        )

    # ------------------------------------------------------------ beyond the paper

    def between_levels(self, level: int) -> None:
        """Connect tickets of successive levels; hidden units explain less of their barrier than between seeds."""
        self.sheet.read_from("instability", "alignment")
        if not self.study.successive:
            return
        k, (kind, how) = self.stable_step, list(self.statistics().items())[-1]
        which = f"levels {level - 1} and {level}, at k={k}"
        start = f"{started(k)}, {self.weights(level)}{how}"
        plain = self.barrier(TICKET, k, level, pair="level", statistics=kind)
        sentence = f"{self.subnetworks} are connected to those of the level before, {start}"
        self.sheet.add(sentence, BEYOND, self.below(f"between {which}"), self.limit - plain)
        seeds = self._fall(TICKET, k, level, "seed", kind)
        if not seeds.empty:
            sentence = f"Permuting hidden units matters more between seeds than between successive levels, {start}"
            effect = f"fall of the {self.barrier_of} by alignment, {self.between} minus between {which}"
            levels = self._fall(TICKET, k, level, "level", kind)
            self.sheet.add(sentence, BEYOND, effect, seeds - levels[seeds.index])

    def between_seeds(self, level: int) -> None:
        """Connect networks of different seeds, as they are and aligned."""
        self.sheet.read_from("instability", "alignment")
        kind, how = list(self.statistics().items())[-1]
        network, k = (TICKET, self.stable_step) if level else (DENSE, 0)
        who = f"{self.subnetworks} of different seeds" if level else "dense networks of different seeds"
        start = f", {started(k)}, {self.weights(level)}{how}" if level else how
        plain = self.barrier(network, k, level, pair="seed", statistics=kind)
        if not plain.empty:
            sentence = f"{who} are not connected ({self.above}){start}"
            self.sheet.add(sentence, BEYOND, f"{self.barrier_of} {self.between}", plain, margin=self.limit)
        fall = self._fall(network, k, level, "seed", kind)
        if not fall.empty:
            sentence = f"Permuting hidden units lowers the barrier between {who}{start}"
            self.sheet.add(sentence, BEYOND, f"{self.barrier_of} {self.between}, fall by alignment", fall)
            sentence = f"Permuting hidden units connects {who}{start}"
            self.sheet.add(
                sentence, BEYOND, self.below(f"{self.between}, after alignment"), self.limit - (plain - fall)
            )

    def _fall(self, network: str, k: int, level: int, pair: str, statistics: str) -> pd.Series:
        """Return how far alignment lowers the barrier of a kind of pair; empty if units could not be matched."""
        plain, aligned = (
            self.barrier(network, k, level, pair=pair, matching=matching, statistics=statistics)
            for matching in ("none", "aligned")
        )
        return plain[aligned.index] - aligned


def started(k: int) -> str:
    """Say where a ticket starts from."""
    return f"rewound to step {k}" if k else "reset to initialization"
