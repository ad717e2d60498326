"""Claims: the interval is Student's, the verdict follows from the interval and the margin alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lth_core.analysis.claims import evaluate_claim, mean_interval, verdict, why_unmeasured
from lth_core.analysis.scales import RATIOS

TEXT = {"study": "s", "task": "t", "claim": "c", "source": "p", "effect": "e", "unit": "u"}


def test_interval_by_hand():
    # mean 3, standard deviation 1.58114, n = 5, t(4, 0.975) = 2.776445: half width 1.963243
    assert mean_interval([1, 2, 3, 4, 5]) == pytest.approx((3, 1.036757, 4.963243), abs=1e-6)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20).filter(lambda values: np.ptp(values) > 2e-4))
def test_interval_is_that_of_the_one_sample_t_test(values: list[float]):
    mean, low, high = mean_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean == pytest.approx(np.mean(values))
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("values", [[0.1] * 7, [0.0, 0.0], [0.95 - 0.94, 0.96 - 0.95, 0.97 - 0.96], [-3e5, -3e5]])
def test_equal_values_tell_nothing_of_the_spread_and_a_sentence_says_so(values: list[float]):
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(values[0]) and (low, high) == (-math.inf, math.inf)
    claim = evaluate_claim([value + 10 for value in values], **TEXT)
    assert all(map(math.isnan, (claim.low, claim.high)))
    assert claim.note.startswith(f"All {len(values)} replicates agree to the last digit") and claim.note[-1] == "."


@pytest.mark.parametrize(("count", "expected"), [(2, "inconclusive"), (5, "inconclusive"), (6, "supported")])
def test_equal_values_are_decided_by_the_sign_test(count: int, expected: str):
    claim = evaluate_claim([3.0] * count, **TEXT, margin=1)
    assert claim.p == pytest.approx(stats.binomtest(count, count).pvalue)
    assert claim.verdict == expected
    assert evaluate_claim([-3.0] * count, **TEXT).verdict == expected.replace("supported", "contradicted")


def test_equal_values_at_the_margin_decide_nothing():
    claim = evaluate_claim([0.3] * 9, **TEXT, margin=0.1 + 0.2)
    assert claim.verdict == "inconclusive" and math.isnan(claim.p)
    assert claim.note == "All 9 replicates agree to the last digit and lie on the margin, so nothing decides."


def test_other_claims_say_why_they_have_no_interval_if_they_have_none():
    assert evaluate_claim([1.0, 2.0], **TEXT).note == ""
    assert evaluate_claim([1.0], **TEXT).note == "One replicate shows no spread, so there is no interval."
    lost = evaluate_claim([math.nan], **TEXT)
    either = "In each, a training diverged, or what is compared does not exist."
    assert lost.note == f"No replicate could be measured. {either}" and not why_unmeasured(lost)
    undefined = evaluate_claim([0.0, math.inf], **TEXT, scale=RATIOS, margin=1.0)
    assert undefined.note == "No replicate could be measured. Every ratio is 0, infinite or negative."


def test_claims_without_a_value_say_why_where_that_is_known():
    lost = evaluate_claim([math.nan], **TEXT, unmeasured_because="the judge sleeps")
    assert lost.note == "No replicate could be measured: the judge sleeps."
    assert why_unmeasured(lost) == "the judge sleeps"
    assert evaluate_claim([math.nan, 1.0, 2.0], **TEXT, unmeasured_because="the judge sleeps").note == ""


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20).filter(lambda values: np.ptp(values) > 2e-4))
def test_p_is_that_of_the_two_sided_one_sample_t_test(values: list[float]):
    assert evaluate_claim(values, **TEXT, margin=0.5).p == pytest.approx(stats.ttest_1samp(values, 0.5).pvalue)


def test_values_that_differ_by_more_than_rounding_have_an_interval():
    assert all(map(math.isfinite, mean_interval([1.0, 1.0 + 1e-5])))


def test_differences_that_are_equal_up_to_the_digits_of_the_tables_are_equal():
    """Three times one example of 360, as read from accuracies with nine digits."""
    pairs = [(0.994444444, 0.991666667), (0.986111111, 0.983333333), (0.997222222, 0.994444444)]
    _, low, high = mean_interval([100 * (first - second) for first, second in pairs])
    assert (low, high) == (-math.inf, math.inf)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_replicates_give_no_interval(values: list[float]):
    assert mean_interval(values)[1:] == (-math.inf, math.inf)


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_a_diverged_replicate_leaves_the_claim_open(lost: float):
    """The others are estimated and shown; what the lost one would have shown is not known."""
    others = evaluate_claim([5.0, 5.1, 5.3], **TEXT)
    claim = evaluate_claim([5.0, lost, 5.1, 5.3], **TEXT)
    assert (claim.estimate, claim.low, claim.high) == (others.estimate, others.low, others.high)
    assert (others.n, others.unmeasured, others.verdict) == (3, 0, "supported")
    assert (claim.n, claim.unmeasured, claim.verdict) == (3, 1, "inconclusive")


def test_where_all_replicates_diverged_nothing_is_estimated():
    claim = evaluate_claim([math.nan, math.nan], **TEXT)
    assert math.isnan(claim.estimate) and (claim.n, claim.unmeasured, claim.verdict) == (0, 2, "inconclusive")
    assert math.isnan(claim.low) and math.isnan(claim.high) and math.isnan(claim.p)


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.1, 0.5, 0.0, "supported"),
        (-0.1, 0.5, 0.0, "inconclusive"),
        (-0.5, -0.1, 0.0, "contradicted"),
        (0.0, 0.0, 0.0, "inconclusive"),
        (-0.1, 0.5, -0.2, "supported"),
        (-0.3, 0.5, -0.2, "inconclusive"),
        (-0.5, -0.3, -0.2, "contradicted"),
        (-math.inf, math.inf, 0.0, "inconclusive"),
    ],
)
def test_verdicts(low: float, high: float, margin: float, expected: str):
    assert verdict(low, high, margin) == expected


def test_a_claim_carries_its_words_and_numbers():
    claim = evaluate_claim([1.0, 2.0, 3.0], **TEXT, margin=-0.2)
    assert (claim.claim, claim.source, claim.effect, claim.unit) == ("c", "p", "e", "u")
    assert (claim.estimate, claim.n, claim.margin, claim.verdict) == (2.0, 3, -0.2, "inconclusive")
