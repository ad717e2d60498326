"""The claims of Zhou et al. 2019 (arXiv 1905.01067) about masks and actions, tested per task and chosen level.

Every effect is one number per seed: a difference of test accuracies at early stopping.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.metrics import ACCURACY
from lth_core.studies.claim_sheet import ClaimSheet, with_weights
from lth_core.studies.deconstructing.study import LARGE_FINAL, RANDOM, REWIND, ZERO, Design

NEAR = 0.3
"""Percentage points within which kept signs make up for other starting values: in the paper the curves overlap."""
PAPER = "Zhou et al. 2019"

Comparison = tuple[str, str, str, str, float]
"""A sentence, the section of the paper, the variant said to be more accurate, the other one, and the margin."""

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
        *("section 4", "freeze-init-zero-mask", ZERO, -ACCURACY.matching),
    ),
    (
        "Starting every weight that moved toward zero from zero, kept or pruned, is no worse than setting all pruned "
        "weights to zero",
        *("section 4", "freeze-init-zero-all", ZERO, -ACCURACY.matching),
    ),
    (
        "Zeros help where training moved weights toward zero, not where it moved them away",
        *("section 4", "freeze-init-zero-mask", "freeze-init-zero-reverse", 0),
    ),
    (
        "Zeros help where training moved weights toward zero, not for an equal number of random weights",
        *("section 4", "freeze-init-zero-mask", "freeze-init-zero-reshuffle", 0),
    ),
]
KEPT_SENTENCES = {
    "redraw": "redrawn starting values",
    "reshuffle": "reshuffled starting values",
    "constant": "constant magnitudes",
}


def kept_comparisons() -> Iterator[Comparison]:
    """Yield what the paper says of each way to start kept weights."""
    for action, values in KEPT_SENTENCES.items():
        signed = f"{action}-signed"
        yield f"With their signs kept, {values} do as well as the weights' own", "section 3", signed, REWIND, -NEAR
        yield f"Without their signs, {values} do worse than with them", "section 3", signed, action, 0


def claims(study: Design, config: Config, task: str, accuracies: pd.DataFrame) -> list[Claim]:
    """Test all claims about one task whose variants are trained."""
    table = accuracies[accuracies["task"] == task]
    chains = study.chains(config, study.tasks[task])
    sheet = ClaimSheet("deconstructing", task, ACCURACY)
    for level in study.levels:
        here = table[table["level"] == level]
        densities = with_weights(here["density"].mean())
        by_method = here.pivot(index="seed", columns="method", values="accuracy")
        for part, comparisons in (("criteria", CRITERIA), ("kept", kept_comparisons()), ("pruned", PRUNED)):
            sheet.read_from("accuracies", {"kept": "kept-weights", "pruned": "pruned-weights"}.get(part, part))
            for sentence, section, first, second, margin in comparisons:
                if not {first, second} <= chains[part].keys():
                    continue
                effect = f"test accuracy at early stopping, {first} minus {second}"
                gain = ACCURACY.gain(by_method[chains[part][first]], by_method[chains[part][second]])
                sheet.add(f"{sentence}, {densities}", f"{PAPER}, {section}", effect, gain, margin=margin)
    return sheet.claims
