"""Whole figures: the legend, and that equal figures are equal files."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from lth_core.drawing.axes import follow_means
from lth_core.drawing.colours import ROLES
from lth_core.drawing.figures import (
    MOST_ENTRIES,
    MOST_WIDTH,
    images,
    interval_note,
    label_columns,
    leftmost,
    legend,
    panels,
    save,
)
from lth_core.drawing.lines import band
from lth_core.drawing.style import FORMATS, SMALL
from tests.support.replicates import replicates


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


@pytest.mark.parametrize("width", [2.0, 3.4, 4.6])
def test_a_note_is_broken_to_the_width_of_its_figure(width: float):
    figure, axes = panels(1, width=width)
    axes[0, 0].plot([0, 1], [0, 1], label="line")
    note = "early-stop step not drawn: 100% of the networks are best at their last step\nmean of 20 seeds"
    legend(figure, note)
    figure.draw_without_rendering()
    (box,) = figure.legends
    extent = box.get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= figure.bbox.width and extent.y0 >= 0
    assert box.get_window_extent().y1 <= axes[0, 0].get_tightbbox().y0 + 1
    assert box.get_title().get_text().replace("\n", " ") == note.replace("\n", " ")


def test_many_entries_are_explained_below_the_panels_that_draw_them():
    figure, axes = panels(2)
    for panel, names in zip(axes.flat, ("abcde", "fghij"), strict=True):
        for name in ("shared", *names):
            panel.plot([0, 1], [0, 1], label=f"line {name}")
        panel.set_xlabel("step")
    legend(figure, "a note")
    figure.draw_without_rendering()
    (below,) = figure.legends
    assert [text.get_text() for text in below.get_texts()] == ["line shared"]
    for panel, names in zip(axes.flat, ("abcde", "fghij"), strict=True):
        box = panel.get_legend()
        assert [text.get_text() for text in box.get_texts()] == [f"line {name}" for name in names]
        assert box.get_window_extent().y1 <= panel.xaxis.label.get_window_extent().y0
        assert box.get_window_extent().y0 >= below.get_window_extent().y1
    assert len(below.get_texts()) + 5 <= MOST_ENTRIES


@pytest.mark.parametrize(("columns", "across", "blocks"), [(1, 1, 1), (3, 3, 1), (4, 2, 2), (5, 3, 2), (7, 3, 3)])
def test_panels_beyond_three_in_a_row_are_folded_and_the_figure_stays_narrow(columns: int, across: int, blocks: int):
    figure, axes = panels(columns, 2, width=3.4, height=2.0)
    assert axes.shape == (2, columns)
    assert figure.get_figwidth() <= MOST_WIDTH and figure.get_figheight() == 2 * 2.0 * blocks
    figure.draw_without_rendering()
    left = {round(panel.get_position().x0, 3) for panel in axes.flat}
    assert len(left) == across and sum(map(leftmost, axes[0])) == blocks
    first, last = axes[0, 0].get_position(), axes[1, 0].get_position()
    assert first.y0 > last.y1
    assert blocks == 1 or last.y0 > axes[0, -1].get_position().y1


def test_every_row_of_folded_panels_is_labelled_once():
    figure, axes = panels(4)
    for panel in axes.flat:
        panel.sharey(axes[0, 0])
        panel.plot([0, 1], [0, 1], label="line")
    axes[0, 0].set_ylabel("accuracy")
    legend(figure)
    assert [panel.get_ylabel() for panel in axes.flat] == ["accuracy", "", "accuracy", ""]
    figure.draw_without_rendering()
    shown = [any(label.get_visible() for label in panel.get_yticklabels()) for panel in axes.flat]
    assert shown == [True, False, True, False]


def test_panels_with_axes_of_their_own_keep_their_labels():
    figure, axes = panels(2)
    for panel, label in zip(axes.flat, ("steps", "accuracy"), strict=True):
        panel.plot([0, 1], [0, 1], label="line")
        panel.set_ylabel(label)
    legend(figure)
    assert [panel.get_ylabel() for panel in axes.flat] == ["steps", "accuracy"]


def test_rows_with_the_same_horizontal_axis_are_labelled_below_the_last():
    _, axes = panels(1, 2)
    for panel in axes.flat:
        panel.set_xlabel("step")
    label_columns(axes)
    assert [panel.get_xlabel() for panel in axes.flat] == ["", "step"]


def test_text_is_read_on_a_narrow_screen():
    pixels = 380 / MOST_WIDTH / 72  # of a point, in a figure on a screen of 400 pixels
    assert (
        min(
            size
            for key, size in matplotlib.rcParams.items()
            if key.endswith(("labelsize", "fontsize")) and isinstance(size, (int, float))
        )
        * pixels
        >= 6
    )
    assert SMALL * pixels >= 5.8


DRAW = """
import sys, pandas as pd
from lth_core.drawing.axes import density_axis
from lth_core.drawing.figures import legend, panels, save
from lth_core.drawing.lines import band
figure, axes = panels(2)
frame = pd.DataFrame({"x": [1, .8, .64] * 3, "seed": [0] * 3 + [1] * 3 + [2] * 3, "y": [1, 2, 3, 2, 3, 5, 1, 1, 2]})
for panel in axes.flat:
    band(panel, frame, "x", "y", role="reinit")
    density_axis(panel, frame["x"])
legend(figure, "note")
save(figure, sys.argv[1])
"""


def test_figures_are_the_same_files_in_every_process_whatever_style_its_user_likes(tmp_path: Path):
    liked = tmp_path / "matplotlibrc"
    liked.write_text("lines.linewidth: 5\naxes.facecolor: yellow\nfigure.constrained_layout.use: True\n")
    digests = []
    for run, style in (("first", {}), ("second", {"MATPLOTLIBRC": str(liked)})):
        subprocess.run([sys.executable, "-c", DRAW, str(tmp_path / run)], check=True, env={**os.environ, **style})
        files = [tmp_path / f"{run}.{suffix}" for suffix in ("svg", "png", "pdf")]
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]


def test_figures_are_laid_out_once_and_drawn_once_in_each_format(monkeypatch: pytest.MonkeyPatch):
    figure, _ = panels()
    drawn, draw = [], Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: drawn.append(self) or draw(self, renderer))
    images(figure)
    assert len(drawn) == 1 + len(FORMATS)


def test_bitmaps_are_fit_for_print(tmp_path: Path):
    from PIL import Image

    figure, _ = panels()
    save(figure, tmp_path / "figure")
    with Image.open(tmp_path / "figure.png") as image:
        assert min(image.info["dpi"]) >= 150


@pytest.mark.parametrize(("spread", "cut"), [(0.01, False), (0.5, True)])
def test_notes_say_of_bands_that_they_are_cut_off(spread: float, cut: bool) -> None:
    figure, ((axes,),) = panels()
    band(axes, replicates({1.0: [0.5, 0.5 + spread], 2.0: [0.6, 0.6 + spread], 3.0: [0.8, 0.81]}), "x", "y")
    follow_means(axes)
    legend(figure, interval_note(2))
    note = figure.legends[0].get_title().get_text()
    assert note.replace("\n", " ") == "mean of 2 seeds; band: 95% t interval" + ", cut off where it is wide" * cut
