"""Metrics: gains in the unit of claims, and what matches."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lth_core
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER, RETURN, Metric, counted

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


def test_a_tolerance_of_one_is_singular() -> None:
    one = [replace(metric, matching=1.0) for metric in (PERPLEXITY, ACCURACY, BITS_PER_CHARACTER)]
    assert [metric.tolerance for metric in one] == ["1 nat", "1 percentage point", "1 bit per character"]


def test_values_that_differ_in_their_rounding_alone_match() -> None:
    assert ACCURACY.matches(0.3 - 0.002 - 1e-15, 0.3)


def test_a_low_value_matches_up_to_the_tolerance_above() -> None:
    assert PERPLEXITY.matches(np.array([19.0, 20.5, 20.6]), 20.0).tolist() == [True, True, False]


def test_differences_are_named_the_way_in_which_they_are_gains() -> None:
    assert ACCURACY.minus("ticket", "dense") == RETURN.minus("ticket", "dense") == "ticket minus dense"
    assert PERPLEXITY.minus("ticket", "dense") == "dense minus ticket"
    assert (ACCURACY.directed("above", "below"), PERPLEXITY.directed("above", "below")) == ("above", "below")


def test_sentences_compare_networks_in_both_directions() -> None:
    assert ACCURACY.better == "more accurate"
    assert BITS_PER_CHARACTER.better == "better in bits per character"
    assert (ACCURACY.points, RETURN.points) == ("points", "points of return")
    assert (ACCURACY.error, BITS_PER_CHARACTER.error, RETURN.error) == ("error", "bits per character", "return")


@pytest.mark.parametrize("metric", [ACCURACY, BITS_PER_CHARACTER, RETURN], ids=lambda metric: metric.name)
def test_the_better_of_two_has_the_smaller_error_by_as_much_as_it_gains(metric: Metric) -> None:
    first, second = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    errors = metric.errors(second) - metric.errors(first)
    assert metric.scale * errors == pytest.approx(metric.gain(first, second))


def test_differences_are_written_as_finely_as_what_matches() -> None:
    assert [metric.decimals for metric in (ACCURACY, BITS_PER_CHARACTER, RETURN, Metric("m", "m", "m"))] == [1, 2, 1, 2]


def test_the_error_of_accuracy_is_the_fraction_that_is_wrong() -> None:
    assert ACCURACY.errors(0.75) == 0.25


def test_early_stopping_goes_by_the_return_but_by_the_loss_of_classifiers_and_language_models() -> None:
    assert [metric.selects for metric in (ACCURACY, BITS_PER_CHARACTER, RETURN)] == [False, False, True]


def test_metrics_are_imported_without_numerical_libraries() -> None:
    code = "import sys, lth_core.metrics; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pandas"} & set(loaded)


@pytest.mark.parametrize(
    ("count", "things", "text"),
    [
        (1, "seeds", "1 seed"),
        (1, "classes", "1 class"),
        (1, "passes", "1 pass"),
        (1, "studies", "1 study"),
        (1, "processes", "1 process"),
        (1, "training examples", "1 training example"),
        (1, "pairs of seeds", "1 pair of seeds"),
        (2, "classes", "2 classes"),
        (0, "seeds", "0 seeds"),
        (1000, "steps", "1,000 steps"),
    ],
)
def test_one_thing_is_singular(count: int, things: str, text: str) -> None:
    assert counted(count, things) == text


COUNTS = r"seeds|count|[\w.]+\.(?:seeds|levels)|len\((?:seeds|labels|classes|rows|levels)\)"
THINGS = "seeds|classes|levels|images|texts|examples|networks|subnetworks|replicates|rounds|points"


def test_no_text_puts_a_plural_after_a_number_that_may_be_one() -> None:
    """What users read counts with `counted` or `amount`: "1 class", not "1 classes"."""
    package = Path(lth_core.__file__).parent
    plurals = [
        f"{path.relative_to(package)}: {match[0]}"
        for path in sorted(package.rglob("*.py"))
        for match in re.finditer(rf"\{{(?:{COUNTS})(?::,)?\}} (?:{THINGS})\b", path.read_text())
    ]
    assert not plurals
