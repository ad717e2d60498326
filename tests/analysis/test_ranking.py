"""Rankings: which orders of methods are certain, and how often their intervals hold in simulated experiments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.ranking import pairwise_intervals, ranking


def frame(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def rows(gains: pd.DataFrame) -> list[tuple]:
    table = ranking(gains)
    return list(table[["method", "rank", "best", "worst"]].itertuples(index=False, name=None))


def test_methods_that_differ_by_far_have_certain_ranks_and_others_share_theirs() -> None:
    noise = np.array([0.0, 0.1, -0.1, 0.05, 0.02])
    gains = frame(low=list(1 + noise), high=list(9 - noise), near=list(9.01 + noise[::-1]))
    assert rows(gains) == [("near", 1, 1, 2), ("high", 2, 1, 2), ("low", 3, 3, 3)]


def test_replicates_are_paired() -> None:
    """Seeds differ by far more than the methods do."""
    seeds = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    gains = frame(one=list(seeds + 1 + 0.01 * np.arange(5)), other=list(seeds))
    assert rows(gains) == [("one", 1, 1, 1), ("other", 2, 2, 2)]


@pytest.mark.parametrize(
    "gains",
    [
        frame(one=[5.0], other=[1.0]),
        frame(one=[5.0, 5.0], other=[1.0, 1.0]),
        frame(one=[5.0, 5.1, 5.2], other=[1.0, np.nan, 1.0]),
    ],
    ids=["one replicate", "equal differences", "a replicate that diverged"],
)
def test_what_is_unknown_decides_no_order(gains: pd.DataFrame) -> None:
    assert rows(gains) == [("one", 1, 1, 2), ("other", 2, 1, 2)]


def test_more_methods_make_wider_intervals() -> None:
    few = frame(a=[1.0, 2.0, 4.0], b=[0.0, 0.5, 1.0])
    (interval,) = pairwise_intervals(few)
    first, *_ = pairwise_intervals(few.assign(c=[0.0, 3.0, 1.0], d=[2.0, 2.0, 9.0]))
    assert first[2] < interval[2] < interval[3] < first[3]


SPREADS = {"equal": np.ones(8), "unequal": np.geomspace(0.2, 5, 8), "one noisy": np.array([*[0.3] * 7, 5.0])}
EXPERIMENTS = 300


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("replicates", [4, 10])
def test_in_95_percent_of_experiments_all_ranks_lie_in_their_intervals(spread: str, replicates: int) -> None:
    """Equal methods are the hardest: every order is wrong to be certain of. Seeds share a part of their results."""
    rng, missed, count = np.random.default_rng(0), 0, len(SPREADS[spread])
    for _ in range(EXPERIMENTS):
        values = rng.normal(size=(replicates, 1)) + SPREADS[spread] * rng.normal(size=(replicates, count))
        table = ranking(pd.DataFrame(values, columns=[f"m{number}" for number in range(count)]))
        missed += bool(((table["best"] > 1) | (table["worst"] < count)).any())
    allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / EXPERIMENTS)
    assert missed / EXPERIMENTS <= allowed


def test_true_ranks_of_different_methods_lie_in_their_intervals() -> None:
    rng, missed, true = np.random.default_rng(1), 0, np.arange(6.0)
    for _ in range(EXPERIMENTS):
        values = true + rng.normal(size=(5, 1)) + 0.5 * rng.normal(size=(5, 6))
        table = ranking(pd.DataFrame(values, columns=range(6)))
        ranks = 6 - table["method"].to_numpy(int)
        missed += bool(((table["best"] > ranks) | (table["worst"] < ranks)).any())
    assert missed / EXPERIMENTS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / EXPERIMENTS)


def test_a_studentized_range_misses_ranks_where_one_method_varies_most() -> None:
    """Why it is not used: 15 methods and 5 seeds, one method with ten times the spread of the others."""
    rng, quantile, missed = np.random.default_rng(0), 5.016, 0  # 95% of the range of 15, 56 degrees of freedom
    for _ in range(EXPERIMENTS):
        values = rng.normal(size=(5, 15)) * [*[1.0] * 14, 10.0]
        residuals = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
        error = np.sqrt((residuals**2).sum() / 56)
        missed += bool(np.ptp(values.mean(0)) > quantile * error / np.sqrt(5))
    assert missed / EXPERIMENTS > 0.2
