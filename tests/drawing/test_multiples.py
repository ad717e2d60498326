"""Small multiples: each panel has the lines of its group in colour, and those of others behind them in grey."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from lth_core.drawing.colours import BACKGROUND
from lth_core.drawing.multiples import multiples

MEANS = {name: pd.Series([rise, 2.0 * rise], index=[1.0, 0.5]) for rise, name in enumerate("abcd", start=1)}


def line(axes: Axes, name: str) -> None:
    axes.plot(MEANS[name].index, MEANS[name], color="#112233", label=name)


def test_a_panel_explains_its_own_lines_and_shows_the_others_in_grey() -> None:
    _, row = multiples({"first": ["a", "b"], "second": ["b", "c", "d"]}, line, MEANS.__getitem__)
    assert [panel.get_title() for panel in row] == ["first", "second"]
    for panel, alone, others in zip(row, (["a", "b"], ["b", "c", "d"]), (["c", "d"], ["a"]), strict=True):
        assert panel.get_legend_handles_labels()[1] == alone
        (grey,) = panel.collections
        assert to_hex(grey.get_edgecolor()[0]) == BACKGROUND.lower()
        assert [line[:, 1].tolist() for line in grey.get_segments()] == [MEANS[name].tolist() for name in others]
        assert grey.get_zorder() < 2  # behind


def test_panels_share_the_vertical_axis() -> None:
    _, row = multiples({"low": ["a", "b", "c"], "high": ["d"]}, line, MEANS.__getitem__)
    low, high = row[0].get_ylim()
    assert row[1].get_ylim() == (low, high)
    assert low <= 1 and high >= 8


def test_panels_whose_lines_are_close_together_share_a_finer_axis() -> None:
    means = {"wide": pd.Series([0.1, 0.9]), "fine": pd.Series([0.90, 0.91]), "finer": pd.Series([0.89, 0.90])}
    groups = {"one": ["wide", "fine"], "two": ["fine"], "three": ["finer", "fine"]}
    _, row = multiples(groups, lambda axes, name: axes.plot(means[name].index, means[name]), means.__getitem__)
    wide, *fine = (panel.get_ylim() for panel in row)
    assert wide[0] < 0.1 and wide[1] > 0.91
    assert fine[0] == fine[1]
    assert 0.88 < fine[0][0] < 0.89 and 0.91 < fine[0][1] < 0.92  # the wide line leaves it


def test_panels_that_are_far_apart_share_one_axis_even_if_each_is_flat() -> None:
    means = {"low": pd.Series([0.10, 0.11]), "high": pd.Series([0.90, 0.91])}
    groups = {"low": ["low"], "high": ["high"]}
    _, row = multiples(groups, lambda axes, name: axes.plot(means[name].index, means[name]), means.__getitem__)
    low, high = row
    assert low.get_ylim() == high.get_ylim()
