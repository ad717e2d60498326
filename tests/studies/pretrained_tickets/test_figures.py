"""Figures of tickets of pre-trained networks: what is drawn, what captions say of it."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from lth_core.studies.base import Drawing
from tests.support.pretrained_tickets_results import OF_OTHERS, OF_PRETRAINING, known, task


def drawn(*arguments, **options) -> dict[str, Drawing]:
    study, config, tables = known(*arguments, **options)
    drawings = study.figures(config, tables)
    assert [drawing.name for drawing in drawings] == study.figure_names(config)
    return {drawing.name: drawing for drawing in drawings}


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    return drawn(control_levels=[4, 9], transfer_levels=[7])


def numbers(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_tickets_are_drawn_against_their_controls_from_all_weights_on(figures: dict[str, Drawing]) -> None:
    figure = figures["tickets"].draw()
    assert [panel.get_title() for panel in figure.axes] == ["words", "code"]
    lines = {str(line.get_label()): line for line in figure.axes[0].get_lines()}
    assert {"dense, pre-trained", "ticket", "same mask, fresh weights"} < {*lines}
    fresh, ticket = lines["same mask, fresh weights"], lines["ticket"]
    assert len(ticket.get_xdata()) == 10 and len(fresh.get_xdata()) == 4
    permuted = lines["same mask, permuted pre-trained weights"]  # has no network without pruning
    assert max(permuted.get_xdata()) < 1 == max(ticket.get_xdata()) == max(fresh.get_xdata())
    assert max(fresh.get_ydata()) > max(ticket.get_ydata()) and fresh.get_ydata()[-1] != ticket.get_ydata()[-1]


def test_captions_say_what_was_pretrained_what_is_pruned_and_that_it_is_not_bert(figures: dict[str, Drawing]) -> None:
    caption = figures["tickets"].caption
    assert "Pre-training: 100 steps on all; network: transformer, which is not the paper's BERT." in caption
    assert "Tasks: words (data: words) and code (data: code), 40 steps each." in caption
    assert "Lower bits per character is better." in caption and "95% t interval" in caption


def test_what_is_never_pruned_is_said() -> None:
    study, config, tables = known()
    method = config.methods["imp"].model_copy(update={"exclude": ["output"]})
    changed = config.model_copy(update={"methods": {"imp": method}})
    captions = [drawing.caption for drawing in study.figures(changed, tables)]
    assert all("Never pruned: output, and what the network does not declare prunable." in one for one in captions)


def test_every_mask_is_on_every_task_and_the_own_one_costs_nothing(figures: dict[str, Drawing]) -> None:
    figure = figures["masks"].draw()
    panel = figure.axes[0]
    assert panel.get_title() == "30% of weights"
    rows = [label.get_text() for label in panel.get_yticklabels()]
    assert rows == ["mask of base-again", "mask of words", "mask of code", "random mask"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["base-again", "words", "code"]
    lost, of_base = f"−{OF_OTHERS:.2f}", f"−{OF_PRETRAINING + 1e-9:.2f}"
    assert numbers(figure) == ["0.00", of_base, of_base, lost, "0.00", lost, lost, lost, "0.00", *["−0.10"] * 3]
    assert "mean over 3 seeds: masks of one task (rows)" in figures["masks"].caption


def test_of_many_levels_a_few_are_shown() -> None:
    titles = [panel.get_title() for panel in drawn()["masks"].draw().axes]
    assert titles[:3] == ["50% of weights", "30% of weights", "10% of weights"]


def test_networks_built_with_pretrained_weights_have_captions_of_their_own() -> None:
    tasks = {name: task(name, initialization={"weights": "as-built"}) for name in ("words", "code")}
    figures = drawn(tasks, controls=[])
    assert "Network: transformer, built with pre-trained weights." in figures["tickets"].caption
    rows = [label.get_text() for label in figures["masks"].draw().axes[0].get_yticklabels()]
    assert rows == ["mask of words", "mask of code"]
