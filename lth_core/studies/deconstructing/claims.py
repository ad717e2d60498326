"""The claims of Zhou et al. 2019 (arXiv 1905.01067) about masks and actions, tested per task and chosen level.

Every effect is one number per seed: a difference of test accuracies at early stopping.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from lth_core.analysis.claims import Claim, evaluate_claim
from lth_core.config import Config
from lth_core.studies.deconstructing.study import LARGE_FINAL, RANDOM, REWIND, ZERO

if TYPE_CHECKING:
    from lth_core.studies.deconstructing.study import Deconstructing

NEAR = 0.3
"""Percentage points within which kept signs make up for other starting values (the paper's curves overlap)."""
MATCHING = 0.2
"""Percentage points of accuracy within which two networks match, as Frankle et al. 2020 define it."""
POINTS = "percentage points"

Comparison = tuple[str, str, str, str, float]
"""A sentence, the section of the paper, two variants of which the first is said to be more accurate, and a margin."""

CRITERIA: list[Comparison] = [
    ("Keeping large final weights beats a random mask", "section 2", LARGE_FINAL, RANDOM, 0),
    ("Keeping weights that grew in magnitude beats a random mask", "section 2", "magnitude-increase", RANDOM, 0),
    ("Keeping small final weights is worse than a random mask", "section 2", RANDOM, "small-final", 0),
]
PRUNED: list[Comparison] = [
    ("Pruned weights are better set to zero than frozen at their start", "section 4", ZERO, "freeze-init", 0),
    (
        "Freezing the pruned weights that moved away from zero, and setting only the others to zero, is no worse than "
        "setting all to zero",
        *("section 4", "freeze-init-zero-mask", ZERO, -MATCHING),
    ),
    (
        "Starting every weight that moved toward zero from zero, kept or pruned, is no worse than setting all pruned "
        "weights to zero",
        *("section 4", "freeze-init-zero-all", ZERO, -MATCHING),
    ),
    (
        "Zeros help where training moved weights toward zero, not where it moved them away",
        *("section 4", "freeze-init-zero-mask", "freeze-init-zero-reverse", 0),
    ),
    (
        "Zeros help where training moved weights toward zero, not at as many random places",
        *("section 4", "freeze-init-zero-mask", "freeze-init-zero-reshuffle", 0),
    ),
]
KEPT_SENTENCES = {
    "redraw": "redrawn starting values",
    "reshuffle": "reshuffled starting values",
    "constant": "constant magnitudes",
}


def kept_comparisons() -> Iterator[Comparison]:
    """What the paper says of each way to start kept weights."""
    for action, values in KEPT_SENTENCES.items():
        signed = f"{action}-signed"
        yield f"With their signs kept, {values} do as well as their own", "section 3", signed, REWIND, -NEAR
        yield f"Without their signs, {values} do worse than with them", "section 3", signed, action, 0


def claims(study: Deconstructing, config: Config, task: str, accuracies: pd.DataFrame) -> list[Claim]:
    """All claims about one task whose variants are trained."""
    table = accuracies[accuracies["task"] == task]
    chains = study.chains(config, study.tasks[task])
    found = []
    for level in study.levels:
        here = table[table["level"] == level]
        where = f"with {100 * here['density'].mean():.1f}% of the weights"
        by_method = here.pivot(index="seed", columns="method", values="accuracy")
        for part, comparisons in (("criteria", CRITERIA), ("kept", kept_comparisons()), ("pruned", PRUNED)):
            for sentence, section, first, second, margin in comparisons:
                if not {first, second} <= chains[part].keys():
                    continue
                effect = f"test accuracy at early stopping, {first} minus {second}"
                values = 100 * (by_method[chains[part][first]] - by_method[chains[part][second]])
                found.append(claim(task, f"{sentence}, {where}.", section, effect, values, margin))
    return found


def claim(
    task: str, sentence: str, section: str, effect: str, values: pd.Series, margin: float = 0.0, unit: str = POINTS
) -> Claim:
    """Judge one value of the effect per seed."""
    return evaluate_claim(
        values.to_numpy(),
        study="deconstructing",
        task=task,
        claim=sentence,
        source=f"Zhou et al. 2019, {section}",
        effect=effect,
        unit=unit,
        margin=margin,
    )
