"""Whole figures: the legend, and that equal figures are equal files."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from lth_core.drawing.colours import ROLES
from lth_core.drawing.figures import legend, panels, save
from lth_core.drawing.lines import band
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
