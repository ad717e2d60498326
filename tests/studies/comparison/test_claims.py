"""Claims about the compared methods, on tables with planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.comparison import Comparison
from tests.support.comparison_results import known

Known = tuple[Comparison, Config, dict[str, pd.DataFrame]]


def claims(made: Known) -> dict[str, Claim]:
    study, config, tables = made
    return {claim.claim: claim for claim in study.claims(config, tables)}


def about(made: Known, start: str) -> Claim:
    (claim,) = (claim for sentence, claim in claims(made).items() if sentence.startswith(start))
    return claim


PLANTED = [
    ("Gradual pruning, within one training, is no worse than one-shot", 1.65, "gradual (GMP) minus one-shot"),
    ("Masks that change at random (SET) beat static ones", 4, "SET minus random, ERK"),
    ("Growing by gradients (RigL) is no worse than growing at random", 1, "RigL minus SET"),
    ("Pruning gradually from dense is no worse than training sparse", 7, "gradual (GMP) minus RigL"),
    ("Random masks with densities that fall with width (ERK) beat uniform", 5, "random, ERK minus random, uniform"),
    ("Every method that trains weights beats uniform", 7.5, "edge-popup's mask, trained minus random, uniform"),
    ("Every method that prunes at initialization trails magnitude", 1, "one-shot minus SynFlow"),
    ("Rewinding the learning rate alone is no worse", 0.5, "IMP, learning rate rewound minus IMP, weights rewound"),
    ("Searching for a ticket pays: iterative pruning beats random masks", 0.55, "IMP, reset minus random, ERK"),
    ("Searching for a ticket pays: iterative pruning beats gradual", -0.05, "IMP, reset minus gradual (GMP)"),
]
"""Sentence, planted effect in percentage points, what it is the difference of."""


@pytest.mark.parametrize(("sentence", "effect", "difference"), PLANTED)
def test_planted_effects_are_seen(everything: Known, sentence: str, effect: float, difference: str) -> None:
    claim = about(everything, sentence)
    assert claim.estimate == pytest.approx(effect)
    assert difference in claim.effect and (claim.n, claim.unit) == (3, "percentage points")
    assert claim.verdict == ("supported" if effect > 0 else "contradicted")


def test_no_worse_says_which_random_masks_are_no_worse_as_well(everything: Known) -> None:
    assert not any(claim.remark for claim in claims(everything).values())
    study, config, tables = everything
    rows = tables["measurements"].copy()
    lost = rows["metric"].where(rows["method"] != "random", rows["metric"] + 0.5)
    claim = about((study, config, tables | {"measurements": rows.assign(metric=lost)}), "Gradual")
    assert claim.remark.startswith("The same holds for uniform random masks (")
    assert claim.remark.endswith("]): it does not tell gradual (GMP) from them.")


def test_there_are_no_other_claims(everything: Known) -> None:
    assert len(claims(everything)) == len(PLANTED)


def test_sentences_name_their_densities_and_tolerances(everything: Known) -> None:
    assert "(within 0.2 percentage points), with 50% to 5% of the weights." in about(everything, "Gradual").claim
    assert about(everything, "Masks that change").claim.endswith("static ones, with 5% of the weights.")


def test_a_sentence_about_all_methods_is_tested_on_the_one_whose_interval_reaches_lowest(everything: Known) -> None:
    """Here SNIP is better than random masks on average by as much as before, but with one seed that is worse."""
    study, config, tables = everything
    rows = tables["measurements"].copy()
    snip = (rows["method"] == "snip") & (rows["density"] == 0.05) & (rows["budget"] == "training")
    rows.loc[snip, "metric"] += np.array([-0.2, 0.1, 0.1])
    claim = about((study, config, tables | {"measurements": rows}), "Every method that trains weights beats uniform")
    assert "SNIP minus random, uniform" in claim.effect and claim.verdict == "inconclusive"


def test_what_may_not_train_long_enough_to_cost_the_same_says_nothing_of_equal_cost(tmp_path) -> None:
    capped = [sentence for sentence in claims(known(tmp_path, longest=2.3)) if sentence.startswith("Searching")]
    assert len(capped) == 1 and "gradual" in capped[0]


def test_methods_that_are_not_compared_leave_their_claims_out(tmp_path) -> None:
    few = known(tmp_path, compare=["imp-reset", "random", "random-erk"], longest=1.0)
    assert [sentence[:24] for sentence in claims(few)] == ["Random masks with densit", "Every method that trains"]


def test_high_densities_alone_say_nothing_of_sparse_networks(tmp_path) -> None:
    high = known(tmp_path, densities=[0.5, 0.2], longest=1.0)
    assert [sentence[:24] for sentence in claims(high)] == ["Gradual pruning, within "]
