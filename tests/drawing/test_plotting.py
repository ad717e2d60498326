"""The plot style: what lines, bands and axes show, and that equal figures are equal files."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import mean_interval
from lth_core.drawing.plotting import (
    ROLES,
    band,
    density_axis,
    legend,
    panels,
    percent_axis,
    percent_text,
    positive_axis,
    ramp,
    save,
    series,
    step_axis,
)

LADDER = [0.8**level for level in range(16)]


def replicates(values: dict[float, list[float]]) -> pd.DataFrame:
    rows = [{"x": x, "seed": seed, "y": y} for x, ys in values.items() for seed, y in enumerate(ys)]
    return pd.DataFrame(rows)


def drawn_band(axes) -> np.ndarray:
    """Corners (x, y) of the shaded area."""
    return np.concatenate([path.vertices for path in axes.collections[0].get_paths()])


def test_the_line_is_the_mean_and_the_band_its_t_interval():
    _, ((axes,),) = panels()
    frame = replicates({1.0: [1, 2, 3], 2.0: [4, 4, 7]})
    band(axes, frame, "x", "y", role="ticket")
    assert axes.get_lines()[0].get_ydata().tolist() == [2, 5]
    expected = {round(bound, 9) for values in ([1, 2, 3], [4, 4, 7]) for bound in mean_interval(values)[1:]}
    assert expected <= {round(y, 9) for y in drawn_band(axes)[:, 1]}


def test_an_interval_without_neighbours_is_a_bar():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [1, 1], 2.0: [2, 3], 3.0: [5, 5], 4.0: [1, 2], 5.0: [2, 3]}), "x", "y")
    area, bars = axes.collections
    assert {x for path in area.get_paths() for x in path.vertices[:, 0]} == {4, 5}
    (bar,) = bars.get_segments()
    assert bar.ravel() == pytest.approx([2, mean_interval([2, 3])[1], 2, mean_interval([2, 3])[2]])


def test_a_single_point_is_seen_even_of_a_line_without_markers():
    for markers, face in ((True, ROLES["ticket"].colour), (False, "white")):
        _, ((axes,),) = panels()
        band(axes, replicates({1.0: [1, 2, 4]}), "x", "y", role="ticket", markers=markers)
        (line,) = axes.get_lines()
        assert line.get_marker() == ROLES["ticket"].marker and line.get_markerfacecolor() == face
        assert len(axes.collections[0].get_segments()) == 1
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [1, 2], 2.0: [2, 3]}), "x", "y", markers=False)
    assert axes.get_lines()[0].get_marker() == "None"


def test_where_the_replicates_are_equal_there_is_a_line_and_no_band():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [1, 2], 2.0: [2, 3], 3.0: [5, 5], 4.0: [1, 2], 5.0: [2, 3]}), "x", "y")
    assert axes.get_lines()[0].get_ydata().tolist() == [1.5, 2.5, 5, 1.5, 2.5]
    assert {(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in axes.collections[0].get_paths()} == {
        (1, 2),
        (4, 5),
    }


def test_draws_are_averaged_within_their_seed():
    _, ((axes,),) = panels()
    frame = pd.DataFrame({"x": 1.0, "seed": [0, 0, 0, 1], "y": [0, 0, 3, 5]})
    band(axes, frame, "x", "y", role="reinit")
    assert axes.get_lines()[0].get_ydata().tolist() == [3]  # the mean of 1 and 5, not of 0, 0, 3 and 5


def test_diverged_replicates_are_marked():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [1, 2, 3], 2.0: [4, float("nan"), 6], 3.0: [float("nan")] * 3}), "x", "y")
    line, crosses = axes.get_lines()
    assert line.get_ydata()[:2].tolist() == [2, 5]
    assert crosses.get_xdata().tolist() == [2, 3] and np.isfinite(crosses.get_ydata()).all()
    assert crosses.get_label() == "other: 3 of 3 seeds diverged"


def test_the_legend_says_of_each_line_how_many_seeds_diverged_and_curves_are_marked_where_it_began():
    _, ((axes,),) = panels()
    nan = float("nan")
    band(axes, replicates({1.0: [1, 2, 3], 2.0: [4, nan, 6], 3.0: [4, nan, 6]}), "x", "y", label="a", markers=False)
    band(axes, replicates({1.0: [1, 2], 2.0: [4, 5]}), "x", "y", label="b", markers=False)
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["a", "a: 1 of 3 seeds diverged", "b"]
    assert axes.get_lines()[1].get_xdata().tolist() == [2]


def test_one_replicate_has_a_line_and_no_band():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [1], 2.0: [2]}), "x", "y")
    assert len(axes.get_lines()) == 1 and not len(axes.collections)


def test_density_falls_to_the_right_on_a_log_axis_with_percent_labels():
    figure, ((axes,),) = panels()
    density_axis(axes, LADDER)
    figure.draw_without_rendering()
    assert axes.get_xscale() == "log"
    left, right = axes.get_xlim()
    assert left > 1 > LADDER[-1] > right
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["100", "51", "26", "13", "6.9", "3.5"]


@pytest.mark.parametrize("levels", range(2, 31))
def test_ticks_are_few_and_include_both_ends(levels: int):
    _, ((axes,),) = panels()
    density_axis(axes, LADDER[:1] + [0.8**level for level in range(1, levels)])
    ticks = axes.get_xticks()
    assert ticks[0] == 1 and ticks[-1] == 0.8 ** (levels - 1) and 2 <= len(ticks) <= 8


@pytest.mark.parametrize(
    ("fraction", "text"), [(1.0, "100"), (0.512, "51"), (0.0995, "10"), (0.0687, "6.9"), (0.00352, "0.4")]
)
def test_percent_labels(fraction: float, text: str):
    assert percent_text(fraction) == text


def test_accuracies_are_shown_in_percent():
    figure, ((axes,),) = panels()
    axes.set_ylim(0.5, 1)
    percent_axis(axes.yaxis, "test accuracy")
    figure.draw_without_rendering()
    assert axes.get_ylabel() == "test accuracy (%)"
    assert {"50", "100"} <= {label.get_text() for label in axes.get_yticklabels()}


def test_wide_bands_leave_the_axis_and_lines_do_not():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [0.5, 0.9], 2.0: [0.79, 0.81]}), "x", "y")  # the interval at 1 is -1.84 to 3.24
    percent_axis(axes.yaxis, "test accuracy")
    assert axes.get_ylim() == pytest.approx((0.6, 0.9))  # means 0.7 and 0.8, and their range on either side


def test_bands_that_are_not_wide_are_shown_whole():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [0.5, 0.51, 0.52], 2.0: [0.8, 0.81, 0.82]}), "x", "y")
    before = axes.get_ylim()
    percent_axis(axes.yaxis, "test accuracy")
    assert axes.get_ylim() == before


def test_a_shared_axis_follows_the_means_of_all_its_panels():
    _, ((left, right),) = panels(2)
    right.sharey(left)
    band(left, replicates({1.0: [10, 12], 2.0: [10, 12]}), "x", "y")
    band(right, replicates({1.0: [1, 21], 2.0: [30, 32]}), "x", "y")  # the interval at 1 is -116 to 138
    positive_axis(left, "distance")
    assert left.get_ylim() == right.get_ylim() == (0, 51)
    assert left.get_ylabel() == "distance"


@pytest.mark.parametrize("count", [1, 8, 9, 30])
def test_any_number_of_series_have_colours_of_their_own(count: int):
    assert len(set(series(count))) == count


@pytest.mark.parametrize("count", [2, 6, 20])
def test_series_drawn_with_roles_have_other_colours(count: int):
    roles = ["ticket", "reinit"]
    colours = series(count, besides=roles)
    assert len(set(colours)) == count and not set(colours) & {ROLES[role].colour for role in roles}


@pytest.mark.parametrize(("steps", "scale"), [([0, 10, 100], "symlog"), ([10, 100], "log"), ([5], "log")])
def test_an_axis_of_steps_has_a_tick_at_each_and_room_for_0_where_it_is_one_of_them(steps: list[int], scale: str):
    _, axes = panels()
    step_axis(axes[0, 0], steps)
    assert axes[0, 0].get_xscale() == scale
    assert list(axes[0, 0].get_xticks()) == steps


def test_every_role_has_its_own_colour_marker_and_label():
    for key in ("colour", "marker", "label"):
        assert len({getattr(style, key) for style in ROLES.values()}) == len(ROLES)
    assert len(set(ramp(6))) == 6


def test_the_legend_lists_each_label_once_and_covers_no_panel():
    figure, axes = panels(2)
    for panel in axes.flat:
        band(panel, replicates({1.0: [1, 2], 2.0: [2, 3]}), "x", "y", role="ticket")
    legend(figure, "a note")
    figure.draw_without_rendering()
    (box,) = figure.legends
    assert [text.get_text() for text in box.get_texts()] == [ROLES["ticket"].label]
    top = box.get_window_extent().y1
    assert all(top <= panel.get_tightbbox().y0 + 1 for panel in axes.flat)


DRAW = """
import sys, pandas as pd
from lth_core.drawing.plotting import band, density_axis, legend, panels, save
figure, axes = panels(2)
frame = pd.DataFrame({"x": [1, .8, .64] * 3, "seed": [0] * 3 + [1] * 3 + [2] * 3, "y": [1, 2, 3, 2, 3, 5, 1, 1, 2]})
for panel in axes.flat:
    band(panel, frame, "x", "y", role="reinit")
    density_axis(panel, frame["x"])
legend(figure, "note")
save(figure, sys.argv[1])
"""


def test_figures_are_the_same_files_in_every_process(tmp_path: Path):
    digests = []
    for run in ("first", "second"):
        subprocess.run([sys.executable, "-c", DRAW, str(tmp_path / run)], check=True)
        files = [tmp_path / f"{run}.{suffix}" for suffix in ("svg", "png", "pdf")]
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]


def test_bitmaps_are_fit_for_print(tmp_path: Path):
    from PIL import Image

    figure, _ = panels()
    save(figure, tmp_path / "figure")
    with Image.open(tmp_path / "figure.png") as image:
        assert min(image.info["dpi"]) >= 150
