"""The claims of Tanaka et al. 2020, Frankle et al. 2021 and Su et al. 2020, tested per task on the study's tables.

Every effect is one number per seed. Accuracies are those at the end of training, averaged over the levels that a claim
is about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from lth_core.analysis.claims import Claim, remarked
from lth_core.analysis.measurements import per_seed, seed_means
from lth_core.config import Config
from lth_core.report.numbers import number
from lth_core.studies.claim_sheet import TaskSheet, with_weights
from lth_core.studies.tanaka2020.study import (
    GRASP,
    INVERTED,
    MAGNITUDE,
    RANDOM,
    REINIT,
    SHUFFLED,
    SNIP,
    SYNFLOW,
    UNCHANGED,
    Design,
    smart_ratio,
)
from lth_core.studies.tanaka2020.tables import AFTER, ITERATIVE

PAPER = "Tanaka et al. 2020"
MISSING_THE_MARK = "Frankle et al. 2021"
SMART_RATIOS = "Su et al. 2020"
EXACT = 5.0
"""Digits to which conserved sums have to agree: a relative difference of 1e-5."""
LITTLE = 10.0
"""The compression up to which magnitude at initialization is said to be no worse than criteria that see data."""
HARMFUL, SPARSE = 0.2, 0.05
"""The densities from which on inverted magnitudes collapse, and from which on smart ratios are compared."""
NAMES = {MAGNITUDE: "magnitude at initialization", SNIP: "SNIP", GRASP: "GraSP", SYNFLOW: "SynFlow"}
REFERENCES = {
    ITERATIVE: "iterative magnitude pruning",
    AFTER: "one-shot magnitude pruning after training",
}
ROUNDED = 1.01
"""Factor within which a density is one that a claim names."""


def claims(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Make all claims about every task."""
    return TaskClaims.of_all_tasks(study, config, tables)


@dataclass(frozen=True)
class TaskClaims(TaskSheet):
    """Collects the claims about one task; each method adds to the sheet what can be tested."""

    name: ClassVar[str] = "tanaka2020"
    study: Design

    def fill(self) -> None:
        """Add all claims about the task."""
        self.of_conservation()
        self.of_collapse()
        self.of_little_compression()
        self.of_checked_masks()
        self.of_layer_ratios()
        self.of_smart_ratios()

    # ------------------------------------------------------------ reading the tables

    def measured(self, pruning: str, check: str = UNCHANGED, least: float = 0.0, most: float = 1.0) -> pd.DataFrame:
        """Return the metric of one way to prune, seeds by levels, at densities from `least` to `most`."""
        rows = self.of_task("measurements")
        rows = rows[(rows["pruning"] == pruning) & (rows["check"] == check)]
        rows = rows[(rows["density"] >= least / ROUNDED) & (rows["density"] <= most * ROUNDED)]
        return per_seed(rows, "metric")

    def critical(self, pruning: str) -> pd.Series:
        """Return the exponent of the critical compression by seed."""
        rows = self.of_task("critical")
        return seed_means(rows[rows["pruning"] == pruning], "critical").map(math.log10)

    def with_densities(self, levels: Iterable[int]) -> str:
        """Name the densities of levels: "with 10% to 1% of the weights"."""
        density = self.of_task("measurements").groupby("level")["density"].mean()
        return with_weights(*(density[level] for level in levels))

    def compare(
        self, sentence: str, source: str, sides: tuple[str, str], pair: tuple[pd.DataFrame, pd.DataFrame], same: bool
    ) -> None:
        """Claim that the first of a pair is better, or with `same` that it matches, averaged over common levels."""
        levels = [int(level) for level in pair[0].columns.intersection(pair[1].columns)]
        if not levels:
            return
        metric = self.sheet.metric
        gains = metric.gain(pair[0][levels], pair[1][levels])
        mean = f", mean over {len(levels)} densities" * (len(levels) > 1)
        effect = f"test {metric.label} at the end of training, {metric.minus(*sides)}{mean}"
        tolerance = f" (within {metric.tolerance})" * same
        claim = self.sheet.match if same else self.sheet.add
        gain = gains.mean(axis="columns", skipna=False)
        claim(f"{sentence}{tolerance}, {self.with_densities(levels)}", source, effect, gain)
        if len(levels) > 1:
            self.note_each({level: gains[level].mean() for level in levels})

    def note_each(self, means: Mapping[int, float]) -> None:
        """Let the last claim, a mean over densities, name the effect at each: one density can decide it."""
        densities = {level: self.with_densities([level]).removesuffix(" of the weights") for level in means}
        each = ", ".join(f"{number(mean, 1)} {densities[level]}" for level, mean in means.items())
        self.sheet.claims[-1] = remarked(self.sheet.claims[-1], f"The effects are {each}.")

    # ------------------------------------------------------------ claims without training

    def of_conservation(self) -> None:
        """Claim that units, and layers that follow each other, have equal sums of synaptic saliency."""
        self.sheet.read_from("conservation", "conservation")
        table = self.of_task("conservation")
        for score in (SYNFLOW, SNIP):
            rows = table[table["score"] == score]
            what, columns = "hidden unit", ["unit_difference"]
            if is_sequence(rows):
                what, columns = "hidden unit and layer", [*columns, "layer_difference"]
            largest = rows.groupby("seed")[columns].max().max(axis="columns").clip(lower=np.finfo(float).eps)
            if largest.notna().all():
                self.sheet.add(
                    f"the synaptic saliency of {NAMES[score]} at initialization is conserved at every {what}",
                    f"{PAPER}, section 5",
                    "decimal digits to which the sums of incoming and outgoing weights agree"
                    f"{', and those of layers,' * (len(columns) > 1)} where they agree least",
                    -largest.map(math.log10),
                    unit="digits",
                    margin=EXACT,
                )

    def of_collapse(self) -> None:
        """Compare critical compressions: of rounds of SynFlow, and of criteria."""
        self.sheet.read_from("critical", "collapse")
        critical = self.of_task("critical")
        known = set(critical["pruning"])
        if SYNFLOW in known:
            most = seed_means(critical[critical["pruning"] == SYNFLOW], "maximal").map(math.log10)
            self.sheet.add(
                "iterated SynFlow keeps weights in every layer up to one weight per layer (within one step of the "
                "compressions)",
                f"{PAPER}, section 6",
                "critical compression minus the maximal one",
                self.critical(SYNFLOW) - most,
                unit="powers of ten",
                margin=-1 / self.study.rungs,
            )
        later = [(SYNFLOW, f"{SYNFLOW}-1", "SynFlow in many rounds", "in one")]
        later += [(first, MAGNITUDE, NAMES[first], NAMES[MAGNITUDE]) for first in (SNIP, GRASP)]
        later += [(SYNFLOW, second, NAMES[SYNFLOW], NAMES[second]) for second in (SNIP, GRASP)]
        for first, second, one, other in later:
            if {first, second} <= known:
                self.sheet.add(
                    f"{one} keeps weights in every layer up to a higher compression than {other}",
                    f"{PAPER}, section 3",
                    f"critical compression, {one} minus {other}",
                    self.critical(first) - self.critical(second),
                    unit="powers of ten",
                )

    # ------------------------------------------------------------ claims about trained networks

    def of_little_compression(self) -> None:
        """Compare magnitude at initialization with criteria that see data, where most of their weights are left."""
        self.sheet.read_from("measurements", "accuracy")
        for other in (SNIP, GRASP):
            pair = [self.measured(pruning, least=1 / LITTLE) for pruning in (MAGNITUDE, other)]
            sentence = (
                f"compressed at most {LITTLE:g} times, magnitude at initialization is no worse than {NAMES[other]}"
            )
            self.compare(sentence, PAPER, ("magnitude", NAMES[other]), (pair[0], pair[1]), same=True)

    def of_checked_masks(self) -> None:
        """Claim that shuffled masks and fresh weights harm pruning after training, and no pruning at initialization."""
        self.sheet.read_from("measurements", "checks")
        treated = {SHUFFLED: ("shuffling masks within layers", "shuffled"), REINIT: ("fresh weights", "fresh weights")}
        for check, (words, side) in treated.items():
            for pruning in self.study.checked(self.config, self.task):
                name = NAMES.get(pruning.criterion, f"'{pruning.criterion}'")
                pair = self.measured(pruning.name, check), self.measured(pruning.name)
                sentence = f"{words} cost{'s' * (check == SHUFFLED)} {name} no {self.sheet.metric.label}"
                self.compare(sentence, MISSING_THE_MARK, (side, "unchanged"), pair, same=True)
            for reference, name in REFERENCES.items():
                pair = self.measured(reference), self.measured(reference, check)
                sentence = f"{words} harm{'s' * (check == SHUFFLED)} {name}"
                self.compare(sentence, MISSING_THE_MARK, ("unchanged", side), pair, same=False)
        pair = self.measured(AFTER, most=HARMFUL), self.measured(AFTER, INVERTED, most=HARMFUL)
        sentence = "keeping the smallest magnitudes after training instead of the largest harms"
        self.compare(sentence, MISSING_THE_MARK, ("largest", "smallest"), pair, same=False)

    def of_layer_ratios(self) -> None:
        """Claim that random masks with the layers' densities of a criterion beat uniform ones."""
        self.sheet.read_from("measurements", "accuracy")
        for criterion in (SNIP, SYNFLOW):
            pair = self.measured(criterion, SHUFFLED), self.measured(RANDOM)
            sentence = f"random masks with the layerwise densities of {NAMES[criterion]} beat uniform random masks"
            self.compare(sentence, MISSING_THE_MARK, ("same densities", "uniform"), pair, same=False)

    def of_smart_ratios(self) -> None:
        """Compare the orders of smart ratios with uniform densities, in networks with convolutions."""
        self.sheet.read_from("measurements", "accuracy")
        if not (self.of_task("collapse")["kind"] == "conv").any():
            return
        uniform = self.measured(RANDOM, most=SPARSE)
        power = self.study.depth_power
        down, up = (
            self.measured(RANDOM, smart_ratio(order, power), most=SPARSE) for order in ("descending", "ascending")
        )
        sentence = "random masks whose layers keep less the deeper they are beat uniform random masks"
        self.compare(sentence, SMART_RATIOS, ("descending", "uniform"), (down, uniform), same=False)
        sentence = "uniform random masks beat those whose layers keep more the deeper they are"
        self.compare(sentence, SMART_RATIOS, ("uniform", "ascending"), (uniform, up), same=False)


def is_sequence(rows: pd.DataFrame) -> bool:
    """Tell from the sums of a score whether each layer but the last is read by the next one alone."""
    by_layer = rows.groupby("layer", sort=False)["unit_difference"].first()
    return bool(by_layer.iloc[:-1].notna().all())
