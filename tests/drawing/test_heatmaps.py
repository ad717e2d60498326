"""Heat maps: every number in its field, one scale around 0 for all panels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lth_core.drawing.figures import MOST_WIDTH, leftmost
from lth_core.drawing.heatmaps import heatmaps

nan = np.nan
TABLES = {
    "many": pd.DataFrame(
        {"a": {"own": [0.0, 0.0], "random": [-1.0, -1.5]}, "b": {"own": [0.5, 0.5], "random": [nan, nan]}}
    ),
    "few": pd.DataFrame(
        {"a": {"own": [0.0, 0.0], "random": [-5.0, -3.0]}, "b": {"own": [2.0, nan], "random": [0.0, 0.0]}}
    ),
}


def printed(figure: Figure, panel: int) -> dict[tuple[int, int], list[str]]:
    """Column and row -> what is printed in the field."""
    texts: dict[tuple[int, int], list[str]] = {}
    for text in figure.axes[panel].texts:
        column, row = text.get_position()
        texts.setdefault((round(column), round(row)), []).append(text.get_text())
    return texts


def explained(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_every_field_has_the_mean_of_its_seeds_with_its_sign() -> None:
    figure = heatmaps({"": TABLES["many"][["a"]]}, "trained on", "points")
    assert printed(figure, 0) == {(0, 0): ["0.0"], (0, 1): ["−1.2"]}
    assert explained(figure) == []


def test_a_field_shows_the_mean_of_the_seeds_that_did_not_diverge_and_how_many_did() -> None:
    figure = heatmaps(TABLES, "trained on", "points")
    assert printed(figure, 0) == {(0, 0): ["0.0"], (0, 1): ["−1.2"], (1, 0): ["+0.5"], (1, 1): ["diverged"]}
    assert printed(figure, 1) == {(0, 0): ["0.0"], (0, 1): ["−4.0"], (1, 0): ["×1", "+2.0"], (1, 1): ["0.0"]}
    assert explained(figure) == ["how many of 2 seeds diverged: the number is the mean of the others"]


def test_a_field_of_which_all_seeds_diverged_looks_like_no_number() -> None:
    figure = heatmaps(TABLES, "", "")
    figure.canvas.draw()
    panel, pixels = figure.axes[0], np.asarray(figure.canvas.buffer_rgba())[::-1] / 255
    left, bottom = panel.transData.transform((0.6, 1.4)).astype(int)
    scale = panel.images[0].cmap(np.linspace(0, 1, 256))
    assert np.abs(scale - pixels[bottom, left]).max(axis=1).min() > 0.05


def test_nothing_that_is_printed_in_fields_overlaps() -> None:
    seeds = [-100.0] * 3 + [nan] * 12
    table = pd.DataFrame({name: dict.fromkeys(["own", "of another task", *"cdefg"], seeds) for name in "abcdefg"})
    figure = heatmaps({"50%": table, "20%": table}, "", "points")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 2 * 7 * 7
    for index, box in enumerate(boxes):
        assert box.count_overlaps(boxes[index + 1 :]) == 0


def test_a_long_unit_stays_on_the_figure() -> None:
    table = pd.DataFrame([[[0.0]] * 3] * 3, [*"abc"], [*"abc"])
    figure = heatmaps({"30% of weights": table}, "task", "bits per character below own ticket")
    figure.draw_without_rendering()
    label = figure.axes[-1].yaxis.label.get_window_extent()
    assert label.y0 >= 0 and label.y1 <= figure.bbox.height


def test_what_rounds_to_zero_has_no_sign() -> None:
    figure = heatmaps({"": pd.DataFrame({"a": [[-0.04], [0.04], [0.06]]})}, "", "")
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.0", "0.0", "+0.1"]


def test_all_panels_share_a_scale_around_zero_and_one_bar_that_names_the_unit() -> None:
    figure = heatmaps(TABLES, "trained on", "points")
    assert {panel.images[0].get_clim() for panel in figure.axes[:2]} == {(-4.0, 4.0)}
    assert [panel.get_ylabel() for panel in figure.axes[2:]] == ["points"]


def test_a_panel_without_any_number_leaves_the_scale_to_the_others() -> None:
    nothing = TABLES["many"].map(lambda seeds: [nan, nan])
    for tables in ({"none": nothing, "few": TABLES["few"]}, {"few": TABLES["few"], "none": nothing}):
        assert {panel.images[0].get_clim() for panel in heatmaps(tables, "", "").axes[:2]} == {(-4.0, 4.0)}


def test_rows_and_columns_are_named_and_the_panels_titled() -> None:
    first, second, _ = heatmaps(TABLES, "trained on", "points").axes
    assert [label.get_text() for label in first.get_xticklabels()] == ["a", "b"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["own", "random"]
    assert {label.get_text() for label in second.get_yticklabels()} == {""}
    assert [first.get_title(), second.get_title(), second.get_xlabel()] == ["many", "few", "trained on"]


def test_tables_without_any_difference_or_number_can_be_drawn() -> None:
    for value, text in ((0.0, "0.0"), (nan, "diverged")):
        figure = heatmaps({"none": pd.DataFrame({"a": {"own": [value]}})}, "", "")
        figure.draw_without_rendering()
        assert printed(figure, 0) == {(0, 0): [text]} and explained(figure) == []


def test_panels_without_room_beside_others_are_below_them_and_name_their_rows() -> None:
    names = [f"iterative magnitude pruning {name}" for name in "ab"]
    table = pd.DataFrame({column: {name: [1.0, 2.0] for name in names} for column in "abcd"})
    figure = heatmaps({str(level): table for level in range(3)}, "check", "points")
    assert figure.get_figwidth() <= MOST_WIDTH
    figure.draw_without_rendering()
    panels = figure.axes[:3]
    assert len({round(panel.get_position().y0, 3) for panel in panels}) > 1
    for panel in panels:
        named = [label.get_text() for label in panel.get_yticklabels()]
        assert named == (names if leftmost(panel) else ["", ""])
