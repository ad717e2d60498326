"""Curves of two runs: which tables have some, how treatments are named, and what is drawn."""

from __future__ import annotations

import pandas as pd
import pytest

from lth_core.compare.curves import Curves, figure, shared_curves
from lth_core.drawing.colours import ROLES
from lth_core.metrics import Metric
from tests.support.two_runs import measurements

ACCURACY = Metric("accuracy", "accuracy", "percentage points", percent=True)


def curves(first: pd.DataFrame, second: pd.DataFrame) -> list[Curves]:
    return list(shared_curves("study", "measurements", first, second))


def test_each_treatment_has_a_panel_with_both_runs_in_its_colour() -> None:
    (shown,) = curves(measurements(0.9), measurements(0.93))
    drawn = figure(shown, ACCURACY)
    assert [panel.get_title() for panel in drawn.axes] == ["winning ticket", "random reinitialization"]
    colours = {style.label: style.colour for style in ROLES.values()}
    for panel in drawn.axes:
        first, second, dense_first, dense_second = panel.get_lines()
        assert {first.get_color(), second.get_color()} == {colours[panel.get_title()]}
        assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
        assert list(first.get_ydata()) == pytest.approx([0.882, 0.892]) and len(panel.collections) == 2
        assert (dense_first.get_ydata()[0], dense_second.get_ydata()[0]) == pytest.approx((0.902, 0.932))


def test_a_treatment_of_one_run_is_drawn_alone() -> None:
    first = measurements(0.9)
    (shown,) = curves(first, first[first["branch"] != "reinit"])
    assert [len(panel.get_lines()) for panel in figure(shown, ACCURACY).axes] == [4, 3]


def test_numbers_that_tell_treatments_apart_are_named() -> None:
    tickets = measurements(0.9).query("branch == 'ticket'")
    steps = pd.concat([tickets.assign(k=k) for k in (0, 20)])
    (shown,) = curves(steps, steps)
    assert shown.treatments() == ["k 0", "k 20"]


def test_seeds_of_a_level_are_drawn_at_their_mean_density() -> None:
    table = measurements(0.9)
    table.loc[table["level"] == 1, "density"] += table["seed"] / 1000
    (shown,) = curves(table, table)
    assert list(figure(shown, ACCURACY).axes[0].get_lines()[0].get_xdata()) == pytest.approx([0.25, 0.502])


@pytest.mark.parametrize(
    "table",
    [
        measurements(0.9).drop(columns="density"),
        measurements(0.9).drop(columns="test_metric_end"),
        measurements(0.9).query("level < 2"),
        pd.concat([measurements(0.9).assign(step=step) for step in (10, 20)]),
    ],
    ids=["no density", "no metric", "one density", "several steps"],
)
def test_tables_without_curves_over_densities_are_left_out(table: pd.DataFrame) -> None:
    assert curves(table, table) == []


def test_tasks_of_one_run_alone_are_left_out() -> None:
    assert curves(measurements(0.9), measurements(0.9).assign(task="digits")) == []
