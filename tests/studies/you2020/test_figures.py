"""Figures of You et al. 2020: every one can be drawn, and says what it shows."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.studies.base import Drawing
from lth_core.studies.you2020.figures import describe
from tests.support.you2020_results import config, study, tables


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    the_study = study()
    drawings = the_study.figures(config(), tables())
    assert [drawing.name for drawing in drawings] == the_study.figure_names(config())
    return {drawing.name: drawing for drawing in drawings}


def test_every_figure_is_drawn_with_its_caption(figures: dict[str, Drawing]) -> None:
    assert list(figures) == ["draws-mini", "distances-mini", "settling-mini", "precision-mini", "costs-mini"]
    for drawing in figures.values():
        drawing.draw().draw_without_rendering()
        assert "Data: digits, network: resnet-8" in drawing.caption


def test_tickets_are_drawn_over_the_epoch_of_the_draw_with_their_controls(figures: dict[str, Drawing]) -> None:
    panels = figures["draws-mini"].draw().axes
    assert [panel.get_title() for panel in panels] == [f"{part}% of channels pruned" for part in (30, 50, 70)]
    lines = {str(line.get_label()): np.asarray(line.get_xdata()) for line in panels[0].get_lines()}
    assert list(lines["whole schedule, from the weights at the draw"]) == [6, 8, 20]
    assert list(lines["trained on in the same schedule"]) == [6, 8]
    assert lines["detection"][0] == pytest.approx(5.01)
    assert {"random channels, whole schedule", "whole schedule, from a fresh initialization", "dense network"} <= {
        *lines
    }


def test_all_pairs_of_epochs_are_fields_of_a_symmetric_map(figures: dict[str, Drawing]) -> None:
    figure = figures["distances-mini"].draw()
    image = np.asarray(figure.axes[0].get_images()[0].get_array())
    np.testing.assert_allclose(image, image.T)
    assert image.shape == (20, 20) and image[19, 0] == pytest.approx(0.38) and not image.diagonal().any()


def test_the_masks_of_a_search_in_low_precision_are_compared_epoch_by_epoch(figures: dict[str, Drawing]) -> None:
    figure = figures["precision-mini"].draw()
    top, bottom = figure.axes[1], figure.axes[4]
    lines = {str(line.get_label()): line for line in top.get_lines()}
    distances = np.asarray(lines["mask distance"].get_ydata())
    assert len(distances) == 20 and distances[1] == pytest.approx(0.05)
    assert np.asarray(lines["independent masks"].get_ydata())[0] == pytest.approx(0.25)
    assert {"search as configured", "search in 8 bits"} <= {str(line.get_label()) for line in bottom.get_lines()}
    assert "settled at epoch 7.01 on average" in figures["precision-mini"].caption


def test_captions_say_when_masks_settle_and_how_close_those_come_that_never_do() -> None:
    rows = tables()["detections"]
    rows = rows[(rows["setting"] == "as configured") & (rows["level"] == 1)].copy()
    assert "settled at epoch 5.01 on average (3 of 3 seeds)" in describe(rows, 0.1)
    assert "(independent masks with as many channels of each layer differ in 35%)" in describe(rows, 0.1)
    rows.loc[rows["seed"] == 2, ["settled", "reached"]] = (np.nan, 0.23)
    assert "(2 of 3 seeds), never in 1 seed, 0.23 at best" in describe(rows, 0.1)
