"""Lines: what they, their bands and their marks show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import mean_interval
from lth_core.drawing.colours import ROLES
from lth_core.drawing.figures import legend, panels
from lth_core.drawing.lines import band, threshold
from tests.support.replicates import replicates


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
    nan = float("nan")
    band(axes, replicates({1.0: [1, nan], 2.0: [2, 3], 3.0: [5, nan], 4.0: [1, 2], 5.0: [2, 3]}), "x", "y")
    area, bars, *caps, point = axes.collections
    assert {x for path in area.get_paths() for x in path.vertices[:, 0]} == {4, 5}
    (bar,) = bars.get_segments()
    low, high = mean_interval([2, 3])[1:]
    assert bar.ravel() == pytest.approx([2, low, 2, high])
    assert [tuple(cap.get_offsets()[0]) for cap in caps] == [(2, pytest.approx(low)), (2, pytest.approx(high))]
    assert point.get_offsets().tolist() == [[2, 2.5]]
    line, _ = axes.get_lines()  # axes follow the means of lines: the ends of the bar are none
    assert line.get_ydata().tolist() == [1, 2.5, 5, 1.5, 2.5]


def test_a_line_among_many_shows_its_interval_as_bars_at_chosen_points():
    _, ((axes,),) = panels()
    frame = replicates({1.0: [1, 2], 2.0: [2, 3], 3.0: [5, 7], 4.0: [1, float("nan")]})
    band(axes, frame, "x", "y", markers=False, bars=slice(1, None, 2))
    (bars,) = axes.collections
    (bar,) = bars.get_segments()
    low, high = mean_interval([2, 3])[1:]
    assert bar.ravel() == pytest.approx([2, low, 2, high])
    assert axes.get_lines()[0].get_ydata().tolist() == [1.5, 2.5, 6, 1]


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


def test_where_the_replicates_agree_the_band_narrows_to_the_line_and_has_no_hole():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [1, 2], 2.0: [2, 3], 3.0: [5, 5], 4.0: [1, 2], 5.0: [2, 3]}), "x", "y")
    assert axes.get_lines()[0].get_ydata().tolist() == [1.5, 2.5, 5, 1.5, 2.5]
    (path,) = axes.collections[0].get_paths()
    assert {x for x, _ in path.vertices} == {1, 2, 3, 4, 5}
    assert {y for x, y in path.vertices if x == 3} == {5}


def test_where_all_replicates_agree_everywhere_there_is_a_line_alone():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [4, 4]}), "x", "y")
    assert len(axes.get_lines()) == 1 and not [drawn for drawn in axes.collections if len(drawn.get_offsets()) > 1]


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


@pytest.mark.parametrize(("last", "said"), [(float("nan"), ["all diverged"]), (5.0, [])])
def test_a_panel_of_which_all_diverged_says_so(last: float, said: list[str]) -> None:
    figure, ((axes,),) = panels()
    band(axes, replicates({1.0: [float("nan")] * 2, 2.0: [float("nan"), last]}), "x", "y")
    threshold(axes, 3.0, "chance")
    legend(figure)
    assert [text.get_text() for text in axes.texts] == said


def test_one_replicate_has_a_line_and_no_band():
    _, ((axes,),) = panels()
    band(axes, replicates({1.0: [1], 2.0: [2]}), "x", "y")
    assert len(axes.get_lines()) == 1 and not len(axes.collections)
