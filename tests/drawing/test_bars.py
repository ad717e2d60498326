"""Bars: every number stands beside its bar, with its interval."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.drawing.bars import bars
from lth_core.drawing.figures import panels

COLOURS = {"plain": "#111111", "rescaled": "#222222"}


def drawn(rows):
    figure, axes = panels()
    bars(axes[0, 0], rows, COLOURS, "test accuracy")
    figure.draw_without_rendering()
    return axes[0, 0]


def test_bars_are_as_long_as_the_means_and_say_their_intervals() -> None:
    axes = drawn({"learned": {"plain": [0.5, 0.6], "rescaled": [0.9]}, "trained": {"plain": [0.97]}})
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.55, 0.9, 0.97])
    # t quantile of 1 degree of freedom, 12.706, times the standard error, 0.05
    assert [text.get_text() for text in axes.texts] == ["55.0 ± 63.5", "90.0", "97.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["learned", "trained"]
    assert axes.get_yticks().tolist() == pytest.approx([0.5, 2.6])
    assert axes.get_xlabel() == "test accuracy (%)"
    (whisker,) = axes.get_lines()
    assert whisker.get_xdata().tolist() == [0, 1]  # an interval that is cut off at 0% and 100%


def test_a_series_with_a_diverged_seed_says_so() -> None:
    axes = drawn({"learned": {"plain": [0.5, np.nan], "rescaled": [np.nan, np.nan]}})
    assert [text.get_text() for text in axes.texts] == ["50.0, 1 of 2 diverged", "2 of 2 diverged"]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0]
