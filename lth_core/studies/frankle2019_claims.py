"""The claims of Frankle & Carbin 2019, tested on the study's tables.

Every effect is one number per seed, a paired difference where two networks are compared (draws are averaged within
their seed). Densities and margins are the papers'; a claim whose densities were not trained is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from lth_core.analysis.claims import Claim, judge
from lth_core.analysis.measurements import nearest_level, per_seed, select, select_dense
from lth_core.config import Config
from lth_core.studies.frankle2019 import Frankle2019, continued, drops_rate, one_shot, treatment

PAPER = "Frankle & Carbin 2019"
POINTS = "percentage points"
MATCHING = -0.2
"""Percentage points below dense at which a network still matches it, as Frankle et al. 2020 define it."""
ACCURACY = "test_accuracy_early_stop"
STEP = "early_stop_step"
MODERATE, SPARSE = 0.21, 0.05
"""The densities at which the paper compares tickets with controls, and at which all LeNets still fit their data."""


def claims(study: Frankle2019, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """All claims that the configured tasks allow, task by task."""
    found: list[Claim] = []
    for task in study.tasks:
        about = TaskClaims(study, config, tables, task)
        if not drops_rate(config.tasks[task]):
            about.tickets()
            about.controls()
            about.strategies()
        about.movement()
        found += about.made
    for tasks in study.rate_groups(config):
        found += rate_claims(study, config, tables, tasks)
    return found


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
        self.made.append(judge(differences.to_numpy(), **facts, effect=effect, unit=unit, margin=margin))

    # ------------------------------------------------------------ section 2: tickets

    def tickets(self) -> None:
        """Tickets against the dense network."""
        rows = self.rows()
        levels = levels_between(rows, 0.50, 0.10)
        if levels:
            spread = f"mean over densities {self.density(rows, levels[0])} to {self.density(rows, levels[-1])}"
            accuracy = 100 * per_seed(rows, ACCURACY)[levels].sub(self.dense(ACCURACY), axis="index")
            self.add(
                "Winning tickets with 50% to 10% of the weights reach at least the dense network's test accuracy.",
                "Figures 4 and 5",
                f"test accuracy at early stop, ticket minus dense, {spread}",
                accuracy.mean(axis="columns", skipna=False),
                margin=MATCHING,
            )
        level = nearest_level(rows, MODERATE)
        if level:
            saved = 100 * (1 - per_seed(rows, STEP)[level] / self.dense(STEP))
            self.add(
                "Winning tickets with 21% of the weights learn faster than the dense network.",
                "Figure 4a",
                f"steps to early stop saved by the ticket at {self.density(rows, level)} density",
                saved,
                unit="% of dense",
            )
        level = nearest_level(rows, 0.02)
        if level:
            self.add(
                "Tickets with 2% of the weights no longer reach the dense network's accuracy.",
                "Figures 4 and 5",
                f"test accuracy at early stop, dense minus ticket, at {self.density(rows, level)} density",
                100 * (self.dense(ACCURACY) - per_seed(rows, ACCURACY)[level]),
            )

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
                f"further steps to early stop of the reinitialized ticket {at}",
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
            self._mean_below(
                0.15,
                "Iterative pruning beats one-shot pruning below 15% of the weights.",
                "Figure 4c",
                "iterative minus one-shot",
                self.gap(tickets, self.rows(method=one_shot(method))),
            )
        if self.study.has_continued(settings):
            without = self.rows("reset", continued(method))
            effect, where = "with resetting minus without", "appendix B, Figures 9 and 10"
            claim = "Resetting the weights in every round of pruning finds masks that"
            self._mean_below(
                0.10,
                f"{claim} reach higher accuracy, below 10% of the weights.",
                where,
                effect,
                self.gap(tickets, without),
            )

    def _mean_below(self, highest: float, claim: str, where: str, effect: str, gap: pd.DataFrame) -> None:
        """A claim on the mean gap over the compared levels below a density and above the collapse at 2%."""
        rows = self.rows()
        densities = rows.drop_duplicates("level").set_index("level")["density"]
        levels = [level for level in gap if 0.02 < densities[level] < highest]
        if levels:
            spread = f"mean over {len(levels)} densities, {densities[levels[0]]:.1%} to {densities[levels[-1]]:.1%}"
            differences = gap[levels].mean(axis="columns", skipna=False)
            self.add(claim, where, f"test accuracy at early stop, {effect}, {spread}", differences)

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


# ---------------------------------------------------------------- section 4: learning rates that fall in steps


def rate_claims(
    study: Frankle2019, config: Config, tables: dict[str, pd.DataFrame], tasks: tuple[str, ...]
) -> list[Claim]:
    """Deep networks: the highest learning rate without warmup against each lower rate or warmup (Figures 7 and 8)."""

    def standard(task: str) -> tuple[bool, float]:
        recipe = config.tasks[task].train
        return recipe.schedule.warmup_steps == 0, recipe.optimizer.learning_rate

    highest = max(tasks, key=standard)
    gaps = {}
    for task in tasks:
        about = TaskClaims(study, config, tables, task)
        reinit = about.control("reinit")
        level = nearest_level(about.rows(reinit), MODERATE) if reinit else None
        if level:
            gaps[task] = about, level, about.gap(about.rows(), about.rows(reinit), "test_accuracy_end")[level]
    made = []
    for task, (about, level, gap) in gaps.items():
        if task == highest or highest not in gaps:
            continue
        reference = gaps[highest][2]
        shared = gap.index.intersection(reference.index)
        at = f"at {about.density(about.rows(), level)} density"
        effect = "test accuracy at end of training, ticket minus reinitialized ticket"
        about.add(
            "With a lower learning rate or warmup, tickets beat the same masks reinitialized.",
            "section 4, Figures 7 and 8",
            f"{effect}, {at}",
            gap,
        )
        about.add(
            "Tickets of deep networks need a lower learning rate or warmup.",
            "section 4, Figures 7 and 8",
            f"{effect}, {at}, compared with task {highest}",
            gap[shared] - reference[shared],
        )
        made += about.made
    return made
