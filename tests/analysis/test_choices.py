"""Choices: the highest mean wins, but not over a choice at which fewer replicates diverged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.analysis.choices import best
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER

VALUES = st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5)


def series(*values: float) -> pd.Series:
    return pd.Series(values)


@given(VALUES)
def test_without_divergence_it_is_the_first_of_those_with_the_highest_mean(values: list[list[float]]) -> None:
    means = np.array([pd.Series(row).mean() for row in values])
    chosen = best(dict(enumerate(map(pd.Series, values))), ACCURACY)
    assert means[chosen] == pytest.approx(means.max(), abs=3e-8) and (means[:chosen] < means.max()).all()


def test_rounding_decides_no_choice() -> None:
    first, second = series(0.9, 0.1 + 0.2), series(0.3, 0.9)
    assert best({"first": second, "second": first}, ACCURACY) == best({"first": first, "second": second}, ACCURACY)
    bits = {"first": series(2.0, 0.1 + 0.2), "second": series(2.0, 0.3), "worse": series(2.0, 0.3 + 1e-6)}
    assert best(bits, BITS_PER_CHARACTER) == "first"


def test_where_low_values_are_better_the_lowest_mean_wins() -> None:
    values = {"high": series(3.0, 3.1), "low": series(2.0, 2.1), "diverged": series(1.0, np.nan)}
    assert best(values, BITS_PER_CHARACTER) == "low"


def test_a_choice_at_which_a_replicate_diverged_is_the_last_one() -> None:
    assert best({"high": series(0.9, np.nan), "low": series(0.2, 0.1)}, ACCURACY) == "low"
    assert best({"two": series(np.nan, np.nan), "one": series(0.1, np.nan)}, ACCURACY) == "one"


def test_where_a_replicate_diverged_at_all_choices_the_others_decide() -> None:
    assert best({"low": series(0.2, np.nan), "high": series(0.3, np.nan)}, ACCURACY) == "high"
    assert best({"first": series(np.nan, np.nan), "second": series(np.nan, np.nan)}, ACCURACY) == "first"
