"""Metrics: gains in the unit of claims, and what matches."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lth_core.metrics import ACCURACY, Metric

PERPLEXITY = Metric("perplexity", "perplexity", "nats", higher_is_better=False, matching=0.5)


def test_accuracy_is_a_fraction_whose_differences_are_percentage_points() -> None:
    assert ACCURACY.gain(0.95, 0.92) == pytest.approx(3)
    assert ACCURACY.unit == "percentage points"


def test_the_better_network_gains_whether_high_or_low_values_are_better() -> None:
    assert ACCURACY.gain(0.9, 0.8) > 0
    assert PERPLEXITY.gain(20.0, 25.0) == 5


def test_accuracy_matches_down_to_a_fifth_of_a_percentage_point_below() -> None:
    assert ACCURACY.tolerance == "0.2 percentage points"
    values = np.array([0.9979, 0.998, 0.999, 1.5, np.nan])
    assert ACCURACY.matches(values, 1.0).tolist() == [False, True, True, True, False]


def test_values_that_differ_in_their_rounding_alone_match() -> None:
    assert ACCURACY.matches(0.3 - 0.002 - 1e-15, 0.3)


def test_a_low_value_matches_up_to_the_tolerance_above() -> None:
    assert PERPLEXITY.matches(np.array([19.0, 20.5, 20.6]), 20.0).tolist() == [True, True, False]


def test_metrics_are_imported_without_numerical_libraries() -> None:
    code = "import sys, lth_core.metrics; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pandas"} & set(loaded)
