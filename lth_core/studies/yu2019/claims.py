"""The claims of Yu et al. 2020, tested per task on the study's tables.

Every effect is one number per seed (draws are averaged within their seed), a mean over the densities that it names. The
paper compares below 20% of the weights (language) and below 10% (control), at the end of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import (
    at_densities,
    level_densities,
    nearest_level,
    per_seed,
    seed_means,
    select,
    select_dense,
)
from lth_core.config import Config
from lth_core.metrics import percent_text
from lth_core.studies.captions import better
from lth_core.studies.chains import rewound
from lth_core.studies.claim_sheet import ClaimSheet, TaskSheet, with_weights
from lth_core.studies.yu2019.study import RANDOM, REINIT, Design, one_shot, with_embeddings
from lth_core.tasks.metrics import metric_of

PAPER = "Yu et al. 2020"
SPARSE, SPARSE_CONTROL = 0.20, 0.10
"""The densities below which tickets are compared."""
A_THIRD, HALF = 1 / 3, 0.5
EMBEDDING = "embedding"
NOUNS = {RANDOM: "random tickets", REINIT: "the same masks on fresh weights"}
"""What sentences call the controls."""


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims about every task, and those about two tasks of control."""
    return TaskClaims.of_all_tasks(study, config, tables) + _of_two_tasks(study, config, tables)


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "yu2019"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.against_controls()
        self.of_rewinding()
        self.against_one_shot()
        self.of_a_third()
        self.of_embeddings()

    # ------------------------------------------------------------ reading the tables

    @property
    def method(self) -> str:
        """Return the method that finds the tickets."""
        return self.study.tasks[self.task]

    @property
    def highest(self) -> float:
        """Return the density below which tickets are compared."""
        return SPARSE_CONTROL if self.sheet.metric.selects else SPARSE

    def rows(self, branch: str = "ticket", method: str | None = None, task: str | None = None) -> pd.DataFrame:
        """Return the measurements of one curve, without the dense network."""
        return select(self.tables["measurements"], task or self.task, method or self.method, branch)

    def gain(self, first: pd.DataFrame, second: pd.DataFrame, highest: float | None = None) -> pd.DataFrame:
        """Return how much better `first` is per seed (rows) and common level (columns), where few weights are left."""
        one, other = per_seed(first, "metric"), per_seed(second, "metric")
        densities = level_densities(first)
        most = 1.05 * (highest or self.highest)  # 20.97% is the paper's 20%
        common = [level for level in one.columns.intersection(other.columns) if densities[level] <= most]
        return self.sheet.metric.gain(one[common], other[common])

    # ------------------------------------------------------------ claims

    def compare(self, sentence: str, names: tuple[str, str], gain: pd.DataFrame) -> None:
        """Claim that the first is better, averaged over the levels of a gain, if there are any."""
        if not len(gain.columns):
            return
        densities = level_densities(self.rows())[list(gain.columns)]
        self.sheet.add(
            f"{sentence}, {with_weights(*densities)}",
            PAPER,
            f"test {self.sheet.metric.label} at the end of training, {self.sheet.metric.minus(*names)}"
            f"{_mean_over(len(gain.columns), 'densities')}",
            gain.mean(axis="columns", skipna=False),
        )

    def against_controls(self) -> None:
        """Compare tickets with random tickets, and with their masks on fresh weights."""
        self.sheet.read_from("measurements", "tickets")
        for control, noun in NOUNS.items():
            if control in self.study.controls:
                name = noun.removesuffix("s") if control == RANDOM else "mask on fresh weights"
                gain = self.gain(self.rows(), self.rows(control))
                self.compare(f"Tickets beat {noun}", ("ticket", name), gain)

    def of_rewinding(self) -> None:
        """Compare rewinding with resetting, and what is reset with random tickets."""
        self.sheet.read_from("measurements", "tickets")
        method = self.config.methods[self.method]
        if not self.study.has_resetting(method):
            return
        reset = self.rows(method=rewound(self.config, self.method, 0)[0])
        sentence = f"Late rewinding (step {method.rewind.step}) beats resetting to step 0"
        self.compare(sentence, ("rewound", "reset"), self.gain(self.rows(), reset))
        if RANDOM in self.study.controls:
            gain = self.gain(reset, self.rows(RANDOM))
            self.compare("Tickets that are reset to step 0 beat random tickets", ("reset", "random ticket"), gain)

    def against_one_shot(self) -> None:
        """Compare iterative with one-shot pruning."""
        self.sheet.read_from("measurements", "tickets")
        if self.study.has_one_shot(self.config.methods[self.method]):
            gain = self.gain(self.rows(), self.rows(method=one_shot(self.method)))
            self.compare("Iterative pruning beats one-shot pruning", ("iterative", "one-shot"), gain)

    def of_a_third(self) -> None:
        """Compare the ticket with a third of the weights with the dense network, for language."""
        self.sheet.read_from("measurements", "tickets")
        rows, metric = self.rows(), self.sheet.metric
        level = nearest_level(rows, A_THIRD, within=1.1)
        if level is None or metric.selects:
            return
        dense = per_seed(select_dense(self.tables["measurements"], self.task), "metric")[0]
        controls = {name: per_seed(self.rows(name), "metric") for name in self.study.controls}
        self.sheet.match(
            f"Two thirds of the weights go without loss (within {metric.tolerance}): tickets "
            f"{with_weights(level_densities(rows)[level])} match or {metric.directed('exceed', 'undercut')} the dense "
            f"network's {metric.label}",
            f"{PAPER}, abstract",
            f"test {metric.label} at the end of training, {metric.minus('ticket', 'dense')}",
            metric.gain(per_seed(rows, "metric")[level], dense),
            {
                NOUNS.get(name, f"branch '{name}'"): metric.gain(values[level], dense)
                for name, values in controls.items()
                if level in values
            },
        )

    def of_embeddings(self) -> None:
        """Compare tickets that keep their embeddings with tickets that do not, at equal numbers of weights in all."""
        if not self.study.compares_embeddings(self.config.tasks[self.task]):
            return
        self.sheet.read_from("measurements", "embeddings")
        task = with_embeddings(self.task)
        kept, pruned = self.rows(), self.rows(task=task)
        pruned = pd.concat([select_dense(self.tables["measurements"], task), pruned])  # down from all weights
        wanted = kept.groupby("level")["remaining"].mean()
        other = pruned.groupby("level")["remaining"].mean()
        at_equal = at_densities(per_seed(pruned, "metric"), other, wanted[wanted <= HALF])
        if len(at_equal.columns):
            metric, levels = self.sheet.metric, list(at_equal.columns)
            weights = with_weights(*wanted[levels], of="all weights, embeddings included")
            self.sheet.add(
                f"Embeddings are better left alone: {weights}, tickets that keep all of their embeddings "
                f"{better(metric)} than tickets whose embeddings are pruned, too",
                f"{PAPER}, which leaves embeddings out",
                f"test {metric.label} at the end of training, {metric.minus('embeddings kept', 'embeddings pruned')} "
                f"(interpolated){_mean_over(len(levels), 'densities')}",
                metric.gain(per_seed(kept, "metric")[levels], at_equal).mean(axis="columns", skipna=False),
            )
        self._of_their_density(task)

    def _of_their_density(self, task: str) -> None:
        self.sheet.read_from("layers", "embeddings")
        layers = self.tables["layers"]
        layers = layers[(layers["task"] == task) & (layers["method"] == self.method)]
        level = nearest_level(self.rows(task=task), SPARSE)
        layers = layers[layers["level"] == level]
        embeddings = layers["kind"] == EMBEDDING
        of_embeddings, of_others = (seed_means(layers[rows], "kept") for rows in (embeddings, ~embeddings))
        if level is not None and len(of_embeddings):
            self.sheet.add(
                "Where embeddings are pruned, too, pruning removes more of them than of other layers",
                f"after {PAPER}, which leaves embeddings out",
                "weights kept of other layers (mean) minus those kept of embeddings, where "
                f"{percent_text(level_densities(self.rows(task=task))[level])}% of the weights are left in all",
                100 * (of_others - of_embeddings),
                unit="percentage points",
            )


def _of_two_tasks(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Claim that the first of two control tasks gains more by tickets than the second."""
    control = [task for task in study.tasks if metric_of(config.tasks[task]).selects]
    control.sort(key=lambda task: config.tasks[task].dataset == "acrobot")  # the paper's case of little difference
    if RANDOM not in study.controls or len(control) < 2:
        return []
    shares = [relative_advantage(TaskClaims(study, config, tables, task)) for task in control[:2]]
    one, other = shares[0].align(shares[1], join="inner")  # seeds and levels of both
    if one.empty:
        return []
    sheet = ClaimSheet("yu2019", control[0], metric_of(config.tasks[control[0]]))
    sheet.read_from("measurements", "advantage", "")
    sheet.add(
        f"Control tasks differ: tickets are ahead of random tickets by more in {control[0]} than in {control[1]}",
        PAPER,
        "advantage over random tickets in percent of what dense training gains, "
        f"{control[0]} minus {control[1]}{_mean_over(len(one.columns), 'levels')}",
        (one - other).mean(axis="columns", skipna=False),
        unit="percentage points",
    )
    return sheet.claims


def relative_advantage(about: TaskClaims, highest: float | None = None) -> pd.DataFrame:
    """Return the ticket's gain over random tickets, in percent of what dense training gains: seeds x levels.

    Levels are those with at most the `highest` density, by default the paper's. A seed whose dense network is no better
    than before its training has no share (nan).
    """
    trained = gain_of_training(about)
    gain = about.gain(about.rows(), about.rows(RANDOM), highest)
    return 100 * gain.div(trained.where(trained > 0), axis="index")


def gain_of_training(about: TaskClaims) -> pd.Series:
    """Return by seed how much better the dense network is at the end of its training than before it."""
    dense = select_dense(about.tables["measurements"], about.task)
    return about.sheet.metric.gain(per_seed(dense, "metric")[0], per_seed(dense, "untrained")[0])


def _mean_over(count: int, what: str) -> str:
    """What an effect is averaged over; nothing where there is only one."""
    return f", mean over {count} {what}" if count > 1 else ""
