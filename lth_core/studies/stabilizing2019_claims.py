"""Claims of Frankle et al. 2019 (arXiv 1903.01611), tested per task and chosen level on the table of measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lth_core.analysis.claims import Claim, judge
from lth_core.config import Config

if TYPE_CHECKING:
    from lth_core.studies.stabilizing2019 import Stabilizing2019

STABLE_AT_INITIALIZATION = ("lenet",)
"""Models whose tickets the paper finds stable without rewinding (Figure 3)."""
LEAST_RATIO = 1.3
"""Distance of random over distance of IMP subnetworks that counts as more stable."""
POINTS = "percentage points"
MATCHING = 0.2
"""Percentage points of accuracy within which two subnetworks count as equally good (Frankle et al. 2020)."""


def claims(study: Stabilizing2019, config: Config, task: str, measurements: pd.DataFrame) -> list[Claim]:
    """All claims on one task; every value is of one seed, its draws averaged."""
    stable = config.tasks[task].model.name in STABLE_AT_INITIALIZATION
    table = measurements[measurements["task"] == task]
    return [
        claim
        for level in study.levels
        for claim in _claims_at(table[table["level"] == level], task, stable, study.rewind_steps[-1])
    ]


def _claims_at(table: pd.DataFrame, task: str, stable: bool, last: int) -> list[Claim]:
    """The claims at one level; `stable`: whether the paper finds such a network stable at k = 0."""
    measured = ["accuracy", "validation_accuracy", "order_l2", "pruning_l2"]
    by_seed = table.groupby(["network", "k", "seed"])[measured].agg(lambda draws: draws.mean(skipna=False))
    ticket, random = by_seed.loc["ticket"], by_seed.loc["random-mask"]
    validation = ticket["validation_accuracy"].groupby("k").mean()
    best, best_early = int(validation.loc[1:].idxmax()), int(validation.drop(last).idxmax())
    k = 0 if stable else best
    start = "reset to initialization" if stable else f"rewound to step {best}"
    best_k = f"k={best} (best by validation accuracy)"
    this_k = "k=0" if stable else best_k
    density = f"{100 * table['density'].mean():.1f}% of the weights"

    def claim(values: pd.Series, sentence: str, figure: str, effect: str, unit: str, margin: float = 0.0) -> Claim:
        return judge(
            values,
            study="stabilizing2019",
            task=task,
            claim=f"{sentence}, with {density}.",
            source=f"Frankle et al. 2019, {figure}",
            effect=effect,
            unit=unit,
            margin=margin,
        )

    def ratio(quantity: str) -> pd.Series:
        return random.loc[k, quantity] / ticket.loc[k, quantity]

    def fall(quantity: str) -> pd.Series:
        return 100 * (1 - ticket.loc[last, quantity] / ticket.loc[0, quantity])

    def gain(first: pd.Series, second: pd.Series) -> pd.Series:
        return 100 * (first - second)

    accuracy = ticket["accuracy"]
    kinds = (("order_l2", "data order", "between data orders"), ("pruning_l2", "pruning", "to the dense network"))
    found = [
        claim(
            ratio(quantity),
            f"IMP subnetworks {start} are more stable to {noun} than random ones",
            "Figure 3",
            f"L2 distance {distance}, random divided by IMP, at {this_k}",
            "times",
            LEAST_RATIO,
        )
        for quantity, noun, distance in kinds
    ]
    found.append(
        claim(
            gain(accuracy.loc[k], random.loc[k, "accuracy"]),
            f"IMP subnetworks {start} are more accurate than random ones",
            "Figure 3",
            f"test accuracy, IMP minus random, at {this_k}",
            POINTS,
        )
    )
    found += [
        claim(
            fall(quantity),
            f"Later rewinding makes IMP subnetworks more stable to {noun}",
            "Figure 4",
            f"fall of the L2 distance {distance} from k=0 to k={last}",
            "% of k=0",
        )
        for quantity, noun, distance in kinds
    ]
    if stable:
        reset, effect = gain(accuracy.loc[0], accuracy.loc[best]), f"test accuracy, k=0 minus {best_k}"
        found.append(claim(reset, "IMP subnetworks need no rewinding", "Figure 3", effect, POINTS, -MATCHING))
    else:
        rise, effect = gain(accuracy.loc[best], accuracy.loc[0]), f"test accuracy, {best_k} minus k=0"
        found.append(claim(rise, "Rewinding makes IMP subnetworks more accurate", "Figure 4", effect, POINTS))
    decline = gain(accuracy.loc[best_early], accuracy.loc[last])
    effect = f"test accuracy, k={best_early} (best earlier k by validation accuracy) minus k={last}"
    found.append(claim(decline, "Rewinding too late costs accuracy", "Figure 4", effect, POINTS))
    return found
