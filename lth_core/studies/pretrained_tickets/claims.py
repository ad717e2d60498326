"""The claims of Chen et al. 2020 (arXiv 2007.12223), tested per task on the study's table.

Every effect is one number per seed, paired within the seed; draws are averaged. Controls are compared where the paper
does it: with the fewest weights whose tickets match. Validation data decide which these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.analysis.measurements import level_densities, nearest_level, per_seed, seed_means
from lth_core.config import Config
from lth_core.studies.claim_sheet import TaskSheet, with_weights
from lth_core.studies.pretrained_tickets.study import FRESH, PERMUTED, RANDOM, Design, again
from lth_core.studies.pretrained_tickets.view import View

PAPER = "Chen et al. 2020"
FIRST = 0.6
"""The density at which all tasks of the paper have matching tickets: their sparsities are 40% to 90%."""
TRANSFERRED = 0.3
"""The density at which the paper trains masks on other tasks: that of its pre-training ticket."""
WORSE = {RANDOM: "random masks", FRESH: "the same masks on fresh weights", PERMUTED: "permuted pre-trained weights"}
"""Control -> what tickets are said to beat."""


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims about every task, and those about the pre-training."""
    made = DownstreamClaims.of_all_tasks(study, config, tables)
    if source := study.pretraining(config):
        pretraining = MaskClaims(study, config, tables, again(source))
        pretraining.against_masks_of_tasks()
        made += pretraining.sheet.claims
    return made


@dataclass(frozen=True)
class MaskClaims(TaskSheet, View):
    """Collects the claims about masks that are trained on one task."""

    name: ClassVar[str] = "pretrained-tickets"

    @property
    def measured(self) -> str:
        """Say what is measured, for effects."""
        return f"test {self.metric.label} at the end of training"

    def gain(self, first: pd.DataFrame, second: pd.DataFrame) -> pd.Series:
        """Return how much better `first` is, by seed, in the metric's unit."""
        return self.metric.gain(seed_means(first, "metric"), seed_means(second, "metric"))

    @cached_property
    def exchanged(self) -> int | None:
        """Return the level at which masks are compared; None if none of those measured is near the paper's."""
        tickets = self.rows()
        return nearest_level(tickets[tickets["level"].isin(self.study.levels(self.config))], TRANSFERRED)

    def at(self, level: int, branch: str = "ticket", mask_of: str | None = None) -> pd.DataFrame:
        """Return the rows of one level."""
        rows = self.rows(branch, mask_of)
        return rows[rows["level"] == level]

    def weights(self, level: int) -> str:
        """Name the density of a level: "with 30% of the weights"."""
        return with_weights(level_densities(self.rows())[level])

    def mean_of_masks(self, level: int, sources: list[str]) -> pd.Series:
        """Return the test metric by seed, averaged over the masks of several tasks."""
        by_source = [seed_means(self.at(level, mask_of=source), "metric") for source in sources]
        return pd.concat(by_source, axis="columns").mean(axis="columns", skipna=False)

    def against_masks_of_tasks(self) -> None:
        """Compare the mask of the pre-training, on its own objective, with the masks of tasks."""
        self.sheet.read_from("measurements", "masks", "")
        tasks, level = list(self.study.tasks), self.exchanged
        if level is None:
            return
        theirs = self.mean_of_masks(level, tasks)
        self.sheet.add(
            f"Masks of tasks do not serve the pre-training objective as well as its own, {self.weights(level)}",
            PAPER,
            f"{self.measured}, {self.metric.minus('own mask', 'masks of tasks')}, mean over {len(tasks)} of these",
            self.metric.gain(seed_means(self.at(level), "metric"), theirs),
        )


@dataclass(frozen=True)
class DownstreamClaims(MaskClaims):
    """Collects the claims about one downstream task."""

    def fill(self) -> None:
        """Add all claims about the task."""
        self.of_pretraining()
        self.of_matching()
        self.against_controls()
        self.of_the_pretraining_mask()

    def of_pretraining(self) -> None:
        """Claim what all others rest on: that pre-trained weights are worth something for the task."""
        self.sheet.read_from("measurements", "tickets", "")
        fresh = self.dense_control(FRESH)
        if len(fresh):
            self.sheet.add(
                "Pre-training helps: the dense network is better from pre-trained weights than from fresh ones",
                f"premise of {PAPER}",
                f"{self.measured}, dense, {self.metric.minus('pre-trained', 'fresh')}",
                self.gain(self.dense(), fresh),
            )

    def of_matching(self) -> None:
        """Claim that tickets of the paper's smallest sparsity match the dense network."""
        self.sheet.read_from("measurements", "tickets", "")
        level = nearest_level(self.rows(), FIRST, within=1.1)
        if level is None:
            return
        self.sheet.match(
            f"Matching tickets exist: {self.weights(level)} they match the dense network, both from pre-trained "
            f"weights (within {self.metric.tolerance})",
            f"{PAPER}; what matches: this project",
            f"{self.measured}, {self.metric.minus('ticket', 'dense')}",
            self.gain(self.at(level), self.dense()),
            self.gains_of_controls(level, self.dense()),
        )

    def gains_of_controls(
        self, level: int, reference: pd.DataFrame, names: Sequence[str] | None = None
    ) -> dict[str, pd.Series]:
        """Return by how much controls that are trained at a level are better than a reference, by their nouns."""
        rows = {name: self.at(level, name) for name in self.study.controls if names is None or name in names}
        return {
            WORSE.get(name, f"branch '{name}'"): self.gain(one, reference) for name, one in rows.items() if len(one)
        }

    def fewest(self, control: str) -> tuple[int | None, str]:
        """Return the level at which a control is compared, and in words how it was chosen."""
        levels = set(self.rows(control)["level"])
        tickets = self.rows()
        tickets = tickets[tickets["level"].isin(levels)]
        densities = level_densities(tickets)
        sparse = densities[densities <= 1.05 * FIRST]
        if sparse.empty:
            return None, ""
        values = per_seed(tickets, "validation_metric")
        dense = seed_means(self.dense(), "validation_metric")
        matching = [
            level
            for level in sparse.index
            if self.metric.gain(values[level], dense).mean(skipna=False) >= -self.metric.matching
        ]
        if matching:
            return max(matching), "the fewest, of those compared, with which tickets match on validation data"
        return min(sparse.index), "no ticket matches on validation data"

    def against_controls(self) -> None:
        """Claim that tickets beat each control where they match with the fewest weights."""
        self.sheet.read_from("measurements", "tickets", "")
        for control in self.study.controls:
            level, chosen = self.fewest(control)
            if level is None:
                continue
            named = WORSE.get(control, f"'{control}'")
            self.sheet.add(
                f"Tickets beat {named}, {self.weights(level)} ({chosen})",
                PAPER,
                f"{self.measured}, {self.metric.minus('ticket', named)}",
                self.gain(self.at(level), self.at(level, control)),
            )

    def of_the_pretraining_mask(self) -> None:
        """Claim that the mask of the pre-training serves every task, and better than those of other tasks."""
        self.sheet.read_from("measurements", "masks", "")
        source, level = self.study.pretraining(self.config), self.exchanged
        if source is None or level is None:
            return
        universal = self.at(level, mask_of=again(source))
        self.sheet.match(
            f"The mask of the pre-training transfers: {self.weights(level)} it matches the task's own mask "
            f"(within {self.metric.tolerance})",
            f"{PAPER}; what matches: this project",
            f"{self.measured}, {self.metric.minus('mask of the pre-training', 'own mask')}",
            self.gain(universal, self.at(level)),
            self.gains_of_controls(level, self.at(level), [RANDOM]),
            subject="that mask",
        )
        others = [task for task in self.study.tasks if task != self.task]
        if others:
            self.sheet.add(
                f"Masks of other tasks transfer less than that of the pre-training, {self.weights(level)}",
                PAPER,
                f"{self.measured}, {self.metric.minus('mask of the pre-training', 'masks of other tasks')}"
                + (f", mean over {len(others)} of these" if len(others) > 1 else ""),
                self.metric.gain(seed_means(universal, "metric"), self.mean_of_masks(level, others)),
            )
