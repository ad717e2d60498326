"""The claims of Frankle & Carbin 2019 about one task, tested on the study's tables.

Every effect is one number per seed, a paired difference where two networks are compared (draws are averaged within
their seed). Densities and margins are the papers'; a claim whose densities were not trained is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.analysis.measurements import (
    MATCHING,
    at_densities,
    level_densities,
    nearest_level,
    per_seed,
    select,
    select_dense,
)
from lth_core.config import Config
from lth_core.studies.captions import listing
from lth_core.studies.frankle2019.study import Frankle2019, continued, one_shot, treatment

PAPER = "Frankle & Carbin 2019"
POINTS = "percentage points"
ACCURACY = "test_accuracy_early_stop"
STEP = "early_stop_step"
TO_DENSE = "steps_to_dense"
MODERATE, SPARSE = 0.21, 0.05
"""The densities at which the paper compares tickets with controls, and at which all LeNets still fit their data."""


@dataclass
class TaskClaims:
    """The claims about one task; each method adds to `made` what can be tested."""

    study: Frankle2019
    config: Config
    tables: dict[str, pd.DataFrame]
    task: str
    made: list[Claim] = field(default_factory=list)

    # ------------------------------------------------------------ reading the tables

    def rows(self, branch: str = "ticket", method: str | None = None) -> pd.DataFrame:
        """The measurements of one curve, without the dense network."""
        return select(self.tables["measurements"], self.task, method or self.study.tasks[self.task], branch)

    def dense(self, quantity: str) -> pd.Series:
        """The dense network's measurement, one value per seed."""
        return per_seed(select_dense(self.tables["measurements"], self.task), quantity)[0]

    def gap(self, first: pd.DataFrame, second: pd.DataFrame, quantity: str = ACCURACY) -> pd.DataFrame:
        """first - second per seed (rows) and common level (columns); accuracies in percentage points."""
        one, other = per_seed(first, quantity), per_seed(second, quantity)
        common = one.columns.intersection(other.columns)
        difference = one[common] - other[common]
        return 100 * difference if "accuracy" in quantity else difference

    def control(self, name: str) -> str | None:
        """The first control with this treatment."""
        return next((c for c in self.study.controls if treatment(self.config, c) == name), None)

    def density(self, rows: pd.DataFrame, level: int) -> str:
        """A level's density in percent, for effects."""
        return f"{100 * rows.loc[rows['level'] == level, 'density'].iloc[0]:.1f}%"

    def add(
        self, claim: str, where: str, effect: str, differences: pd.Series, unit: str = POINTS, margin: float = 0.0
    ) -> None:
        """Judge one value of the effect per seed."""
        facts = {"study": "frankle2019", "task": self.task, "claim": claim, "source": f"{PAPER}, {where}"}
        self.made.append(evaluate_claim(differences.to_numpy(), **facts, effect=effect, unit=unit, margin=margin))

    # ------------------------------------------------------------ section 2: tickets

    def tickets(self) -> None:
        """Tickets against the dense network."""
        rows = self.rows()
        levels = levels_between(rows, 0.50, 0.10)
        if levels:
            spread = f"mean over densities {self.density(rows, levels[0])} to {self.density(rows, levels[-1])}"
            accuracy = 100 * per_seed(rows, ACCURACY)[levels].sub(self.dense(ACCURACY), axis="index")
            self.add(
                "Winning tickets with 50% to 10% of the weights match (within 0.2 percentage points) or exceed the "
                "dense network's test accuracy.",
                "Figures 4 and 5",
                f"test accuracy at early stop, ticket minus dense, {spread}",
                accuracy.mean(axis="columns", skipna=False),
                margin=-100 * MATCHING,
            )
        level = nearest_level(rows, MODERATE)
        if level:
            self._faster(rows[rows["level"] == level], f"at {self.density(rows, level)} density")
        level = nearest_level(rows, 0.02)
        if level:
            self.add(
                "Tickets with 2% of the weights no longer reach the dense network's accuracy.",
                "Figures 4 and 5",
                f"test accuracy at early stop, dense minus ticket, at {self.density(rows, level)} density",
                100 * (self.dense(ACCURACY) - per_seed(rows, ACCURACY)[level]),
            )

    def _faster(self, rows: pd.DataFrame, at: str) -> None:
        """Two claims: by early stopping as in the paper, and by a step that the end of training does not cut off."""
        claim = "Winning tickets with 21% of the weights learn faster than the dense network"
        self.add(
            f"{claim}.",
            "Figure 4a",
            f"steps to early stop saved by the ticket {at}{self._still_falling('ticket', rows)}",
            100 * (1 - per_seed(rows, STEP).squeeze("columns") / self.dense(STEP)),
            unit="% of dense",
        )
        last = self.config.tasks[self.task].train.steps
        missed = rows[TO_DENSE].isna() & ~rows["diverged"]
        steps = rows.assign(**{TO_DENSE: rows[TO_DENSE].mask(missed, last)})
        reached = (
            f"; not reached in {missed.sum()} of {len(rows)} runs, counted as the last step" if missed.any() else ""
        )
        self.add(
            f"{claim} (steps to the dense network's validation accuracy).",
            "after Figure 4a",
            "steps to the dense network's final validation accuracy (within 0.2 percentage points) saved by the ticket "
            f"{at}{reached}",
            100 * (1 - per_seed(steps, TO_DENSE).squeeze("columns") / self.dense(TO_DENSE)),
            unit="% of dense",
        )

    def _still_falling(self, name: str, rows: pd.DataFrame) -> str:
        """For effects on early stopping: in how many runs training ended before validation loss rose."""
        last = self.config.tasks[self.task].train.steps
        runs = {name: rows, "dense": select_dense(self.tables["measurements"], self.task)}
        cut_off = {network: int((found[STEP] == last).sum()) for network, found in runs.items()}
        if not any(cut_off.values()):
            return ""
        counts = [f"{cut_off[network]} of {len(found)} {network} runs" for network, found in runs.items()]
        return f"; validation loss still falling at the last step in {listing(counts)}"

    # ------------------------------------------------------------ section 2, appendix E: controls

    def controls(self) -> None:
        """Tickets against the same masks on other weights, and these against random masks."""
        reinit, random = self.control("reinit"), self.control("random-mask")
        if reinit:
            self._reinit(self.rows(reinit))
        if reinit and random and self.config.tasks[self.task].model.name == "lenet":
            rows = self.rows(reinit)
            self._at_both_densities(
                "The mask helps even without its initialization: on LeNet, reinitialized tickets beat random masks",
                "appendix E, Figure 14",
                "reinitialized ticket minus random mask",
                rows,
                self.gap(rows, self.rows(random)),
            )

    def _reinit(self, rows: pd.DataFrame) -> None:
        gap = self.gap(self.rows(), rows)
        self._at_both_densities(
            "The initialization matters: tickets beat the same masks reinitialized",
            "Figures 4 and 5",
            "ticket minus reinitialized ticket",
            rows,
            gap,
        )
        moderate, sparse = nearest_level(rows, MODERATE), nearest_level(rows, SPARSE)
        if moderate and sparse:
            self.add(
                "The advantage over reinitialization grows as fewer weights remain.",
                "Figures 4 and 5",
                "test accuracy at early stop, ticket minus reinitialized ticket, "
                f"at {self.density(rows, sparse)} minus at {self.density(rows, moderate)} density",
                gap[sparse] - gap[moderate],
            )
        if moderate:
            at = f"at {self.density(rows, moderate)} density"
            self.add(
                "Reinitialized tickets with 21% of the weights learn slower than the dense network.",
                "Figure 4a",
                f"further steps to early stop of the reinitialized ticket {at}"
                + self._still_falling("reinitialized", rows[rows["level"] == moderate]),
                100 * (per_seed(rows, STEP)[moderate] / self.dense(STEP) - 1),
                unit="% of dense",
            )
            self.add(
                "Reinitialized tickets with 21% of the weights fall below the dense network's test accuracy.",
                "Figure 4",
                f"test accuracy at early stop, dense minus reinitialized ticket, {at}",
                100 * (self.dense(ACCURACY) - per_seed(rows, ACCURACY)[moderate]),
            )

    def _at_both_densities(self, claim: str, where: str, effect: str, rows: pd.DataFrame, gap: pd.DataFrame) -> None:
        """One claim at 21% and one at 5% density."""
        for target in (MODERATE, SPARSE):
            level = nearest_level(rows, target)
            if level in gap:
                at = f"at {self.density(rows, level)} density"
                text = f"{claim}, with {target:.0%} of the weights."
                self.add(text, where, f"test accuracy at early stop, {effect}, {at}", gap[level])

    # ------------------------------------------------------------ section 2, appendix B: ways of pruning

    def strategies(self) -> None:
        """Iterative pruning with resetting against one-shot pruning and pruning without resetting."""
        method = self.study.tasks[self.task]
        settings, tickets = self.config.methods[method], self.rows()
        if self.study.has_one_shot(settings):
            self._against_one_shot(tickets, self.rows(method=one_shot(method)))
        if self.study.has_continued(settings):
            gap = self.gap(tickets, self.rows("reset", continued(method)))
            densities = compared(level_densities(tickets)[gap.columns], 0.10)
            self._mean_gap(
                "Resetting the weights in every round of pruning finds masks that reach higher accuracy, below 10% of "
                "the weights.",
                "appendix B, Figures 9 and 10",
                f"with resetting minus without, {mean_over(densities)}",
                gap[densities.index],
            )

    def _against_one_shot(self, tickets: pd.DataFrame, pruned_once: pd.DataFrame) -> None:
        """At the densities of one-shot pruning, which keeps more weights per level where layers have their own rates.

        Iterative pruning has a ticket at every level, so its accuracy is interpolated.
        """
        own = level_densities(tickets)
        iterative = at_densities(per_seed(tickets, ACCURACY), own, level_densities(pruned_once))
        densities = compared(level_densities(pruned_once)[iterative.columns], 0.15)
        levels = densities.index
        effect = f"iterative minus one-shot, {mean_over(densities)}"
        if not np.allclose(densities, own[levels], rtol=0.01):
            effect += (
                " left by one-shot pruning (iterative pruning leaves "
                f"{own[levels[0]]:.1%} to {own[levels[-1]]:.1%} at these levels; its accuracy is interpolated)"
            )
        gap = 100 * (iterative[levels] - per_seed(pruned_once, ACCURACY)[levels])
        claim = "Iterative pruning beats one-shot pruning below 15% of the weights."
        self._mean_gap(claim, "Figure 4c", effect, gap)

    def _mean_gap(self, claim: str, where: str, effect: str, gap: pd.DataFrame) -> None:
        """A claim on the mean over levels, where there are any."""
        if len(gap.columns):
            self.add(claim, where, f"test accuracy at early stop, {effect}", gap.mean(axis="columns", skipna=False))

    # ------------------------------------------------------------ appendix F: weights

    def movement(self) -> None:
        """Kept weights against pruned ones in dense training, over all layers."""
        weights = self.tables["weights"]
        weights = weights[(weights["task"] == self.task) & (weights["quantity"] == "distance")]
        rows = self.rows()
        level = nearest_level(rows[rows["level"].isin(weights["level"])], MODERATE)
        if not level:
            return
        bins = weights[weights["level"] == level]
        bins = bins.assign(total=bins["count"] * (bins["left"] + bins["right"]) / 2)
        sums = bins.groupby(["seed", "group"])[["total", "count"]].sum()
        means = (sums["total"] / sums["count"]).unstack("group")
        self.add(
            "Training moves the weights of the winning ticket farther than the pruned ones.",
            "appendix F, Figure 19",
            f"mean distance moved in dense training, kept over pruned weights, at {self.density(rows, level)} density",
            100 * (means["kept"] / means["pruned"] - 1),
            unit="% of pruned",
        )


def levels_between(rows: pd.DataFrame, high: float, low: float) -> Sequence[int]:
    """The levels from the one nearest to density `high` to the one nearest to `low`; none when either is missing."""
    first, last = nearest_level(rows, high), nearest_level(rows, low)
    if first is None or last is None:
        return []
    return [int(level) for level in sorted(rows["level"].unique()) if first <= level <= last]


def compared(densities: pd.Series, highest: float) -> pd.Series:
    """The densities (by level) that strategies are compared at: below the highest, and above the collapse at 2%."""
    return densities[(densities > 0.02) & (densities < highest)]


def mean_over(densities: pd.Series) -> str:
    """Which densities an effect averages over."""
    if len(densities) < 2:
        return "".join(f"at {density:.1%}" for density in densities)
    return f"mean over {len(densities)} densities, {densities.iloc[0]:.1%} to {densities.iloc[-1]:.1%}"
