"""Axes: ticks, labels, and limits that follow the means."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lth_core.drawing.axes import density_axis, metric_axis, percent_axis, positive_axis, step_axis, whole_axis
from lth_core.drawing.figures import panels
from lth_core.drawing.lines import band
from lth_core.metrics import ACCURACY, BITS_PER_CHARACTER, RETURN, Metric, percent_text
from tests.support.replicates import replicates

LADDER = [0.8**level for level in range(16)]


def test_density_falls_to_the_right_on_a_log_axis_with_percent_labels():
    figure, ((axes,),) = panels()
    density_axis(axes, LADDER)
    figure.draw_without_rendering()
    assert axes.get_xscale() == "log"
    left, right = axes.get_xlim()
    assert left > 1 > LADDER[-1] > right
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["100", "51.2", "26.2", "13.4", "6.9", "3.5"]


@pytest.mark.parametrize("levels", range(2, 31))
def test_ticks_are_few_and_include_both_ends(levels: int):
    _, ((axes,),) = panels()
    density_axis(axes, LADDER[:1] + [0.8**level for level in range(1, levels)])
    ticks = axes.get_xticks()
    assert ticks[0] == 1 and ticks[-1] == 0.8 ** (levels - 1) and 2 <= len(ticks) <= 8


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("ladder", [LADDER, [1 - level / 10 for level in range(10)], [0.5, 0.45, 0.05, 0.01]])
def test_labels_of_densities_do_not_touch(columns: int, ladder: list[float]):
    figure, axes = panels(columns)
    for panel in axes.flat:
        density_axis(panel, ladder)
        panel.set_ylabel("test accuracy (%)")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes[0, 0].get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (1.0, "100"),
        (0.5, "50"),
        (0.512, "51.2"),
        (0.215039, "21.5"),
        (0.0687, "6.9"),
        (0.00352, "0.35"),
        (0.0001, "0.01"),
    ],
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


@pytest.mark.parametrize(
    ("metric", "shown", "ticks"),
    [
        (ACCURACY, "test accuracy (%)", {"50", "100"}),
        (BITS_PER_CHARACTER, "test bits per character", {"0.5", "1.0"}),
        (RETURN, "test return", {"0.5", "1.0"}),
        (Metric("delay", "delay", "ms", higher_is_better=False, scale=1000), "test delay (ms)", {"500", "1000"}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_metric_is_shown_in_its_unit_unless_its_name_says_it(metric: Metric, shown: str, ticks: set[str]):
    figure, ((axes,),) = panels()
    axes.plot([0, 1], [0.5, 1.0])
    axes.set_ylim(0.45, 1.05)
    metric_axis(axes.yaxis, metric, f"test {metric.label}")
    figure.draw_without_rendering()
    assert axes.get_ylabel() == shown
    assert ticks <= {label.get_text() for label in axes.get_yticklabels()}


def test_a_long_label_is_broken_into_even_lines_where_its_panel_is_low():
    _, rows = panels(rows=3, height=2.1)
    positive_axis(rows[0, 0], "barrier of training bits per character")
    assert rows[0, 0].get_ylabel() == "barrier of training\nbits per character"
    positive_axis(rows[1, 0], "barrier of training error\n(percentage points)")
    assert rows[1, 0].get_ylabel() == "barrier of training error\n(percentage points)"
    _, ((high,),) = panels(height=4)
    positive_axis(high, "barrier of training bits per character")
    assert "\n" not in high.get_ylabel()


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


def test_an_axis_from_0_on_is_not_for_lines_far_above_it():
    for means, starts in (([10, 60], 0), ([580, 600], 570)):
        _, ((axes,),) = panels()
        axes.plot([1, 2], means)
        positive_axis(axes, "step")
        assert axes.get_ylim()[0] == pytest.approx(starts, abs=15) and (starts or axes.get_ylim()[0] == 0)


def test_counts_have_whole_ticks():
    _, ((axes,),) = panels()
    axes.plot([1, 2, 3], [1, 2, 3])
    whole_axis(axes.xaxis)
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_labels_of_steps_do_not_touch():
    figure, axes = panels(3)
    steps = [0, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]
    for panel in axes.flat:
        panel.plot(steps, steps)
        step_axis(panel, steps)
        panel.set_ylabel("test accuracy (%)")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes[0, 0].get_xticklabels() if label.get_text()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes)) and len(boxes) >= 3
    assert axes[0, 0].get_xticklabels()[-1].get_text() == "2000"


def test_a_shared_axis_follows_the_means_of_all_its_panels():
    _, ((left, right),) = panels(2)
    right.sharey(left)
    band(left, replicates({1.0: [10, 12], 2.0: [10, 12]}), "x", "y")
    band(right, replicates({1.0: [1, 21], 2.0: [30, 32]}), "x", "y")  # the interval at 1 is -116 to 138
    positive_axis(left, "distance")
    assert left.get_ylim() == right.get_ylim() == (0, 51)
    assert left.get_ylabel() == "distance"


@pytest.mark.parametrize(("steps", "scale"), [([0, 10, 100], "symlog"), ([10, 100], "log"), ([5], "log")])
def test_an_axis_of_steps_has_a_tick_at_each_and_room_for_0_where_it_is_one_of_them(steps: list[int], scale: str):
    _, axes = panels()
    step_axis(axes[0, 0], steps)
    assert axes[0, 0].get_xscale() == scale
    assert list(axes[0, 0].get_xticks()) == steps
