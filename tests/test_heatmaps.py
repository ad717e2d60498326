"""Heat maps: every number in its field, one scale around 0 for all panels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lth_core.heatmaps import heatmaps

TABLES = {
    "many": pd.DataFrame({"a": [0.0, -1.25], "b": [0.5, np.nan]}, index=["own", "random"]),
    "few": pd.DataFrame({"a": [0.0, -4.0], "b": [2.0, 0.0]}, index=["own", "random"]),
}


def test_every_finite_number_is_printed_in_its_field_with_its_sign() -> None:
    figure = heatmaps(TABLES, "trained on", "points")
    many, few = figure.axes[:2]
    assert {text.get_position(): text.get_text() for text in many.texts} == {
        (0, 0): "0.0",
        (1, 0): "+0.5",
        (0, 1): "−1.2",
    }
    assert {text.get_text() for text in few.texts} == {"0.0", "−4.0", "+2.0"}


def test_what_rounds_to_zero_has_no_sign() -> None:
    figure = heatmaps({"": pd.DataFrame({"a": [-0.04, 0.04, 0.06]})}, "", "")
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.0", "0.0", "+0.1"]


def test_all_panels_share_a_scale_around_zero_and_one_bar_that_names_the_unit() -> None:
    figure = heatmaps(TABLES, "trained on", "points")
    assert {panel.images[0].get_clim() for panel in figure.axes[:2]} == {(-4.0, 4.0)}
    assert [panel.get_ylabel() for panel in figure.axes[2:]] == ["points"]


def test_rows_and_columns_are_named_and_the_panels_titled() -> None:
    first, second, _ = heatmaps(TABLES, "trained on", "points").axes
    assert [label.get_text() for label in first.get_xticklabels()] == ["a", "b"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["own", "random"]
    assert {label.get_text() for label in second.get_yticklabels()} == {""}
    assert [first.get_title(), second.get_title(), second.get_xlabel()] == ["many", "few", "trained on"]


def test_tables_without_any_difference_or_number_can_be_drawn() -> None:
    for value in (0.0, np.nan):
        heatmaps({"none": pd.DataFrame({"a": [value]}, index=["own"])}, "", "").draw_without_rendering()
