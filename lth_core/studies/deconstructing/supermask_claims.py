"""The claims of Zhou et al. 2019 (arXiv 1905.01067), section 5, about supermasks, tested per task.

Every effect is one number per seed. Densities, and kinds of learned masks, are chosen by validation accuracy, the same
for all seeds; test accuracies are compared.
"""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.metrics import ACCURACY
from lth_core.studies.claim_sheet import ClaimSheet
from lth_core.studies.deconstructing.study import LARGE_FINAL, LEARNED, RANDOM, Design
from lth_core.studies.deconstructing.tables import at_best_level, best_criterion, best_level, by_seed, learned

SAME_SIGN = "large-final-same-sign"
SOURCE = "Zhou et al. 2019, section 5"
BEST = "at the densities that validation chooses"
UNTRAINED = "test accuracy without training"

MNIST_BY_CRITERION, MNIST_LEARNED = 60.0, 93.0
"""Percent of MNIST's test images that untrained weights should get right under a mask found by a criterion and under a
learned one: below the paper's 86% and 95%, which took longer trainings."""


def supermask_claims(study: Design, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """Test all claims about supermasks of one task."""
    by_criterion, by_learning = (
        table[table["task"] == task] for table in (tables["supermasks"], tables["learned_supermasks"])
    )
    on_mnist = config.dataset(config.tasks[task].dataset).source.name == "mnist"
    sheet = ClaimSheet("deconstructing", task, ACCURACY)
    claim_criteria(sheet, study, by_criterion, on_mnist)
    claim_learning(sheet, by_criterion, by_learning, on_mnist)
    return sheet.claims


def claim_criteria(sheet: ClaimSheet, study: Design, by_criterion: pd.DataFrame, on_mnist: bool) -> None:
    """Claim what masks found by criteria make of untrained networks."""
    sheet.read_from("supermasks", "supermask-densities")

    def accuracy(criterion: str, values: str = "initial") -> pd.Series:
        return ACCURACY.scale * by_seed(at_best_level(by_criterion, criterion, values))

    if {LARGE_FINAL, RANDOM} <= {*study.criteria}:
        sheet.add(
            "Masks of large final weights make untrained networks accurate",
            SOURCE,
            f"{UNTRAINED}, {LARGE_FINAL} minus {RANDOM} masks, {BEST}",
            accuracy(LARGE_FINAL) - accuracy(RANDOM),
        )
    if SAME_SIGN not in study.criteria:
        return
    if LARGE_FINAL in study.criteria:
        sheet.add(
            "Masks of large final weights do so better if only weights that kept their sign are kept",
            SOURCE,
            f"{UNTRAINED}, {SAME_SIGN} minus {LARGE_FINAL} masks, {BEST}",
            accuracy(SAME_SIGN) - accuracy(LARGE_FINAL),
        )
    sheet.add(
        "Signed constants make better supermasks than initial values",
        SOURCE,
        f"{UNTRAINED}, constants minus initial values, {SAME_SIGN} masks, {BEST}",
        accuracy(SAME_SIGN, "constant") - accuracy(SAME_SIGN),
    )
    constants = by_criterion[(by_criterion["criterion"] == SAME_SIGN) & (by_criterion["values"] == "constant")]
    by_level = ACCURACY.scale * constants.pivot(index="seed", columns="level", values="test_accuracy")
    middle, last = best_level(constants), constants["level"].max()
    sheet.add(
        "Supermasks are most accurate at an intermediate density",
        SOURCE,
        f"{UNTRAINED}, level {middle} (best by validation) minus the better of levels 0 and {last}",
        by_level[middle] - by_level[[0, last]].max(axis=1, skipna=False),
    )
    if on_mnist:
        sheet.add(
            f"A mask found by a criterion gets {MNIST_BY_CRITERION:g}% of MNIST right without training a weight",
            f"{SOURCE}, where it is 86%; {MNIST_BY_CRITERION:g}%: this project",
            f"{UNTRAINED}, constants, {SAME_SIGN} masks, {BEST}",
            accuracy(SAME_SIGN, "constant"),
            unit="%",
            margin=MNIST_BY_CRITERION,
        )


def claim_learning(sheet: ClaimSheet, by_criterion: pd.DataFrame, by_learning: pd.DataFrame, on_mnist: bool) -> None:
    """Claim what learned masks make of untrained networks."""
    sheet.read_from("learned_supermasks", "supermask-bars")

    def accuracy(values: str, scaling: str) -> pd.Series:
        return ACCURACY.scale * by_seed(learned(by_learning, values, scaling))

    for values, noun in (("initial", "initial values"), ("constant", "signed constants")):
        criterion = best_criterion(by_criterion, values)
        one_shot = ACCURACY.scale * by_seed(at_best_level(by_criterion, criterion, values))
        sheet.add(
            f"Learned masks of {noun} beat masks found by a criterion",
            SOURCE,
            f"{UNTRAINED}, learned minus {criterion} masks, {noun}, {BEST}",
            accuracy(values, "plain") - one_shot,
        )
        sheet.match(
            f"Rescaling does no harm to learned masks of {noun}",
            SOURCE,
            f"{UNTRAINED}, learned masks of {noun}, rescaled minus plain",
            accuracy(values, "rescaled") - accuracy(values, "plain"),
        )
    if on_mnist:
        kind = best({kind: learned(by_learning, *kind)["validation_accuracy"] for kind in LEARNED}, ACCURACY)
        sheet.add(
            f"A learned mask gets {MNIST_LEARNED:g}% of MNIST right without training a weight",
            f"{SOURCE}, where it is 95% to 98%; {MNIST_LEARNED:g}%: this project",
            f"{UNTRAINED}, learned masks, {' and '.join(kind)} (best by validation)",
            accuracy(*kind),
            unit="%",
            margin=MNIST_LEARNED,
        )
