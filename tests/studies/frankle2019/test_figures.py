"""Tables and figures of Frankle & Carbin 2019, made of synthetic artifacts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lth_core.storage.runs import Run
from tests.support import frankle2019_results
from tests.support.frankle2019_results import (
    LEVELS,
    accuracy_of,
    make_config,
    make_study,
    read_back,
    task,
    write_artifacts,
)

results = frankle2019_results.results  # a fixture


# ---------------------------------------------------------------- tables


def test_the_tables_are_those_announced(results):
    _, study, tables = results
    assert tuple(tables) == study.table_names


def test_measurements_have_one_row_per_run_seed_and_draw(results):
    _, _, tables = results
    table = tables["measurements"]
    assert len(table) == 4 * 3 * (1 + LEVELS * (1 + 2 + 1 + 1 + 2 + 1))
    row = table.query("task == 'plain' and method == 'imp' and level == 3 and branch == 'ticket' and seed == 1").iloc[0]
    assert row["density"] == pytest.approx(0.512) and row["early_stop_step"] == 20
    assert row["test_metric_early_stop"] == pytest.approx(accuracy_of(Run("plain", "0-2", "imp", 3), 1, 0))


def test_curves_hold_few_densities(results):
    _, _, tables = results
    levels = tables["curves"].query("task == 'plain'").groupby("branch")["level"].unique()
    assert {branch: list(by_branch) for branch, by_branch in levels.items()} == {
        "dense": [0],
        "ticket": [3, 7, 12, 15],
        "reinit": [3, 7, 12, 15],
    }


def test_histograms_are_joined_with_their_runs(results):
    _, _, tables = results
    assert tables["weights"].groupby(["task", "level"]).size().to_dict() == {
        (name, level): 2 * 2 * 2 * 3 * 2 for name in ("plain", "dropout", "fast", "slow") for level in (3, 7, 12)
    }


# ---------------------------------------------------------------- figures


def test_the_figures_are_those_announced(results):
    config, study, tables = results
    names = study.figure_names(config)
    assert [drawing.name for drawing in study.figures(config, tables)] == names and len(set(names)) == len(names)
    kinds = ("fig03-training", "fig04-tickets", "fig05-early-stop", "fig09-strategies", "fig14-controls")
    histograms = ("fig15-initial-values", "fig19-distances")
    assert [name for name in names if name.endswith("plain")] == [f"{kind}-plain" for kind in (*kinds, *histograms)]
    assert "fig06-dropout-dropout" in names and "fig06-dropout-plain" not in names
    assert [name for name in names if "fast" in name] == [
        f"{kind}-fast" for kind in ("fig03-training", "fig14-controls", *histograms, "fig07-thirds")
    ]


def test_figures_follow_the_options():
    config = make_config(levels=2)
    study = make_study(config, controls=[], continued=False)  # 2 levels: no histograms
    assert study.figure_names(config) == ["fig03-training-digits", "fig04-tickets-digits", "fig05-early-stop-digits"]


def test_every_figure_is_drawn_from_tables_alone(results, tmp_path, monkeypatch):
    config, study, tables = results
    elsewhere = config.model_copy(update={"results": str(tmp_path / "nothing")})
    monkeypatch.setattr("lth_core.storage.tensors.read_tensors", None)
    for drawing in study.figures(elsewhere, tables):
        figure = drawing.draw()
        assert all(axes.get_xlabel() or axes.get_ylabel() or axes.get_title() for axes in figure.axes)
        assert figure.legends and "3 seeds" in figure.legends[0].get_title().get_text()
        assert "3 seeds" in drawing.caption and "digits" in drawing.caption and drawing.caption.endswith(".")


def test_lines_show_the_tables_numbers(results):
    config, study, tables = results
    (drawing,) = (d for d in study.figures(config, tables) if d.name == "fig05-early-stop-plain")
    steps, accuracies, _ = drawing.draw().axes
    lines = {line.get_label(): line for line in accuracies.get_lines()}
    run = Run("plain", "0-2", "imp", 2, "reinit")
    expected = np.mean([accuracy_of(run, seed, draw) for seed in range(3) for draw in (0, 1)])
    densities, shown = lines["random reinitialization"].get_data()
    assert shown[np.isclose(densities, 0.64)].tolist() == [pytest.approx(expected)]
    assert {line.get_label(): line.get_ydata()[0] for line in steps.get_lines()} == {
        "dense network": pytest.approx(100 / 3),  # 30, 30 and 40
        "winning ticket": pytest.approx(70 / 3),
        "random reinitialization": pytest.approx(130 / 3),
    }


def test_where_most_networks_are_best_at_their_last_step_figures_do_not_show_when_they_stop(results):
    config, study, tables = results
    last = config.tasks["plain"].train.steps
    short = tables["measurements"].assign(early_stop_step=last)
    drawn = {drawing.name: drawing for drawing in study.figures(config, tables | {"measurements": short})}
    for kind, panels in (("fig04-tickets", 2), ("fig05-early-stop", 2), ("fig09-strategies", 1), ("fig14-controls", 1)):
        drawing = drawn[f"{kind}-plain"]
        figure = drawing.draw()
        assert len(figure.axes) == panels and not any(axes.get_ylabel() == "early-stop step" for axes in figure.axes)
        note = figure.legends[0].get_title().get_text().replace("\n", " ")
        assert "early-stop step not drawn: 100% of the networks are best at their last step" in note
        assert "is not drawn: 100% of the networks are best at their last step" in drawing.caption
        assert "a claim stays open where a later one could reverse its verdict." in drawing.caption
        assert "too short to tell" not in drawing.caption  # which claims would belie
        assert (
            "(a)" not in drawing.caption
            and "tep of early stopping (smallest validation loss) and" not in drawing.caption
        )
    assert "not drawn" not in drawn["fig03-training-plain"].caption
    assert "not drawn" not in drawn["fig07-thirds-fast"].draw().legends[0].get_title().get_text()


def test_a_panel_that_is_left_alone_has_no_letter(results):
    config, _, tables = results
    alone = make_study(config, one_shot=False)
    short = tables | {"measurements": tables["measurements"].assign(early_stop_step=config.tasks["plain"].train.steps)}
    (drawing,) = (one for one in alone.figures(config, short) if one.name == "fig04-tickets-plain")
    (axes,) = drawing.draw().axes
    assert not axes.get_title(loc="left") and "(b)" not in drawing.caption


def test_half_of_the_networks_are_enough_to_tell_when_they_stop_but_no_fewer(results):
    config, study, tables = results
    last, table = config.tasks["plain"].train.steps, tables["measurements"]
    for part, panels in ((2.2, 3), (1.8, 2)):
        stops = np.where(np.arange(len(table)) % 100 < 100 / part, last, 20)
        changed = tables | {"measurements": table.assign(early_stop_step=stops)}
        (drawing,) = (one for one in study.figures(config, changed) if one.name == "fig04-tickets-plain")
        assert len(drawing.draw().axes) == panels


def test_a_diverged_seed_spoils_no_figure(results):
    config, study, tables = results
    table = tables["measurements"].copy()
    diverged = (table["seed"] == 1) & (table["branch"] == "reinit") & (table["level"] > 9)
    measured = table.columns[list(table.columns).index("draw") + 1 : -1]
    table.loc[diverged, measured] = np.nan
    for drawing in study.figures(config, tables | {"measurements": table})[:6]:
        drawing.draw().draw_without_rendering()


def test_of_an_empty_layer_nothing_is_kept_which_is_not_to_diverge(results):
    config, study, tables = results
    weights = tables["weights"].copy()
    first = weights["layer"] == weights["layer"].iloc[0]
    weights.loc[first & (weights["group"] == "kept"), "count"] = 0
    weights["count"] = weights["count"].mask(~first & (weights["seed"] == 1))
    drawings = {drawing.name: drawing for drawing in study.figures(config, tables | {"weights": weights})}
    emptied, other, *_ = drawings["fig19-distances-plain"].draw().axes
    labels = [axes.get_legend_handles_labels()[1] for axes in (emptied, other)]
    assert not any("diverged" in label for label in labels[0])
    assert "weights in the ticket: 1 of 3 seeds diverged" in labels[1]
    assert set(emptied.get_lines()[0].get_ydata()) == {0}


@pytest.mark.parametrize("levels", [1, 2, 5])
@pytest.mark.parametrize("controls", [[], ["reset"], ["random-mask", "reinit"]])
def test_short_studies_are_drawn_too(tmp_path: Path, levels: int, controls: list[str]):
    config = make_config(str(tmp_path), levels=levels, one=task(cohorts=("3-3",)))
    study = make_study(config, controls=controls, strategy_levels=[1])
    write_artifacts(config, study)
    for drawing in study.figures(config, read_back(study.tables(config))):
        drawing.draw().draw_without_rendering()
        assert "one seed, no interval" in drawing.caption
