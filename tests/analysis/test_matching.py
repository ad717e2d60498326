"""How few weights still match the dense network: estimate, interval, and one number per seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.matching import LowestDensity, gains_over_dense, lowest_density, matching_halvings
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER, Metric

NOISE = (-0.0003, 0.0, 0.0001, 0.0002)
"""Of four seeds: much less than the 0.2 points that still match."""
DENSE = pd.Series(0.9, index=range(4))


def curve(*gains: float, metric: Metric = ACCURACY, noise: float = 1.0) -> tuple[pd.DataFrame, pd.Series]:
    """Levels that halve the weights, with these mean gains over the dense network as measured: values, densities."""
    sign = 1 if metric.higher_is_better else -1
    values = {
        level: [DENSE[seed] + sign * gain + noise * offset for seed, offset in enumerate(NOISE)]
        for level, gain in enumerate(gains, 1)
    }
    return pd.DataFrame(values), pd.Series({level: 0.5**level for level in values})


def lowest(*gains: float, metric: Metric = ACCURACY, noise: float = 1.0) -> LowestDensity:
    values, densities = curve(*gains, metric=metric, noise=noise)
    return lowest_density(gains_over_dense(values, DENSE, densities, metric))


# ---------------------------------------------------------------- estimate and interval


@pytest.mark.parametrize("metric", [ACCURACY, BITS_PER_CHARACTER])
def test_clear_differences_leave_one_density(metric: Metric) -> None:
    margin = metric.matching / metric.scale
    made = lowest(0, -margin / 4, -5 * margin, -9 * margin, metric=metric, noise=0.2)
    assert made == LowestDensity(0.25, 0.25, 0.25)


def test_what_always_matches_ends_at_the_lowest_tested_density_and_what_never_does_at_the_dense_network() -> None:
    assert lowest(0, 0.001, 0) == LowestDensity(0.125, 0.125, 0.125)
    assert lowest(-0.02, -0.03, -0.04) == LowestDensity(1.0, 1.0, 1.0)


def test_a_match_below_a_density_that_fails_does_not_count_as_estimate_but_stays_in_the_interval() -> None:
    assert lowest(0, -0.02, 0, -0.02) == LowestDensity(0.5, fewest=0.125, most=0.5)


def test_noise_widens_the_interval_on_both_sides() -> None:
    made = lowest(0.01, 0, -0.001, -0.004, -0.02, noise=10)
    assert made == LowestDensity(estimate=0.125, fewest=0.0625, most=0.5)


def test_a_mean_at_the_margin_matches() -> None:
    assert lowest(-0.002, noise=0).estimate == 0.5 and lowest(-0.0021, noise=0).estimate == 1.0


def test_seeds_that_are_all_equal_decide_by_a_sign_test_from_six_on() -> None:
    few, densities = curve(0, 0, noise=0)
    assert lowest_density(gains_over_dense(few, DENSE, densities, ACCURACY)) == LowestDensity(0.25, 0.25, 1.0)
    six = pd.DataFrame(0.9, index=range(6), columns=[1, 2])
    made = gains_over_dense(six, pd.Series(0.9, index=range(6)), densities, ACCURACY)
    assert lowest_density(made) == LowestDensity(0.25, 0.25, 0.25)


def test_a_seed_that_diverged_decides_nothing_at_its_level() -> None:
    values, densities = curve(0, 0, -0.02)
    values.loc[2, 2] = np.nan
    made = gains_over_dense(values, DENSE, densities, ACCURACY)
    assert list(made["verdict"]) == ["supported", "inconclusive", "contradicted"]
    assert lowest_density(made) == LowestDensity(0.5, fewest=0.25, most=0.5)


def test_intervals_hold_the_true_density_in_at_least_95_of_100_experiments() -> None:
    """Gains at the margin, where the tests are wrong most often, at 12 levels and with 5 seeds."""
    rng, levels, held = np.random.default_rng(0), range(1, 13), 0
    dense, densities = pd.Series(0.0, index=range(5)), pd.Series({level: 0.5**level for level in levels})
    metric = Metric("m", "m", "", matching=1.0)
    for _ in range(200):
        values = pd.DataFrame(rng.normal(-1.0, 0.5, size=(5, 12)), columns=list(levels))
        values.loc[:, 7:] -= 1e-6  # the first six levels just match, the others just do not
        made = lowest_density(gains_over_dense(values, dense, densities, metric))
        held += made.fewest <= 0.5**6 <= made.most
    assert held >= 190


# ---------------------------------------------------------------- one number per seed


def test_halvings_are_the_logarithm_of_the_lowest_density_where_matching_ends_once() -> None:
    values, densities = curve(0, 0, 0, -0.02)
    assert list(matching_halvings(values, DENSE, densities, ACCURACY)) == pytest.approx([3.0] * 4)
    assert list(matching_halvings(values, DENSE, densities**0.5, ACCURACY)) == pytest.approx([1.5] * 4)


def test_a_level_that_fails_by_chance_costs_its_step_only() -> None:
    values, densities = curve(0, 0, 0, -0.02)
    values.loc[1, 1] = 0.85
    assert list(matching_halvings(values, DENSE, densities, ACCURACY)) == pytest.approx([3.0, 2.0, 3.0, 3.0])


def test_steps_that_differ_by_whole_weights_are_equal() -> None:
    values, _ = curve(0, -0.02)
    values.loc[1] = [0.85, 0.9]  # this seed matches at the second level only
    made = matching_halvings(values, DENSE, pd.Series({1: 0.600017, 2: 0.360027}), ACCURACY)
    assert made.nunique() == 1 and made[0] == 0.74


def test_a_seed_that_diverged_has_no_number() -> None:
    values, densities = curve(0, -0.02)
    values.loc[3, 2] = np.nan
    assert list(matching_halvings(values, DENSE, densities, ACCURACY).isna()) == [False, False, False, True]
