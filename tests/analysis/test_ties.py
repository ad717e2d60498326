"""Ties: what differs by rounding alone is equal, and what differs by one example is not."""

from __future__ import annotations

import pandas as pd
import pytest

from lth_core.analysis.ties import all_equal, ranks

EXAMPLE = 1 / 10_000
"""One example of a large test split."""


def test_sums_in_another_order_share_a_rank() -> None:
    values = pd.Series([0.1 + 0.2, 0.3, 0.2, 0.9 - 0.3, 0.6], index=list("abcde"))
    assert values["a"] != values["b"] and values["d"] != values["e"]
    assert ranks(values).to_dict() == {"a": 2.5, "b": 2.5, "c": 1, "d": 4.5, "e": 4.5}


def test_values_as_tables_hold_them_share_a_rank() -> None:
    """Twice one example of 360, as a difference of accuracies with nine digits."""
    assert ranks(pd.Series([0.994444444 - 0.991666667, 0.986111111 - 0.983333333, 0.0])).tolist() == [2.5, 2.5, 1]


@pytest.mark.parametrize("size", [1.0, 500.0])
def test_other_values_are_ranked_as_usual(size: float) -> None:
    values = size * pd.Series([0.3, 0.1, 0.1 + EXAMPLE, 0.1, -0.5])
    assert ranks(values).tolist() == values.rank().tolist() == [5, 2.5, 4, 2.5, 1]


def test_equal_values_are_told_from_others() -> None:
    assert all_equal([0.1 + 0.2, 0.3]) and all_equal([1.0])
    assert not all_equal([0.3, 0.3 + EXAMPLE])
