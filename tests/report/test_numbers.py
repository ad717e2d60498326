"""Numbers as the page writes and draws them."""

from __future__ import annotations

import math

import pytest

from lth_core.analysis.claims import Replicate
from lth_core.report.numbers import decimals, interval_bar, number, values_by_seed
from tests.support.study_page import claim


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, None, "0"),
        (-0.2, None, "−0.2"),
        (1.3, None, "1.3"),
        (-3.7e-15, 2, "0.00"),
        (1234.5, 0, "1,234"),
        (2.345, 2, "2.35"),
        (math.nan, 1, "–"),
        (-math.inf, 1, "−∞"),
    ],
)
def test_numbers_are_written_as_readers_write_them(value: float, digits: int | None, text: str):
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("estimate", "half", "digits"),
    [
        (3.0, 0.68, 2),
        (2.59, 0.0236, 3),
        (13.1, 20, 0),
        (1234, 300, 0),
        (0.5, math.inf, 2),
        (1.0, 0.0, 1),
        (0.0, 0.0, 0),
    ],
)
def test_decimals_follow_the_width_of_the_interval(estimate: float, half: float, digits: int):
    claim = {"estimate": estimate, "low": estimate - half, "high": estimate + half, "margin": math.nan}
    assert decimals(claim) == digits


@pytest.mark.parametrize(
    ("low", "high", "margin", "interval"),
    [
        (0.4, 25.3, 0.0, "[0.4, 25.3]"),  # not [0, 25]
        (-0.4, 25.3, 0.0, "[-0.4, 25.3]"),
        (0.0, 25.3, 0.0, "[0, 25]"),  # it does touch
        (-1.2041, -0.2004, -0.2, "[-1.2041, -0.2004]"),
        (-25.3, -0.6, -0.2, "[-25, -1]"),
    ],
)
def test_ends_of_intervals_are_not_rounded_onto_the_margin(low: float, high: float, margin: float, interval: str):
    claim = {"estimate": (low + high) / 2, "low": low, "high": high, "margin": margin}
    count = decimals(claim)
    assert f"[{low:.{count}f}, {high:.{count}f}]" == interval


def test_the_drawn_interval_is_to_scale_and_holds_the_margin():
    bar = interval_bar(claim("supported", low=1.0, estimate=2.0, high=3.0, margin=0.0))
    assert bar == {"margin": 5, "low": 35, "estimate": 65, "high": 95}


def test_an_interval_without_bounds_is_not_drawn():
    assert interval_bar(claim("inconclusive", low=-math.inf, high=math.inf)) is None
    assert interval_bar(claim("inconclusive", low=math.nan, high=math.nan)) is None


def replicated(*replicates: tuple[str, float]) -> dict:
    listed = [Replicate(seed, value, "difference") for seed, value in replicates]
    return {"estimate": 0.5, "low": 0.0, "high": 1.0, "margin": 0.0, "replicates": listed}


def test_values_by_seed_have_as_many_decimals_as_the_interval_and_stay_beside_their_seed() -> None:
    values = values_by_seed(replicated(("0", 0.456), ("7", -1234.5678), ("9", math.nan)))
    assert values == "seed 0:\u00a00.46; 7:\u00a0−1,234.57; 9:\u00a0–"


def test_values_of_unknown_seeds_stand_alone() -> None:
    assert values_by_seed(replicated(("", 0.25), ("", 0.75))) == "0.25; 0.75"
