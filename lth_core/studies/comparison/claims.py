"""What papers claim of the compared methods, tested per task on the study's tables.

Every effect is one number per seed, a mean over the densities that its sentence names. A sentence about all methods is
tested on the one of them whose interval reaches lowest: it holds if it holds for each (an intersection-union test).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import pandas as pd

from lth_core.analysis.claims import Claim, mean_interval
from lth_core.config import Config
from lth_core.metrics import counted
from lth_core.studies.claim_sheet import TaskSheet, with_weights
from lth_core.studies.comparison.study import TOTAL, TRAINING, Design
from lth_core.studies.comparison.view import View
from lth_core.studies.contenders import BEFORE, CONTROL

SPARSE, MODERATE = 0.05, 0.1
"""The densities from which methods are said to differ: sparsities of 95% and of 90%."""
RANDOM_MASKS = {"random": "uniform random masks", "random-erk": "random masks of ERK densities"}
"""Methods that look at nothing, and what sentences call them."""
SAME_COST = 1.1
"""Costs that differ by at most this factor are the same: the lengths of trainings are planned by density alone."""
RIGL = "Evci et al. 2020 (arXiv 1911.11134)"
MISSING_THE_MARK = "Frankle et al. 2021 (arXiv 2009.08576), abstract"


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims about every task, as far as its methods and densities reach."""
    return TaskClaims.of_all_tasks(study, config, tables)


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "comparison"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.sheet.read_from("measurements", "densities")
        self.of_gradual_pruning()
        self.of_sparse_training()
        self.of_random_masks()
        self.of_initialization()
        self.of_rewinding()
        self.at_equal_cost()

    @cached_property
    def view(self) -> View:
        """Return the task's tables."""
        return View(self.study, self.config, self.tables, self.task)

    def below(self, highest: float) -> list[float]:
        """List the compared densities that are not above `highest`."""
        return [density for density in self.study.densities if density <= 1.05 * highest]

    # ------------------------------------------------------------ kinds of claims

    def compare(
        self,
        sentence: str,
        source: str,
        pair: tuple[str, str],
        densities: list[float],
        *,
        budget: str = TRAINING,
        at_least: bool = False,
    ) -> None:
        """Claim that the first of two methods is better, or `at_least` no worse, if both are compared."""
        view = self.view
        if not densities or not {*pair} <= view.contenders.keys():
            return
        labels = [view.contenders[name].label for name in pair]
        effect = f"test {view.metric.label} at the end of training, {view.metric.minus(*labels)}{_mean_over(densities)}"
        gain = view.gain(*pair, densities, budget)
        if not at_least:
            self.sheet.add(f"{sentence}, {with_weights(*densities)}", source, effect, gain)
            return
        controls = [name for name in RANDOM_MASKS if name in view.contenders and name not in pair]
        self.sheet.match(
            f"{sentence} (within {view.metric.tolerance}), {with_weights(*densities)}",
            source,
            effect,
            gain,
            {RANDOM_MASKS[name]: view.gain(name, pair[1], densities, budget) for name in controls},
            subject=labels[0],
        )

    def of_all(self, sentence: str, source: str, gains: Mapping[str, pd.Series], than: str, more: bool) -> None:
        """Claim that methods are all better (`more`) or all worse than another one, by their gains over it."""
        if not gains:
            return
        view, densities = self.view, self.below(SPARSE)
        signed = {name: gain if more else -gain for name, gain in gains.items()}
        nearest = min(signed, key=lambda name: mean_interval(signed[name].dropna())[1])
        known = pd.DataFrame(signed).notna().all(axis="columns")  # seeds of which no method diverged
        labels = (view.contenders[nearest].label, view.contenders[than].label)
        self.sheet.add(
            f"{sentence}, {with_weights(*densities)}",
            source,
            f"test {view.metric.label} at the end of training, {view.metric.minus(*(labels if more else labels[::-1]))}"
            f"{_mean_over(densities)}; of {counted(len(gains), 'methods')} the one whose interval reaches lowest",
            signed[nearest].where(known),
        )

    # ------------------------------------------------------------ claims

    def of_gradual_pruning(self) -> None:
        """Compare gradual with one-shot pruning."""
        self.compare(
            "gradual pruning, within one training, is no worse than one-shot pruning, which trains twice",
            "Zhu & Gupta 2017 (arXiv 1710.01878)",
            ("gradual", "one-shot"),
            self.study.densities,
            at_least=True,
        )

    def of_sparse_training(self) -> None:
        """Put masks that change while training, and those that do not, in their order."""
        sparse = self.below(SPARSE)
        self.compare("masks that change at random (SET) beat static ones", RIGL, ("set", "random-erk"), sparse)
        sentence = "growing by gradients (RigL) is no worse than growing at random (SET)"
        self.compare(sentence, RIGL, ("rigl", "set"), sparse, at_least=True)
        sentence = "pruning gradually from dense is no worse than training sparse throughout (RigL)"
        self.compare(sentence, RIGL, ("gradual", "rigl"), sparse, at_least=True)

    def of_random_masks(self) -> None:
        """Compare allocations of random masks, and all methods with random masks."""
        sparse, contenders = self.below(SPARSE), self.view.contenders
        sentence = "random masks with densities that fall with width (ERK) beat uniform ones"
        self.compare(sentence, f"{RIGL}; Liu et al. 2022 (arXiv 2202.02643)", ("random-erk", "random"), sparse)
        if "random" in contenders and sparse:
            others = [name for name, one in contenders.items() if one.group != CONTROL and one.trains_weights]
            gains = {name: self.view.gain(name, "random", sparse) for name in others}
            sentence = "every method that trains weights beats uniform random masks"
            self.of_all(sentence, MISSING_THE_MARK, gains, "random", more=True)

    def of_initialization(self) -> None:
        """Compare masks that are made at initialization with magnitudes after training."""
        sparse, contenders = self.below(SPARSE), self.view.contenders
        if "one-shot" in contenders and sparse:
            early = [name for name, contender in contenders.items() if contender.group == BEFORE]
            gains = {name: self.view.gain(name, "one-shot", sparse) for name in early}
            sentence = "every method that prunes at initialization trails magnitude pruning after training (one-shot)"
            self.of_all(sentence, MISSING_THE_MARK, gains, "one-shot", more=False)

    def of_rewinding(self) -> None:
        """Compare rewinding of the learning rate with that of weights."""
        rewound = "imp-rewind" if "imp-rewind" in self.view.contenders else "imp-reset"
        self.compare(
            "rewinding the learning rate alone is no worse than rewinding the weights, too",
            "Gadhikar & Burkholz 2024 (Masks, signs, and learning rate rewinding), abstract",
            ("imp-lr-rewind", rewound),
            self.below(MODERATE),
            at_least=True,
        )

    def at_equal_cost(self) -> None:
        """Compare iterative pruning with what costs less, where that is trained until it has cost the same."""
        self.sheet.read_from("measurements", "equal-cost")
        for other, words in (("random-erk", "random masks (ERK)"), ("gradual", "gradual pruning")):
            pair = ("imp-reset", other)
            if {*pair} <= self.view.contenders.keys():
                same = [density for density in self.study.total_densities if self.cost_the_same(pair, density)]
                sentence = f"searching for a ticket pays: iterative pruning beats {words} at the same cost in all"
                self.compare(sentence, "of this comparison: no paper states it", pair, same, budget=TOTAL)

    def cost_the_same(self, pair: tuple[str, str], density: float) -> bool:
        """Return whether two methods have cost the same at a density, where trainings may be longer for it."""
        low, high = sorted(self.view.mean_cost(name, density, "total", TOTAL) for name in pair)
        return high <= SAME_COST * low


def _mean_over(densities: list[float]) -> str:
    """What an effect is averaged over; nothing where there is only one."""
    return f", mean over {len(densities)} densities" if len(densities) > 1 else ""
