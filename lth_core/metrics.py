"""Metrics: how axes, sentences and claims speak of a column of a history."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, log10
from typing import Any, TypeAlias

Values: TypeAlias = Any
"""A number, or an array or a series of numbers."""

ROUNDING = 1e-8
"""Values, as measured, that differ by less than this times 1 + their size are equal: tables hold nine digits, and sums
of the same examples in another order differ in their last ones."""


def amount(number: str, unit: str) -> str:
    """Write a number with its unit, which is singular for 1: "1 nat", "0.5 nats"."""
    one = re.sub(r"ies\b|(?<=ss)es\b|s\b", lambda end: "y" if end[0] == "ies" else "", unit, count=1)
    return f"{number} {one if number == '1' else unit}"


def counted(count: int, things: str) -> str:
    """Write how many things there are: "1 class", "1,000 steps"."""
    return amount(f"{count:,}", things)


@dataclass(frozen=True)
class Metric:
    """Describe a measured quantity: what it is called, and when a difference in it counts.

    Tables hold the metric as it is measured (accuracy: a fraction). Claims speak of differences in `unit`: measured
    differences times `scale`.
    """

    name: str
    """The column of histories and tables."""
    label: str
    """The name that axes and sentences use."""
    unit: str
    """The unit of differences in claims."""
    higher_is_better: bool = True
    scale: float = 1.0
    """What measured values are multiplied by to be in `unit`."""
    matching: float = 0.0
    """How much worse still matches, in `unit`: the one definition of it."""
    percent: bool = False
    """Whether axes show measured fractions as percentages."""
    selects: bool = False
    """Whether early stopping goes by this metric on validation data, rather than by the validation loss."""
    adjective: str = ""
    """What a network is that does well ("accurate"); without one, the value is higher, or lower."""

    def without(self, fold: int) -> str:
        """Name the column of histories that has this metric without one fold of the test examples."""
        return f"{self.name}_without_{fold}"

    @property
    def tolerance(self) -> str:
        """How much worse still matches, in words: "0.2 percentage points", "1 nat"."""
        return amount(f"{self.matching:g}", self.unit)

    def text(self, value: float) -> str:
        """Write a measured value, as logs do: 97.2%, 1.84."""
        return f"{100 * value:.1f}%" if self.percent else f"{value:.4g}"

    @property
    def points(self) -> str:
        """The unit, in short: "points"."""
        return "points" if self.percent else self.unit

    @property
    def decimals(self) -> int:
        """The decimals of differences, in `unit`, that tell what matches; at least one."""
        return max(1, ceil(-log10(self.matching))) if self.matching else 2

    @property
    def better(self) -> str:
        """How sentences compare networks: "more accurate", or "better in bits per character"."""
        return f"more {self.adjective}" if self.adjective else f"better in {self.label}"

    @property
    def error(self) -> str:
        """The name of `errors`: "error" for accuracy, or the metric's label."""
        if not self.higher_is_better or not self.percent:
            return self.label
        return "error" if self.name == ACCURACY.name else f"1 − {self.label}"

    def directed(self, higher: str, lower: str) -> str:
        """Return the word for where high values are better, or the one for where low values are."""
        return higher if self.higher_is_better else lower

    def minus(self, first: str, second: str) -> str:
        """Name the difference that `gain` is: "first minus second"; where low values are better, the other way."""
        return self.directed(f"{first} minus {second}", f"{second} minus {first}")

    def errors(self, values: Values) -> Values:
        """Return the metric turned so that more is worse: of a fraction that is what is left to 1; both as measured."""
        if not self.higher_is_better:
            return values
        return 1 - values if self.percent else -values

    def gain(self, first: Values, second: Values) -> Values:
        """Return how much better `first` is than `second`, in `unit`; both as measured."""
        difference = first - second if self.higher_is_better else second - first
        return self.scale * difference

    def matches(self, values: Values, reference: Values) -> Values:
        """Return where `values` match `reference`: are better, or at most `matching` worse; both as measured."""
        tolerance = self.matching / self.scale + ROUNDING * (1 + abs(reference))
        return values >= reference - tolerance if self.higher_is_better else values <= reference + tolerance


ACCURACY = Metric(
    "accuracy", "accuracy", "percentage points", scale=100.0, matching=0.2, percent=True, adjective="accurate"
)
"""Accuracy matches within 0.2 percentage points, as Frankle et al. 2020 (arXiv 1912.05671) define it."""

BITS_PER_CHARACTER = Metric(
    "bits_per_character", "bits per character", "bits per character", higher_is_better=False, matching=0.01
)
"""The loss of a language model, in bits. It matches up to 0.01 above, which no paper defines: half a percent of the two
bits that small models need."""

RETURN = Metric("return", "return", "points of return", matching=5.0, selects=True)
"""The undiscounted return of an episode, averaged over evaluation episodes. It matches down to 5 below, which no paper
defines: 1% of the 500 steps after which an episode of CartPole-v1 or Acrobot-v1 is cut off. The objective's option
`matching` is for other environments. The loss of an actor-critic is that of its present policy's data and says little
of the policy, so early stopping goes by the return."""


def percent_text(fraction: float) -> str:
    """Write a density in percent, as axes, legends, captions and claims do: 100, 51.2, 21.5, 3.6, 0.64.

    One decimal, or two digits below 1%.
    """
    percent = round(100 * fraction, 6)  # the mean of equal densities is written as they are
    return f"{percent:.1f}".removesuffix(".0") if percent >= 1 else f"{percent:.2g}"
