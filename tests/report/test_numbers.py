"""Numbers as the page writes them."""

from __future__ import annotations

import math

from lth_core.analysis.claims import Replicate
from lth_core.report.numbers import values_by_seed


def claim(*replicates: tuple[str, float]) -> dict:
    listed = [Replicate(seed, value, "difference") for seed, value in replicates]
    return {"estimate": 0.5, "low": 0.0, "high": 1.0, "replicates": listed}


def test_values_by_seed_have_as_many_decimals_as_the_interval_and_stay_beside_their_seed() -> None:
    values = values_by_seed(claim(("0", 0.456), ("7", -1234.5678), ("9", math.nan)))
    assert values == "seed 0:\u00a00.46; 7:\u00a0−1,234.57; 9:\u00a0–"


def test_values_of_unknown_seeds_stand_alone() -> None:
    assert values_by_seed(claim(("", 0.25), ("", 0.75))) == "0.25; 0.75"
