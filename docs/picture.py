"""Draw the README's picture from a run of config.yaml: `python -m docs.picture [FOLDER OF THE RUN]`."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from PIL import Image

from lth_core.analysis.tables import read_table
from lth_core.drawing import style  # noqa: F401 (sets matplotlib's defaults)
from lth_core.drawing.axes import density_axis, percent_axis
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.metrics import percent_text

TARGET = Path(__file__).resolve().parent / "tickets-on-digits.png"
LEVEL, LAST_STEP = 12, 300
"""The tickets whose training is drawn, and how much of it."""
LINES = {"ticket": "ticket", "reinit": "reinit", "random-mask": "random-mask"}
"""Branch -> the role that it is drawn in."""


def learning(run: Path) -> pd.DataFrame:
    """Read the test accuracy by step of the dense networks and of LEVEL: branch, seed, draw, step, accuracy."""
    parts = []
    for branch in ("dense", *LINES):
        below = "dense" if branch == "dense" else f"imp/level_{LEVEL}" + ("" if branch == "ticket" else f"/{branch}")
        for path in sorted(run.glob(f"results/digits-lenet/*/{below}/history.csv")):
            parts.append(read_table(path).assign(branch=branch))
    table = pd.concat(parts, ignore_index=True)
    return table[(table["split"] == "test") & (table["step"] <= LAST_STEP)]


def draw(run: Path) -> None:
    """Draw how tickets learn, and how accurate they become by density, and store the picture."""
    measured = read_table(run / "results/tables/config/frankle2019/measurements.csv")
    curves = measured[measured["method"] == "imp"]
    steps = learning(run)
    figure, axes = panels(2, width=3.6)
    left, right = axes[0]
    band(left, steps[steps["branch"] == "dense"], "step", "accuracy", role="dense", markers=False, linestyle="--")
    for branch, role in LINES.items():
        band(left, steps[steps["branch"] == branch], "step", "accuracy", role=role, markers=False)
        rows = curves[curves["branch"] == branch]
        band(right, rows, "density", "test_metric_end", role=role)
    reference(right, measured.loc[measured["branch"] == "dense", "test_metric_end"])
    density = curves.loc[curves["level"] == LEVEL, "density"].iloc[0]
    left.set(
        xlabel="training step",
        xlim=(0, LAST_STEP),
        ylim=(0.4, 1.0),
        title=f"early in training, {percent_text(density)}% of the weights",
    )
    percent_axis(left.yaxis, "test accuracy")
    density_axis(right, curves["density"].unique())
    right.set_title("at the end of training")
    percent_axis(right.yaxis, "test accuracy")
    legend(figure, interval_note(measured["seed"].nunique()))
    figure.savefig(TARGET, dpi=200)
    Image.open(TARGET).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(TARGET, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
