"""Barriers: the maximum over a line minus the mean of its ends, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lth_core.analysis.barriers import barriers


def line(error: list[float], loss: list[float] | None = None, **names: object) -> pd.DataFrame:
    points = np.linspace(0, 1, len(error))
    named = {"seed": 0, "draw": 0, "matching": "none", "statistics": "interpolated", "split": "test", **names}
    return pd.DataFrame({**named, "alpha": points, "loss": loss or error, "error": error})


def test_the_barrier_is_the_maximum_minus_the_mean_of_the_ends():
    actual = barriers(line([0.1, 0.5, 0.9, 0.4, 0.3], loss=[1, 2, 3, 7, 2])).iloc[0]
    assert actual["barrier"] == pytest.approx(0.9 - 0.2)
    assert actual["loss_barrier"] == pytest.approx(7 - 1.5)


def test_a_quadratic_has_the_barrier_computed_by_hand():
    alpha = np.linspace(0, 1, 31)
    assert barriers(line(list(4 * alpha * (1 - alpha)))).loc[0, "barrier"] == pytest.approx(
        4 * 15 * 16 / 31**2, rel=0.01
    )
    assert barriers(line(list(4 * alpha[::5] * (1 - alpha[::5])))).loc[0, "barrier"] == pytest.approx(1)
    assert barriers(line(list((2 * alpha - 1) ** 2))).loc[0, "barrier"] == pytest.approx(0)  # lower in between


def test_unequal_ends_with_nothing_between_them_have_half_their_difference():
    assert barriers(line([0.1, 0.2, 0.3])).loc[0, "barrier"] == pytest.approx(0.1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=30))
def test_a_barrier_is_never_below_zero_and_does_not_depend_on_the_direction(errors: list[float]):
    forth, back = (barriers(line(values)).loc[0, "barrier"] for values in (errors, errors[::-1]))
    assert forth >= -1e-15
    assert forth == pytest.approx(back)


def test_every_line_has_one_row_whatever_the_order_of_the_points():
    named = [
        {"seed": seed, "matching": matching, "split": split, "task": "mini"}
        for seed in (0, 1)
        for matching in ("none", "aligned")
        for split in ("train", "test")
    ]
    path = pd.concat([line([0, index + 1, 0], **names) for index, names in enumerate(named)])
    actual = barriers(path.sample(frac=1, random_state=0)).set_index(["seed", "matching", "split"])
    assert len(actual) == 8 and (actual["task"] == "mini").all()
    assert [actual.loc[(n["seed"], n["matching"], n["split"]), "barrier"] for n in named] == list(range(1, 9))


def test_a_diverged_line_has_no_barrier_and_spoils_no_other():
    actual = barriers(pd.concat([line([0, np.nan, 0], seed=0), line([0, 1, 0], seed=1)])).set_index("seed")["barrier"]
    assert np.isnan(actual[0]) and actual[1] == 1


def test_no_lines_have_no_barriers():
    assert list(barriers(line([0, 1, 0]).iloc[:0])) == [
        *("seed", "draw", "matching", "statistics", "split", "barrier", "loss_barrier"),
    ]
