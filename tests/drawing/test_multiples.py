"""Small multiples: each panel has the lines of its group in colour, and those of others behind them in grey."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

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
        grey = [line for line in panel.get_lines() if line.get_color() == BACKGROUND]
        assert [list(line.get_ydata()) for line in grey] == [MEANS[name].tolist() for name in others]
        assert max(line.get_zorder() for line in grey) < 2  # behind


def test_panels_share_the_vertical_axis() -> None:
    _, row = multiples({"low": ["a"], "high": ["d"]}, line, MEANS.__getitem__)
    assert row[0].get_ylim() == row[1].get_ylim()
