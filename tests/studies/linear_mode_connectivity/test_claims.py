"""Claims of the study of linear mode connectivity, on tables of known numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.metrics import ACCURACY
from lth_core.storage.runs import DENSE
from lth_core.studies.linear_mode_connectivity.tables import rank_correlation, successes
from tests.support.linear_mode_connectivity_tables import LEVELS, SEEDS, STEPS, claims_by_sentence, known_instability


def test_deep_networks_are_unstable_at_initialization_and_stable_later() -> None:
    claims = claims_by_sentence("resnet-20")
    early = claims["The dense network is unstable at initialization (barrier above 2 points)."]
    assert (early.estimate, early.margin, early.verdict) == (pytest.approx(10), 2, "supported")
    late = claims["The dense network is stable when its copies part at step 80."]
    assert (late.estimate, late.margin, late.verdict) == (pytest.approx(2 - 1), 0, "supported")
    fall = claims["The later its copies part, the more stable the dense network is."]
    assert fall.estimate == pytest.approx(9) and fall.n == SEEDS


def test_lenet_is_expected_to_be_stable_from_initialization_on() -> None:
    claims = claims_by_sentence("lenet")
    stable = claims["The dense network is stable from initialization on."]
    assert (stable.estimate, stable.verdict) == (pytest.approx(2 - 10), "contradicted")
    assert not any("unstable" in sentence for sentence in claims)
    subnetwork = claims["IMP subnetworks reset to initialization are stable, with 64% of the weights."]
    assert subnetwork.estimate == pytest.approx(2 - 6)


@pytest.mark.parametrize("optimizer", [{"name": "sgd", "learning_rate": 0.05}, {"name": "adam", "learning_rate": 0.01}])
def test_a_lenet_that_is_trained_in_another_way_is_tested_as_deep_networks_are(optimizer: dict) -> None:
    assert claims_by_sentence("lenet", optimizer=optimizer) == claims_by_sentence("resnet-20")


def test_subnetworks_of_deep_networks_are_looked_at_where_they_are_rewound_to_the_last_step() -> None:
    claims = claims_by_sentence("resnet-20")
    at = "with 41% of the weights."
    assert claims[
        f"IMP subnetworks reset to initialization are unstable (barrier above 2 points), {at}"
    ].estimate == pytest.approx(6)
    assert claims[f"IMP subnetworks rewound to step 80 are stable, {at}"].estimate == pytest.approx(2 - 0.6)
    assert claims[f"Later rewinding makes IMP subnetworks more stable, {at}"].estimate == pytest.approx(6 - 0.6)
    higher = {"random ones": 3 - 0.6, "reinitialized ones": 2 - 0.6}
    for control, gap in higher.items():
        claim = claims[f"IMP subnetworks rewound to step 80 are more stable than {control}, {at}"]
        assert claim.estimate == pytest.approx(gap) and claim.verdict == "supported"


def test_matching_is_within_a_fifth_of_a_point() -> None:
    claims = claims_by_sentence("resnet-20")
    claim = claims[
        "IMP subnetworks rewound to step 80 match the dense network's accuracy (within 0.2 percentage points), "
        "with 41% of the weights."
    ]
    assert (claim.estimate, claim.margin, claim.verdict) == (pytest.approx(0.2, abs=1e-4), -0.2, "supported")
    reset = claims[
        "IMP subnetworks reset to initialization are not more accurate than random ones "
        "by more than 0.2 percentage points, with 41% of the weights."
    ]
    assert (reset.estimate, reset.verdict) == (pytest.approx(-3, abs=1e-4), "contradicted")


def test_subnetworks_become_stable_no_later_than_the_dense_network() -> None:
    """The dense network's barrier of training error (20, 15.5, 2.1 points) is never below 2: the last step counts."""
    table = known_instability()
    table.loc[(table["network"] == DENSE) & (table["k"] == 80), "barrier_train"] = 0.021
    sentence = "IMP subnetworks become stable no later than the dense network, with 41% of the weights."
    claim = claims_by_sentence("resnet-20", table)[sentence]
    assert "at k=80, where the dense network is not yet stable in training error" in claim.effect
    table = known_instability()
    table.loc[(table["network"] == DENSE) & (table["k"] >= 20), "barrier_train"] = 0.019
    claim = claims_by_sentence("resnet-20", table)[sentence]
    assert "at k=20, where the dense network becomes stable in training error" in claim.effect
    assert claim.estimate == pytest.approx(2 - 6 * (1 - 0.9 / 4)) and claim.verdict == "contradicted"


def test_the_step_where_the_dense_network_becomes_stable_is_not_one_before_it_is_unstable_again() -> None:
    table = known_instability()
    for k, barrier in ((0, 0.0), (20, 0.5), (80, 0.0)):
        table.loc[(table["network"] == DENSE) & (table["k"] == k), "barrier_train"] = barrier
    sentence = "IMP subnetworks become stable no later than the dense network, with 41% of the weights."
    assert "at k=80, where the dense network becomes" in claims_by_sentence("resnet-20", table)[sentence].effect


def test_success_falls_with_the_barrier_over_all_subnetworks() -> None:
    claim = claims_by_sentence("resnet-20")["The more stable a subnetwork, the more accurate it is."]
    points = successes(known_instability(), ACCURACY).query("seed == 1")
    assert len(points) == len(STEPS) * len(LEVELS) * 3
    last = points.query("network == 'reinit' and k == 80 and level == 2").iloc[0]
    assert (last["barrier"], last["success"]) == pytest.approx((0.02, 0.93 + 0.012 - 0.96))
    barrier, success = points["barrier"].to_numpy(), points["success"].to_numpy()
    ranks = [
        np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])
        for values in (barrier, success)
    ]
    assert claim.estimate == pytest.approx(-np.corrcoef(*ranks)[0, 1], abs=0.02)
    assert claim.estimate > 0.5 and claim.unit == "correlation"


def test_rank_correlation_needs_values_that_are_there_and_differ() -> None:
    rising = pd.Series([1.0, 2.0, 9.0])
    assert rank_correlation(rising, pd.Series([0.0, 7.0, 8.0])) == pytest.approx(1)
    assert rank_correlation(rising, -rising) == pytest.approx(-1)
    assert np.isnan(rank_correlation(rising, pd.Series([0.0, np.nan, 1.0])))
    assert np.isnan(rank_correlation(rising, pd.Series([1.0, 1.0, 1.0])))
    assert np.isnan(rank_correlation(rising, pd.Series([0.3, 0.1 + 0.2, 0.3])))


def test_rounding_decides_no_rank_correlation() -> None:
    barriers = pd.Series([0.0, 0.1, 0.2, 0.3])
    noisy = pd.Series([0.1 + 0.2, 0.3, 0.5, 0.5 - 1e-9])
    assert rank_correlation(barriers, noisy) == rank_correlation(barriers, noisy.round(6)) == pytest.approx(0.894427191)


def test_a_few_subnetworks_make_no_claim_about_all() -> None:
    table = known_instability()
    table = table[table["network"].isin([DENSE, "ticket"]) & table["k"].isin([0, 80])]
    few = claims_by_sentence("resnet-20", table, rewind_steps=[0, 80], controls=())
    assert not any("more accurate" in sentence for sentence in few)


def test_alignment_and_pairs_of_seeds_and_levels_are_marked_as_beyond_the_paper() -> None:
    claims = claims_by_sentence("resnet-20")
    at = "rewound to step 80, with 41% of the weights"
    expected = {
        "Dense networks of different seeds are not connected (barrier above 2 points).": 50,
        "Permuting hidden units lowers the barrier between dense networks of different seeds.": 25,
        "Permuting hidden units connects dense networks of different seeds.": 2 - 25,
        f"IMP subnetworks of different seeds are not connected (barrier above 2 points), {at}.": 50,
        f"Permuting hidden units connects IMP subnetworks of different seeds, {at}.": 2 - 25,
        f"IMP subnetworks are connected to those of the level before, {at}.": 2 - 1,
        f"Permuting hidden units matters more between seeds than between successive levels, {at}.": 25 - 0.5,
    }
    for sentence, estimate in expected.items():
        assert claims[sentence].estimate == pytest.approx(estimate), sentence
        assert claims[sentence].source.startswith("beyond ")
    of_the_paper = [claim for claim in claims.values() if not claim.source.startswith("beyond ")]
    assert not any("seeds" in claim.claim or "level" in claim.claim for claim in of_the_paper)


def test_networks_whose_units_cannot_be_matched_make_no_claims_about_it() -> None:
    table = known_instability()
    claims = claims_by_sentence("resnet-20", table[table["matching"] == "none"])
    assert not any("ermut" in sentence for sentence in claims)
    assert any("seeds are not connected (" in sentence for sentence in claims)


def test_one_seed_per_cohort_makes_no_claims_about_seeds() -> None:
    table = known_instability()
    claims = claims_by_sentence("resnet-20", table[table["pair"] != "seed"])
    assert not any("seeds" in sentence for sentence in claims)


def test_batch_norm_networks_are_tested_with_both_statistics() -> None:
    table = known_instability(("interpolated", "estimated"))
    claims = claims_by_sentence("resnet-20", table)
    for kind, factor in (("interpolated", 1), ("re-estimated", 0.8)):
        sentence = (
            f"The dense network is unstable at initialization (barrier above 2 points), batch-norm statistics {kind}."
        )
        assert claims[sentence].estimate == pytest.approx(10 * factor)
    only = "IMP subnetworks rewound to step 80 are more stable than random ones, with 41% of the weights."
    assert claims[only].estimate == pytest.approx(3 - 0.6)
    beyond = [claim for claim in claims.values() if claim.source.startswith("beyond ")]
    assert beyond and all(claim.claim.endswith(", batch-norm statistics re-estimated.") for claim in beyond)
    apart = claims[
        "Dense networks of different seeds are not connected (barrier above 2 points), "
        "batch-norm statistics re-estimated."
    ]
    assert apart.estimate == pytest.approx(50 * 0.8)


def test_without_a_chain_that_resets_nothing_is_claimed_about_resetting() -> None:
    table = known_instability()
    table = table[(table["network"] == DENSE) | (table["k"] == 80)]
    claims = claims_by_sentence("resnet-20", table, rewind_steps=[80])
    assert not any("reset to initialization" in sentence or "Later rewinding" in sentence for sentence in claims)
    assert "IMP subnetworks rewound to step 80 are stable, with 41% of the weights." in claims


def test_several_copies_and_draws_are_one_value_per_seed() -> None:
    table = known_instability()
    other = table[table["pair"] == "order"].assign(order=2)
    other["barrier_test"] += 0.02
    claims = claims_by_sentence("resnet-20", pd.concat([table, other]))
    claim = claims["The dense network is unstable at initialization (barrier above 2 points)."]
    assert claim.estimate == pytest.approx(11) and claim.n == SEEDS


def test_a_diverged_copy_leaves_its_claims_open() -> None:
    table = known_instability()
    there = (table["network"] == "ticket") & (table["k"] == 80) & (table["level"] == 4) & (table["seed"] == 1)
    table.loc[there, "barrier_test"] = np.nan
    claims = claims_by_sentence("resnet-20", table)
    assert claims["IMP subnetworks rewound to step 80 are stable, with 41% of the weights."].verdict == "inconclusive"
    assert claims["The more stable a subnetwork, the more accurate it is."].verdict == "inconclusive"
