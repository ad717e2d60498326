"""The claims of Zhou et al. 2019 (arXiv 1905.01067), section 5, about supermasks, tested per task.

Every effect is one number per seed. Densities, and kinds of learned masks, are chosen by validation accuracy, the same
for all seeds; test accuracies are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from lth_core.analysis.choices import best
from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.deconstructing.claims import MATCHING, claim
from lth_core.studies.deconstructing.study import LARGE_FINAL, LEARNED, RANDOM
from lth_core.studies.deconstructing.tables import at_best_level, best_criterion, best_level, by_seed, learned

if TYPE_CHECKING:
    from lth_core.studies.deconstructing.study import Deconstructing

SAME_SIGN = "large-final-same-sign"
SECTION = "section 5"
BEST = "at the densities that validation chooses"

MNIST_FOUND, MNIST_LEARNED = 60.0, 93.0
"""Percent of MNIST's test images that a mask found by a criterion, and a learned one, should get right without a weight
trained: below the paper's 86% and 95%, which are of longer trainings."""


def supermask_claims(study: Deconstructing, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Claim]:
    """All claims about supermasks of one task."""
    found, of_learning = (
        table[table["task"] == task] for table in (tables["supermasks"], tables["learned_supermasks"])
    )
    on_mnist = config.dataset(config.tasks[task].dataset).source.name == "mnist"
    return [*_of_criteria(study, task, found, on_mnist), *_of_learning(task, found, of_learning, on_mnist)]


def _of_criteria(study: Deconstructing, task: str, found: pd.DataFrame, on_mnist: bool) -> Iterator[Claim]:
    def accuracy(criterion: str, values: str = "initial") -> pd.Series:
        return 100 * by_seed(at_best_level(found, criterion, values))

    if {LARGE_FINAL, RANDOM} <= {*study.criteria}:
        effect = f"test accuracy without training, {LARGE_FINAL} minus {RANDOM} masks, {BEST}"
        gap = accuracy(LARGE_FINAL) - accuracy(RANDOM)
        yield claim(task, "Masks of large final weights make untrained networks accurate.", SECTION, effect, gap)
    if SAME_SIGN not in study.criteria:
        return
    if LARGE_FINAL in study.criteria:
        effect = f"test accuracy without training, {SAME_SIGN} minus {LARGE_FINAL} masks, {BEST}"
        gap = accuracy(SAME_SIGN) - accuracy(LARGE_FINAL)
        yield claim(
            task,
            "Masks of large final weights do so better if only weights that kept their sign are kept.",
            SECTION,
            effect,
            gap,
        )
    effect = f"test accuracy without training, constants minus initial values, {SAME_SIGN} masks, {BEST}"
    gap = accuracy(SAME_SIGN, "constant") - accuracy(SAME_SIGN)
    yield claim(task, "Signed constants make better supermasks than initial values.", SECTION, effect, gap)
    constants = found[(found["criterion"] == SAME_SIGN) & (found["values"] == "constant")]
    by_level = 100 * constants.pivot(index="seed", columns="level", values="test_accuracy")
    middle, last = best_level(constants), constants["level"].max()
    effect = (
        f"test accuracy without training, level {middle} (best by validation) minus the better of levels 0 and {last}"
    )
    gap = by_level[middle] - by_level[[0, last]].max(axis=1, skipna=False)
    yield claim(task, "Supermasks are most accurate at an intermediate density.", SECTION, effect, gap)
    if on_mnist:
        effect = f"test accuracy without training, constants, {SAME_SIGN} masks, {BEST}"
        sentence = f"A mask found by a criterion gets {MNIST_FOUND:g}% of MNIST right without training a weight."
        yield claim(task, sentence, SECTION, effect, accuracy(SAME_SIGN, "constant"), MNIST_FOUND, "%")


def _of_learning(task: str, found: pd.DataFrame, of_learning: pd.DataFrame, on_mnist: bool) -> Iterator[Claim]:
    def accuracy(values: str, scaling: str) -> pd.Series:
        return 100 * by_seed(learned(of_learning, values, scaling))

    for values, noun in (("initial", "initial values"), ("constant", "signed constants")):
        criterion = best_criterion(found, values)
        one_shot = 100 * by_seed(at_best_level(found, criterion, values))
        effect = f"test accuracy without training, learned minus {criterion} masks, {noun}, {BEST}"
        sentence = f"Masks of {noun} that are learned beat those that a criterion finds."
        yield claim(task, sentence, SECTION, effect, accuracy(values, "plain") - one_shot)
        effect = f"test accuracy without training, learned masks of {noun}, rescaled minus plain"
        gap = accuracy(values, "rescaled") - accuracy(values, "plain")
        yield claim(task, f"Rescaling does learned masks of {noun} no harm.", SECTION, effect, gap, -MATCHING)
    if on_mnist:
        kind = best({kind: learned(of_learning, *kind)["validation_accuracy"] for kind in LEARNED})
        effect = f"test accuracy without training, learned masks, {' and '.join(kind)} (best by validation)"
        sentence = f"A learned mask gets {MNIST_LEARNED:g}% of MNIST right without training a weight."
        yield claim(task, sentence, SECTION, effect, accuracy(*kind), MNIST_LEARNED, "%")
