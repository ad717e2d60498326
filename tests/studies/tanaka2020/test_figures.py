"""Figures of pruning before training: what is drawn, what captions say of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lth_core.studies.base import Drawing
from lth_core.studies.tanaka2020.figures import label_of
from tests.support.tanaka2020_results import COMPRESSIONS, known


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    study, config, tables = known(smart_ratios=["descending", "ascending"])
    drawings = study.figures(config, tables)
    assert [drawing.name for drawing in drawings] == study.figure_names(config)
    return {drawing.name: drawing for drawing in drawings}


def labels(figure: Figure) -> set[str]:
    return {label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]}


def test_every_task_has_its_figures_with_captions(figures: dict[str, Drawing]) -> None:
    assert list(figures) == ["collapse-mini", "conservation-mini", "accuracy-mini", "checks-mini"]
    for drawing in figures.values():
        drawing.draw().draw_without_rendering()
        assert "Data: digits, network: lenet" in drawing.caption
        assert "3 seeds" in drawing.caption or "Seeds: 3." in drawing.caption


def test_layers_are_shown_where_the_network_is_smallest(figures: dict[str, Drawing]) -> None:
    left = figures["collapse-mini"].draw().axes[0]
    assert "compressed 100 times" in figures["collapse-mini"].caption
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in left.get_lines()}
    assert set(lines) == {"random", "magnitude at initialization", "SNIP", "GraSP", "SynFlow"}
    assert lines["SynFlow"] == pytest.approx([5 / 512, 1 / 64, 1 / 80])
    assert lines["SNIP"][1] < 1 / 512 / 3  # empty


def test_critical_compressions_have_a_row_per_variant_and_the_limit(figures: dict[str, Drawing]) -> None:
    right = figures["collapse-mini"].draw().axes[1]
    assert [text.get_text() for text in right.get_yticklabels()] == [
        *("random", "magnitude at initialization", "SNIP", "SNIP, 100 rounds", "GraSP"),
        *("SynFlow, 1 round", "SynFlow, 10 rounds", "SynFlow", "SynFlow, 10 rounds, linear", "SynFlow, linear"),
    ]
    limits = [line for line in right.get_lines() if line.get_label() == "one weight per layer"]
    assert np.asarray(limits[0].get_xdata())[0] == pytest.approx(COMPRESSIONS[-1])


def test_conserved_sums_are_equal_in_all_layers(figures: dict[str, Drawing]) -> None:
    sums, means = figures["conservation-mini"].draw().axes
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in sums.get_lines()}
    assert lines["SynFlow"] == pytest.approx(1) and lines["magnitude at initialization"] == pytest.approx(
        [5 / 6, 1, 7 / 6], rel=0.1
    )
    points = {str(line.get_label()): np.asarray(line.get_ydata()) for line in means.get_lines()}
    assert points["SNIP"] == pytest.approx([1 / 512, 1 / 64, 1 / 80])
    assert "1e-12 for SNIP" in figures["conservation-mini"].caption


def test_accuracy_is_drawn_for_all_ways_to_prune(figures: dict[str, Drawing]) -> None:
    drawn = labels(figures["accuracy-mini"].draw())
    assert drawn == {
        *("dense network", "iterative magnitude, trained", "random", "magnitude at initialization", "GraSP", "SynFlow"),
        *("SNIP", "SNIP, 100 rounds", "smart ratios", "smart ratios, ascending"),
    }


def test_checks_are_differences_per_method_and_density(figures: dict[str, Drawing]) -> None:
    figure = figures["checks-mini"].draw()
    assert [axes.get_title() for axes in figure.axes[:2]] == ["10% of the weights", "1.0% of the weights"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[-2:] == ["one-shot magnitude, trained", "iterative magnitude, trained"]
    fields = [text.get_text() for text in figure.axes[0].texts]
    assert fields[-5:] == ["−2.0", "−3.0", "−50.1", "−2.0", "−3.0"]  # iterative pruning is not inverted
    assert "diverged" not in fields


def test_a_check_that_diverged_is_marked() -> None:
    study, config, tables = known()
    table = tables["measurements"].copy()
    lost = (table["pruning"] == "snip") & (table["check"] == "reinit") & (table["seed"] == 1)
    table.loc[lost, "metric"] = np.nan
    drawings = study.figures(config, tables | {"measurements": table})
    assert "×1" in [text.get_text() for text in drawings[-1].draw().axes[0].texts]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("synflow-10-linear", "SynFlow, 10 rounds, linear"),
        ("snip-1", "SNIP, 1 round"),
        ("magnitude-at-init", "magnitude-at-init"),
        ("growth-2", "growth, 2 rounds"),
    ],
)
def test_variants_are_named_in_words(name: str, label: str) -> None:
    assert label_of(name) == label


def test_figures_read_nothing_but_tables(figures: dict[str, Drawing]) -> None:
    study, config, tables = known()
    read_back = {name: pd.DataFrame(table.to_dict("list")) for name, table in tables.items()}
    assert [drawing.name for drawing in study.figures(config, read_back)] == list(figures)
