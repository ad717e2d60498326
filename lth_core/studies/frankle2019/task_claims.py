"""The claims of Frankle & Carbin 2019 about one task, tested on the study's tables.

Every effect is one number per seed, a paired difference where two networks are compared (draws are averaged within
their seed). Densities and margins are the papers'; a claim whose densities were not trained is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from lth_core.analysis.cut_off import CutOff
from lth_core.analysis.measurements import (
    at_densities,
    level_densities,
    nearest_level,
    per_seed,
    seed_means,
    select,
    select_dense,
)
from lth_core.studies.captions import still_improving
from lth_core.studies.claim_sheet import TaskSheet, spanned, with_weights
from lth_core.studies.frankle2019.densities import compared, density, levels_between, mean_over, percent
from lth_core.studies.frankle2019.early_stop import STEP, is_last, too_short
from lth_core.studies.frankle2019.study import Design, continued, one_shot, treatment
from lth_core.studies.published import trains_lenet_as_published

PAPER = "Frankle & Carbin 2019"
EARLY_METRIC = "test_metric_early_stop"
TO_DENSE = "steps_to_dense"
MODERATE, SPARSE = 0.21, 0.05
"""The densities at which the paper compares tickets with controls, and at which all LeNets still fit their data."""
NOUNS = {"reinit": "reinitialized tickets", "random-mask": "random masks"}
"""What sentences call controls, by their treatment."""


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "frankle2019"
    study: Design

    # ------------------------------------------------------------ reading the tables

    def rows(self, branch: str = "ticket", method: str | None = None) -> pd.DataFrame:
        """Return the measurements of one curve, without the dense network."""
        return select(self.tables["measurements"], self.task, method or self.study.tasks[self.task], branch)

    def dense(self, quantity: str) -> pd.Series:
        """Return the dense network's measurement, one value per seed."""
        return per_seed(select_dense(self.tables["measurements"], self.task), quantity)[0]

    def gain(self, first: pd.DataFrame, second: pd.DataFrame, quantity: str = EARLY_METRIC) -> pd.DataFrame:
        """Return how much better `first` is per seed (rows) and common level (columns), in the metric's unit."""
        one, other = per_seed(first, quantity), per_seed(second, quantity)
        common = one.columns.intersection(other.columns)
        return self.sheet.metric.gain(one[common], other[common])

    def early(self, first: str, second: str) -> str:
        """Name how much better `first` is than `second` at early stopping, for effects."""
        return f"test {self.sheet.metric.label} at early stop, {self.sheet.metric.minus(first, second)}"

    def control(self, name: str) -> str | None:
        """Return the first control with this treatment."""
        return next((c for c in self.study.controls if treatment(self.config, c) == name), None)

    def at(self, rows: pd.DataFrame, level: int) -> str:
        """Return the density of a level, for effects: "at 21% density"."""
        return f"at {percent(rows, level)} density"

    def kept(self, rows: pd.DataFrame, *levels: int) -> str:
        """Return the densities of levels, for sentences: "with 51% to 11% of the weights"."""
        return with_weights(*(density(rows, level) for level in levels))

    # ------------------------------------------------------------ section 2: tickets

    def tickets(self) -> None:
        """Compare tickets with the dense network."""
        self.sheet.read_from("measurements", "fig05-early-stop")
        rows, metric = self.rows(), self.sheet.metric
        tickets, dense = per_seed(rows, EARLY_METRIC), self.dense(EARLY_METRIC)

        def mean_gain(values: pd.DataFrame) -> pd.Series:
            return values.apply(metric.gain, second=dense).mean(axis="columns", skipna=False)

        levels = levels_between(rows, 0.50, 0.10)
        if levels:
            self.sheet.match(
                f"Winning tickets {self.kept(rows, levels[0], levels[-1])} match (within {metric.tolerance}) or "
                f"{metric.directed('exceed', 'undercut')} the dense network's test {metric.label}",
                f"{PAPER}, Figures 4 and 5; LeNet with 13.5%: 0.3 points more accurate",
                f"{self.early('ticket', 'dense')}, {mean_over(level_densities(rows)[levels])}",
                mean_gain(tickets[levels]),
                {noun: mean_gain(values) for noun, values in self._controls(levels).items()},
            )
        if level := nearest_level(rows, MODERATE):
            self._faster(rows[rows["level"] == level], level)
        if level := nearest_level(rows, 0.02):
            self.sheet.read_from("measurements", "fig05-early-stop")
            self.sheet.add(
                f"Tickets {self.kept(rows, level)} no longer reach the dense network's {metric.label}",
                f"{PAPER}, Figures 4 and 5",
                f"{self.early('dense', 'ticket')}, {self.at(rows, level)}",
                metric.gain(dense, tickets[level]),
            )

    def _controls(self, levels: Sequence[int]) -> dict[str, pd.DataFrame]:
        """Return the metric (seeds x levels) of every control that is trained at all of these levels, by its noun."""
        values = {name: per_seed(self.rows(name), EARLY_METRIC) for name in self.study.controls}
        nouns = {name: NOUNS.get(treatment(self.config, name), f"branch '{name}'") for name in values}
        return {nouns[name]: one[levels] for name, one in values.items() if set(levels) <= set(one)}

    def _faster(self, rows: pd.DataFrame, level: int) -> None:
        """Make two claims: by early stopping as in the paper, and by the step that comes to the dense network."""
        at, label = self.at(rows, level), self.sheet.metric.label
        sentence = f"Winning tickets {self.kept(rows, level)} learn faster than the dense network"
        self._read_early_stop()
        self.sheet.saved(
            sentence,
            f"{PAPER}, Figure 4a; LeNet with 21.1%: 38%",
            f"steps to early stop saved by the ticket {at}",
            seed_means(rows, STEP) / self.dense(STEP),
            of="dense",
        )
        self._note_cut_off(CutOff("ticket", self._stops_last(rows), "lower"), dense_is="higher")
        last = self.config.tasks[self.task].train.steps
        missed = rows[TO_DENSE].isna() & ~rows["diverged"]
        steps = rows.assign(**{TO_DENSE: rows[TO_DENSE].mask(missed, last)})
        self.sheet.read_from("measurements", "fig03-training")
        self.sheet.saved(
            f"{sentence} (steps to the dense network's validation {label})",
            f"{PAPER}, after Figure 4a",
            f"steps to the dense network's final validation {label} (within {self.sheet.metric.tolerance}) saved by "
            f"the ticket {at}",
            seed_means(steps, TO_DENSE) / self.dense(TO_DENSE),
            of="dense",
        )
        never = CutOff("ticket", missed.set_axis(rows["seed"]), "lower")
        self.sheet.note_cut_off("this was not reached by the last step", never)

    def _read_early_stop(self) -> None:
        """Say what shows the step of early stopping: no figure where training is too short to draw it."""
        drawn = not too_short(self.tables["measurements"], self.config, self.task)
        self.sheet.read_from("measurements", "fig04-tickets" if drawn else "")

    def _note_cut_off(self, side: CutOff, dense_is: Literal["higher", "lower"]) -> None:
        """Let the last claim, on early stopping, conclude only what trainings allow that are best at the end."""
        dense = CutOff("dense", self._stops_last(select_dense(self.tables["measurements"], self.task)), dense_is)
        self.sheet.note_cut_off(f"{still_improving(self.sheet.metric)} at the last step", side, dense)

    def _stops_last(self, rows: pd.DataFrame) -> pd.Series:
        return is_last(rows, self.config, self.task).set_axis(rows["seed"])

    # ------------------------------------------------------------ section 2, appendix E: controls

    def controls(self) -> None:
        """Compare tickets with the same masks on other weights, and these with random masks."""
        reinit, random = self.control("reinit"), self.control("random-mask")
        if reinit:
            self._reinit(self.rows(reinit))
        if reinit and random and trains_lenet_as_published(self.config.tasks[self.task]):
            self.sheet.read_from("measurements", "fig14-controls")
            rows = self.rows(reinit)
            self._at_both_densities(
                "The mask helps even without its initialization: on LeNet, reinitialized tickets beat random masks",
                "appendix E, Figure 14",
                ("reinitialized ticket", "random mask"),
                rows,
                self.gain(rows, self.rows(random)),
            )

    def _reinit(self, rows: pd.DataFrame) -> None:
        self.sheet.read_from("measurements", "fig05-early-stop")
        gain = self.gain(self.rows(), rows)
        self._at_both_densities(
            "The initialization matters: tickets beat the same masks reinitialized",
            "Figures 4 and 5; LeNet with 21%: 0.5 points",
            ("ticket", "reinitialized ticket"),
            rows,
            gain,
        )
        moderate, sparse = nearest_level(rows, MODERATE), nearest_level(rows, SPARSE)
        if moderate and sparse:
            self.sheet.add(
                "The advantage over reinitialization grows as fewer weights remain",
                f"{PAPER}, Figures 4 and 5",
                f"{self.early('ticket', 'reinitialized ticket')}, at {percent(rows, sparse)} minus "
                f"{self.at(rows, moderate)}",
                gain[sparse] - gain[moderate],
            )
        if moderate:
            at, kept, metric = self.at(rows, moderate), self.kept(rows, moderate), self.sheet.metric
            self._read_early_stop()
            self.sheet.excess(
                f"Reinitialized tickets {kept} learn slower than the dense network",
                f"{PAPER}, Figure 4a",
                f"further steps to early stop of the reinitialized ticket {at}",
                per_seed(rows, STEP)[moderate] / self.dense(STEP),
                of="dense",
            )
            cut_off = self._stops_last(rows[rows["level"] == moderate])
            self._note_cut_off(CutOff("reinitialized", cut_off, "higher"), dense_is="lower")
            self.sheet.read_from("measurements", "fig05-early-stop")
            self.sheet.add(
                f"Reinitialized tickets {kept} {metric.directed('fall below', 'rise above')} the dense network's test "
                f"{metric.label}",
                f"{PAPER}, Figure 4",
                f"{self.early('dense', 'reinitialized ticket')}, {at}",
                metric.gain(self.dense(EARLY_METRIC), per_seed(rows, EARLY_METRIC)[moderate]),
            )

    def _at_both_densities(
        self, sentence: str, where: str, networks: tuple[str, str], rows: pd.DataFrame, gain: pd.DataFrame
    ) -> None:
        """Make one claim near 21% and one near 5% density: that the first of two networks is the better one."""
        for target in (MODERATE, SPARSE):
            level = nearest_level(rows, target)
            if level is not None and level in gain:
                self.sheet.add(
                    f"{sentence}, {self.kept(rows, level)}",
                    f"{PAPER}, {where}",
                    f"{self.early(*networks)}, {self.at(rows, level)}",
                    gain[level],
                )

    # ------------------------------------------------------------ section 2, appendix B: ways of pruning

    def strategies(self) -> None:
        """Compare iterative pruning with resetting to one-shot pruning and to pruning without resetting."""
        method = self.study.tasks[self.task]
        settings, tickets = self.config.methods[method], self.rows()
        if self.study.has_one_shot(settings):
            self._against_one_shot(tickets, self.rows(method=one_shot(method)))
        if self.study.has_continued(settings):
            self.sheet.read_from("measurements", "fig09-strategies")
            gain = self.gain(tickets, self.rows("reset", continued(method)))
            densities = compared(level_densities(tickets)[gain.columns], 0.10)
            metric = self.sheet.metric
            self._mean_gain(
                "Resetting the weights in every round of pruning finds masks that reach "
                f"{metric.directed('higher', 'lower')} {metric.label}, below 10% of the weights",
                "appendix B, Figures 9 and 10",
                f"{self.early('with resetting', 'without')}, {mean_over(densities)}",
                gain[densities.index],
            )

    def _against_one_shot(self, tickets: pd.DataFrame, pruned_once: pd.DataFrame) -> None:
        """Compare at the densities of one-shot pruning, which keeps more weights where layers have rates of their own.

        Iterative pruning has a ticket at every level, so its metric is interpolated.
        """
        self.sheet.read_from("measurements", "fig04-tickets")
        by_level = level_densities(tickets)
        iterative = at_densities(per_seed(tickets, EARLY_METRIC), by_level, level_densities(pruned_once))
        densities = compared(level_densities(pruned_once)[iterative.columns], 0.15)
        levels = densities.index
        effect = f"{self.early('iterative', 'one-shot')}, {mean_over(densities)}"
        if not np.allclose(densities, by_level[levels], rtol=0.01):
            effect += (
                f" left by one-shot pruning (iterative pruning leaves {spanned(*by_level[levels])} at these levels; "
                f"its {self.sheet.metric.label} is interpolated)"
            )
        gain = self.sheet.metric.gain(iterative[levels], per_seed(pruned_once, EARLY_METRIC)[levels])
        sentence = "Iterative pruning beats one-shot pruning below 15% of the weights"
        self._mean_gain(sentence, "Figure 4c", effect, gain)

    def _mean_gain(self, sentence: str, where: str, effect: str, gain: pd.DataFrame) -> None:
        """Make a claim about the mean over levels, if there are any."""
        if len(gain.columns):
            mean = gain.mean(axis="columns", skipna=False)
            self.sheet.add(sentence, f"{PAPER}, {where}", effect, mean)

    # ------------------------------------------------------------ appendix F: weights

    def movement(self) -> None:
        """Compare kept weights with pruned ones in dense training, over all layers."""
        self.sheet.read_from("weights", "fig19-distances")
        weights = self.tables["weights"]
        weights = weights[(weights["task"] == self.task) & (weights["quantity"] == "distance")]
        rows = self.rows()
        level = nearest_level(rows[rows["level"].isin(weights["level"])], MODERATE)
        if not level:
            return
        bins = weights[weights["level"] == level]
        sums = bins.groupby(["seed", "group"])[["total", "count"]].sum()
        means = (sums["total"] / sums["count"]).unstack("group")
        self.sheet.excess(
            "Training moves the weights of the winning ticket farther than the pruned ones",
            f"{PAPER}, appendix F, Figure 19",
            f"further mean distance that kept weights move in dense training than pruned ones, {self.at(rows, level)}",
            means["kept"] / means["pruned"],
            of="pruned",
        )
