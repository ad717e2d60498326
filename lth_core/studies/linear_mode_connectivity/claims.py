"""The claims of Frankle et al. 2020 (arXiv 1912.05671), tested per task on the table of instability.

Every effect is one number per seed (draws and data orders are averaged within their seed). A network is stable where
the barrier is below 2 percentage points: "stable" is tested as 2 minus the barrier. The paper finds LeNet stable at
k = 0 and deeper networks after some steps; which of the two is tested depends on the network alone. Where tickets are
rewound, the last of the steps is looked at, so that no step is chosen by its result. Barriers are those of test error,
of batch-norm networks with interpolated statistics; that they are stable is also tested with re-estimated ones. Beyond
the paper only these are looked at: between seeds interpolated statistics leave every network at chance, aligned or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.measurements import MATCHING
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.linear_mode_connectivity.study import (
    NAME,
    RANDOM,
    REINIT,
    STABLE,
    TICKET,
    LinearModeConnectivity,
    focus,
    pruned,
)
from lth_core.studies.linear_mode_connectivity.tables import FEWEST, ORDER, mean, rank_correlation, successes, where
from lth_core.studies.stabilizing2019.claims import STABLE_AT_INITIALIZATION

POINTS = "percentage points"
PAPER, BEYOND = "Frankle et al. 2020a", "beyond Frankle et al. 2020a"
ABOVE = f"barrier above {STABLE:g} points"
TOLERANCE = f"{100 * MATCHING:g} points"
CONTROLS = {RANDOM: "random ones", REINIT: "reinitialized ones"}


def claims(study: LinearModeConnectivity, config: Config, task: str, instability: pd.DataFrame) -> list[Claim]:
    """All claims about one task."""
    stable = config.tasks[task].model.name in STABLE_AT_INITIALIZATION
    found = f"{pruned(config.methods[study.tasks[task]])} subnetworks"
    seeds = "each seed and the next (pairs share seeds)" if study.pairs_share_seeds(config, task) else "two seeds"
    about = TaskClaims(study, task, stable, found, f"between {seeds}", instability[instability["task"] == task])
    about.of_dense()
    for level in focus(study.levels_of(config, task)):
        about.of_stability(level)
        about.against_controls(level)
        about.of_accuracy(level)
    about.of_success()
    about.between_seeds(0)
    for level in focus(study.levels_of(config, task)):
        about.between_levels(level)
        about.between_seeds(level)
    return about.made


@dataclass
class TaskClaims:
    """The claims about one task; `stable`: whether the paper finds such a network stable at k = 0; `found`: what its
    subnetworks are called (`pruned`); `seeds`: between which seeds pairs of seeds are.

    Each method adds to `made` what can be tested.
    """

    study: LinearModeConnectivity
    task: str
    stable: bool
    found: str
    seeds: str
    rows: pd.DataFrame
    made: list[Claim] = field(default_factory=list)

    # ------------------------------------------------------------ reading the table

    def values(self, column: str, network: str, k: int, level: int = 0, **line: str) -> pd.Series:
        """A measurement by seed, in percent; nan where a copy or a draw diverged.

        `line` chooses the pair (`order` unless given), matching (`none`) and statistics (`interpolated`).
        """
        lines = where(self.rows, ORDER | line | {"network": network, "k": k, "level": level})
        return 100 * lines.groupby("seed")[column].agg(mean)

    def barrier(self, network: str, k: int, level: int = 0, **line: str) -> pd.Series:
        """The barrier of test error by seed, in percentage points."""
        return self.values("barrier_test", network, k, level, **line)

    def weights(self, level: int) -> str:
        """With which part of the weights a level is trained, for sentences."""
        return f"with {100 * self.rows.loc[self.rows['level'] == level, 'density'].mean():.1f}% of the weights"

    def statistics(self) -> dict[str, str]:
        """Batch-norm statistics of the lines -> how sentences name them: only where there are two kinds."""
        if not (self.rows["statistics"] == "estimated").any():
            return {"interpolated": ""}
        words = {"interpolated": "interpolated", "estimated": "re-estimated"}
        return {kind: f", batch-norm statistics {how}" for kind, how in words.items()}

    @property
    def judged(self) -> int:
        """The rewind step at which tickets are expected to be stable: the first where that is so, else the last."""
        return self.study.rewinds()[0 if self.stable else -1]

    def add(
        self, sentence: str, source: str, effect: str, values: pd.Series, unit: str = POINTS, margin: float = 0.0
    ) -> None:
        """Judge one value of the effect per seed."""
        sentence = f"{sentence[0].upper()}{sentence[1:]}."
        facts = {"study": NAME, "task": self.task, "claim": sentence, "source": source}
        self.made.append(evaluate_claim(values.to_numpy(), **facts, effect=effect, unit=unit, margin=margin))

    # ------------------------------------------------------------ section 3: dense networks

    def of_dense(self) -> None:
        """At initialization, at the last step, and between them."""
        section, last = f"{PAPER}, section 3", self.study.steps[-1]
        for kind, how in self.statistics().items():
            barrier = {k: self.barrier(DENSE, k, statistics=kind) for k in (0, last)}
            if self.stable:
                sentence = f"The dense network is stable from initialization on{how}"
                self.add(sentence, section, below("at k=0"), STABLE - barrier[0])
                continue
            sentence = f"The dense network is unstable at initialization ({ABOVE}){how}"
            self.add(sentence, section, "barrier of test error at k=0", barrier[0], margin=STABLE)
            sentence = f"The dense network is stable when its copies part at step {last}{how}"
            self.add(sentence, section, below(f"at k={last}"), STABLE - barrier[last])
            sentence = f"The later its copies part, the more stable is the dense network{how}"
            effect = f"barrier of test error, fall from k=0 to k={last}"
            self.add(sentence, section, effect, barrier[0] - barrier[last])

    # ------------------------------------------------------------ section 4: subnetworks

    def of_stability(self, level: int) -> None:
        """IMP subnetworks at initialization and rewound."""
        section = f"{PAPER}, section 4"
        earliest, latest = self.study.rewinds()[0], self.study.rewinds()[-1]
        for kind, how in self.statistics().items():
            how = f"{how}, {self.weights(level)}"
            barrier = {k: self.barrier(TICKET, k, level, statistics=kind) for k in (earliest, latest)}
            if not self.stable and earliest == 0:
                sentence = f"{self.found} {started(0)} are unstable ({ABOVE}){how}"
                self.add(sentence, section, "barrier of test error at k=0", barrier[0], margin=STABLE)
            sentence = f"{self.found} {started(self.judged)} are stable{how}"
            self.add(sentence, section, below(f"at k={self.judged}"), STABLE - barrier[self.judged])
            if not self.stable and earliest < latest:
                sentence = f"Later rewinding makes {self.found} more stable{how}"
                effect = f"barrier of test error, fall from k={earliest} to k={latest}"
                self.add(sentence, section, effect, barrier[earliest] - barrier[latest])
        if not self.stable:
            self._no_later_than_dense(level)

    def _no_later_than_dense(self, level: int) -> None:
        """Judged on test error at the step where the dense network becomes stable in training error, or at the last."""
        steps = self.study.rewinds()
        stable = [self.values("barrier_train", DENSE, k).mean() < STABLE for k in steps]
        since = [k for place, k in enumerate(steps) if all(stable[place:])]  # not before it is unstable again
        k, dense = (since[0], "becomes") if since else (steps[-1], "is not yet")
        effect = f"{below(f'at k={k}')}, where the dense network {dense} stable in training error"
        values = STABLE - self.barrier(TICKET, k, level)
        sentence = f"{self.found} become stable no later than the dense network, {self.weights(level)}"
        self.add(sentence, f"{PAPER}, section 4", effect, values)

    def against_controls(self, level: int) -> None:
        """IMP subnetworks where they are stable, against random and reinitialized ones."""
        for control in self.study.controls:
            higher = self.barrier(control, self.judged, level) - self.barrier(TICKET, self.judged, level)
            who = f"{self.found} {started(self.judged)}"
            sentence = f"{who} are more stable than {CONTROLS[control]}, {self.weights(level)}"
            effect = f"barrier of test error, {control} minus {self.found}, at k={self.judged}"
            self.add(sentence, f"{PAPER}, section 4", effect, higher)

    def of_accuracy(self, level: int) -> None:
        """IMP subnetworks match the dense network where they are stable, and are as random ones where they are not."""
        section, margin = f"{PAPER}, section 4", -100 * MATCHING
        dense = self.values("accuracy", DENSE, 0)
        gain = self.values("accuracy", TICKET, self.judged, level) - dense
        who, how = f"{self.found} {started(self.judged)}", f"(within {TOLERANCE}), {self.weights(level)}"
        sentence = f"{who} match the dense network's accuracy {how}"
        self.add(sentence, section, f"test accuracy, {self.found} minus dense, at k={self.judged}", gain, margin=margin)
        if self.stable or self.study.rewinds()[0] != 0 or RANDOM not in self.study.controls:
            return
        gap = self.values("accuracy", RANDOM, 0, level) - self.values("accuracy", TICKET, 0, level)
        who, how = f"{self.found} {started(0)}", f"by more than {TOLERANCE}, {self.weights(level)}"
        sentence = f"{who} are not more accurate than random ones {how}"
        self.add(sentence, section, f"test accuracy, random minus {self.found}, at k=0", gap, margin=margin)

    def of_success(self) -> None:
        """Over all subnetworks: the higher the barrier, the lower the accuracy."""
        subnetworks = successes(self.rows)
        if len(subnetworks[["k", "level", "network"]].drop_duplicates()) < FEWEST:
            return
        by_seed = subnetworks.groupby("seed")[["barrier", "success"]]
        found = by_seed.apply(lambda own: -rank_correlation(own["barrier"], own["success"]))
        effect = (
            "minus the rank correlation of barrier and test accuracy over all steps, levels and kinds of subnetworks"
        )
        sentence = "The more stable a subnetwork, the more accurate it is"
        self.add(sentence, f"{PAPER}, section 4", effect, found, unit="correlation")

    # ------------------------------------------------------------ beyond the paper

    def between_levels(self, level: int) -> None:
        """Tickets of successive levels; hidden units explain less of their barrier than of that between seeds."""
        if not self.study.successive:
            return
        kind, how = list(self.statistics().items())[-1]
        which = f"levels {level - 1} and {level}, at k={self.judged}"
        start = f"{started(self.judged)}, {self.weights(level)}{how}"
        plain = self.barrier(TICKET, self.judged, level, pair="level", statistics=kind)
        sentence = f"{self.found} are connected to those of the level before, {start}"
        self.add(sentence, BEYOND, below(f"between {which}"), STABLE - plain)
        seeds = self._fall(TICKET, self.judged, level, "seed", kind)
        if not seeds.empty:
            sentence = f"Permuting hidden units matters more between seeds than between successive levels, {start}"
            effect = f"fall of the barrier of test error by alignment, {self.seeds} minus between {which}"
            levels = self._fall(TICKET, self.judged, level, "level", kind)
            self.add(sentence, BEYOND, effect, seeds - levels[seeds.index])

    def between_seeds(self, level: int) -> None:
        """Networks of different seeds, as they are and aligned."""
        kind, how = list(self.statistics().items())[-1]
        network, k = (TICKET, self.judged) if level else (DENSE, 0)
        who = f"{self.found} of different seeds" if level else "dense networks of different seeds"
        start = f", {started(k)}, {self.weights(level)}{how}" if level else how
        plain = self.barrier(network, k, level, pair="seed", statistics=kind)
        if not plain.empty:
            sentence = f"{who} are not connected ({ABOVE}){start}"
            self.add(sentence, BEYOND, f"barrier of test error {self.seeds}", plain, margin=STABLE)
        fall = self._fall(network, k, level, "seed", kind)
        if not fall.empty:
            sentence = f"Permuting hidden units lowers the barrier between {who}{start}"
            self.add(sentence, BEYOND, f"barrier of test error {self.seeds}, fall by alignment", fall)
            sentence = f"Permuting hidden units connects {who}{start}"
            self.add(sentence, BEYOND, below(f"{self.seeds}, after alignment"), STABLE - (plain - fall))

    def _fall(self, network: str, k: int, level: int, pair: str, statistics: str) -> pd.Series:
        """How far alignment lowers the barrier of a kind of pair; empty where units could not be matched."""
        plain, aligned = (
            self.barrier(network, k, level, pair=pair, matching=matching, statistics=statistics)
            for matching in ("none", "aligned")
        )
        return plain[aligned.index] - aligned


def below(place: str) -> str:
    """The effect that is above 0 where a network is stable."""
    return f"{STABLE:g} minus the barrier of test error {place}"


def started(k: int) -> str:
    """Where a ticket starts from."""
    return f"rewound to step {k}" if k else "reset to initialization"
