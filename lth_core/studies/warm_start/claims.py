"""The claims about warm starts: those of Ash & Adams 2020 about dense networks, and what follows for tickets.

Every effect is one number per seed, paired within the seed. Whether the gap grows or shrinks with sparsity has no
claim: nobody knows. The table of trends estimates it, and the figure of gaps shows it.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import seed_means, strict_mean
from lth_core.metrics import counted, percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.claim_sheet import TaskSheet, with_weights
from lth_core.studies.warm_start.study import INIT, KNOWN, SHRINK_PERTURB, WARM, WHOLE, Design
from lth_core.studies.warm_start.tables import CONVERGED, CONVERGED_AT, END, STOPS, TOTAL

PAPER = "Ash & Adams 2020"
TICKETS = f"Beyond {PAPER}"
HALVES = "Morcos et al. 2019, halves of the data"
WHEN = {
    CONVERGED: f"at the first evaluation with {percent_text(CONVERGED_AT)}% training accuracy",
    TOTAL: "after equal steps in total",
    END: "after equal steps on all examples",
}
"""Stop -> how sentences say it."""
FEWEST = 4
"""Networks (masks x densities) that a correlation over them needs."""
DIGITS = 6
"""Ranks are equal where values are equal but for rounding: accuracies come in steps of one example."""


class TaskClaims(TaskSheet):
    """The claims about one task."""

    name: ClassVar[str] = "warm-start"
    study: Design

    def all(self) -> list[Claim]:
        """Test all claims about the task."""
        for stop in STOPS:
            self._at(stop)
            self.claim_dense_gap(stop)
        self._at(CONVERGED)
        self.claim_speed(WARM, "A warm start comes to")
        self.claim_speed(SHRINK_PERTURB, "Shrink-and-perturb keeps the speed: it comes to")
        for stop in (CONVERGED, END):
            self._at(stop)
            for level in self.study.levels:
                self.claim_masks_match(level, stop)
            for mask, level in [(DENSE, 0), *((KNOWN, level) for level in self.study.levels)]:
                self.claim_closes_gap(mask, level, stop)
        self.claim_barriers()
        return self.sheet.claims

    def _at(self, stop: str) -> None:
        """Say why the next claims have no replicate, if they have none: what they are measured at may not come."""
        never = f"in no seed do all compared trainings come to {percent_text(CONVERGED_AT)}% training accuracy"
        self.sheet.unmeasured_because = never if stop == CONVERGED else ""

    def rows(self, mask: str, level: int, start: str, stop: str) -> pd.DataFrame:
        """Select the measurements of one network at one stop."""
        rows = self.tables["measurements"]
        named = {"task": self.task, "mask": mask, "level": level, "start": start, "stop": stop}
        for column, value in named.items():
            rows = rows[rows[column] == value]
        return rows

    def gain(self, first: tuple[str, str], second: tuple[str, str], level: int, stop: str) -> pd.Series:
        """Return by seed how much better the first network is in the test; each is given as mask and start."""
        metrics = [seed_means(self.rows(mask, level, start, stop), "metric") for mask, start in (first, second)]
        return self.sheet.metric.gain(*metrics)

    def network(self, mask: str, level: int) -> str:
        """Name a network by its density, for sentences."""
        if mask == DENSE:
            return "the dense network"
        return f"the mask of the known examples, {with_weights(self.rows(mask, level, INIT, END)['density'].mean())}"

    def effect(self, first: str, second: str, stop: str) -> str:
        """Name how much better the first network is in the test, for effects."""
        metric = self.sheet.metric
        return f"test {metric.label} {WHEN[stop]}, {metric.minus(first, second)}"

    def claim_dense_gap(self, stop: str) -> None:
        """Claim that there is a gap at all."""
        self.sheet.read_from("measurements", "gaps")
        share = percent_text(self.study.fraction)
        self.sheet.add(
            f"A dense network that was trained on {share}% of the examples first is worse than one that was not, "
            f"{WHEN[stop]}",
            PAPER,
            self.effect("theta_0", "warm start", stop),
            self.gain((DENSE, INIT), (DENSE, WARM), 0, stop),
        )

    def claim_speed(self, start: str, words: str) -> None:
        """Claim that a start needs fewer steps on all examples than theta_0, for the dense network."""
        self.sheet.read_from("measurements", "speed")
        steps = [seed_means(self.rows(DENSE, 0, one, CONVERGED), "step") for one in (INIT, start)]
        self.sheet.add(
            f"{words} {percent_text(CONVERGED_AT)}% training accuracy in fewer steps than theta_0 (dense network)",
            PAPER,
            f"steps on all examples, theta_0 minus {start}",
            steps[0] - steps[1],
            unit="steps",
        )

    def claim_masks_match(self, level: int, stop: str) -> None:
        """Claim that masks of a part of the examples are as good as those of all of them."""
        self.sheet.read_from("measurements")
        density = self.rows(KNOWN, level, INIT, stop)["density"].mean()
        self.sheet.match(
            f"The mask of the known examples on theta_0 matches that of all examples (within "
            f"{self.sheet.metric.tolerance}), {with_weights(density)}, {WHEN[stop]}",
            HALVES,
            self.effect("mask of the known examples", "mask of all examples", stop),
            self.gain((KNOWN, INIT), (WHOLE, INIT), level, stop),
        )

    def claim_closes_gap(self, mask: str, level: int, stop: str) -> None:
        """Claim that shrink-and-perturb is as good as theta_0."""
        self.sheet.read_from("measurements", "gaps")
        self.sheet.match(
            f"For {self.network(mask, level)}, shrunk and perturbed weights are as good a start as theta_0 (within "
            f"{self.sheet.metric.tolerance}), {WHEN[stop]}",
            PAPER if mask == DENSE else TICKETS,
            self.effect("shrink-and-perturb", "theta_0", stop),
            self.gain((mask, SHRINK_PERTURB), (mask, INIT), level, stop),
        )

    def claim_barriers(self) -> None:
        """Claim that the gap is wide where warm and cold networks lie in different basins."""
        self.sheet.read_from("barriers", "barriers")
        rows = self.tables["barriers"]
        rows = rows[rows["task"] == self.task]
        count = len(rows.groupby(["mask", "level"]))
        if count < FEWEST:
            return
        self.sheet.add(
            "The gap is wider where the barrier between warm and cold networks is higher",
            TICKETS,
            f"Spearman's correlation of gap and barrier of test error, over {counted(count, 'networks')} (masks and "
            f"densities), {WHEN[END]}",
            gap_correlation(rows),
            unit="correlation",
        )


def gap_correlation(barriers: pd.DataFrame) -> pd.Series:
    """Return Spearman's correlation of gap and barrier by seed; nan where one is missing or all are equal."""
    networks = barriers.groupby(["seed", "mask", "level"])[["gap", "barrier_test"]].agg(strict_mean).round(DIGITS)

    def correlation(seed: pd.DataFrame) -> float:
        if seed.isna().to_numpy().any() or (seed.nunique() < 2).any():
            return float("nan")
        return seed["gap"].rank().corr(seed["barrier_test"].rank())

    return networks.groupby("seed").apply(correlation)
