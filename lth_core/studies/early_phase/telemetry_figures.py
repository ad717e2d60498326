"""The figure of Frankle, Schwab & Morcos 2020 (arXiv 2002.10365) that shows the first steps of training."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.drawing.axes import percent_axis, positive_axis, step_axis
from lth_core.drawing.colours import NEUTRAL, ramp, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, threshold
from lth_core.studies.base import Drawing
from lth_core.studies.early_phase.study import Design


def telemetry_drawing(study: Design, task: str, table: pd.DataFrame, data: str) -> Drawing:
    """Draw the first steps of dense training."""
    return Drawing(
        f"telemetry-{task}",
        f"The first {study.telemetry_steps} steps of dense training, over all prunable weights: accuracy and loss; "
        "mean magnitude of the weights; weights whose sign is not that of their initial value; L2 norm of the gradient "
        "of the minibatch that the step trains on; L2 distance to, and cosine of the angle with, the weights at "
        "initialization and at the end of training; the values of ten random weights (drawn once, the same for all "
        f"seeds) of seed {table['seed'].min()}. The horizontal axis is logarithmic from step 1 on; the dotted line "
        f"marks rewind steps. {data}",
        lambda: _telemetry(table, study.rewind_steps),
    )


def _telemetry(table: pd.DataFrame, rewind_steps: list[int]) -> Figure:
    """Draw eight panels over the steps."""
    figure, axes = panels(2, 4, height=2.0)
    accuracy, loss, magnitude, signs, gradient, distance, cosine, traces = axes.flat
    splits, ends = series(2), ramp(2)
    for panel, quantity in ((accuracy, "accuracy"), (loss, "loss")):
        for split, colour in zip(("validation", "test"), splits, strict=True):
            _line(panel, table, f"{split}_{quantity}", f"{split} split", colour)
    for panel, quantity in ((magnitude, "mean_magnitude"), (signs, "sign_changes"), (gradient, "gradient_norm")):
        _line(panel, table, quantity, "", NEUTRAL)
    for panel, quantity in ((distance, "l2"), (cosine, "cosine")):
        for end, label, colour in zip(("initial", "final"), ("initialization", "end of training"), ends, strict=True):
            _line(panel, table, f"{quantity}_to_{end}", f"to {label}", colour)
    _traces(traces, table)
    last = int(table["step"].max())
    for panel in axes.flat:
        step_axis(panel, _ticks(last))
        panel.set_xlim(0, last)
        for k in rewind_steps:
            if k <= last:
                threshold(panel, k, "rewind step k", vertical=True)
    percent_axis(accuracy.yaxis, "accuracy")
    percent_axis(signs.yaxis, "signs changed")
    for panel, label in (
        (loss, "loss (nats)"),
        (magnitude, "mean |w|"),
        (gradient, "gradient norm"),
        (distance, "L2 distance"),
    ):
        positive_axis(panel, label)
    cosine.set_ylabel("cosine")
    traces.set_ylabel("value of ten weights")
    for panel in axes[-1]:
        panel.set_xlabel("training step")
    legend(figure, interval_note(table["seed"].nunique()))
    return figure


def _line(axes: Axes, table: pd.DataFrame, quantity: str, label: str, colour: str) -> None:
    rows = table[table["quantity"] == quantity]
    band(axes, rows, "step", "value", label=label or "_nolegend_", colour=colour, markers=False)


def _traces(axes: Axes, table: pd.DataFrame) -> None:
    """Draw ten weights of the first seed."""
    rows = table[(table["seed"] == table["seed"].min()) & table["quantity"].str.startswith("weight_")]
    wide = rows.pivot(index="step", columns="quantity", values="value")
    for (_, values), colour in zip(wide.items(), ramp(wide.shape[1]), strict=True):
        axes.plot(values.index, values, color=colour, linewidth=1)


def _ticks(last: int) -> list[int]:
    """Return 0, the powers of ten and the last step, without a power close to it."""
    powers = [10**power for power in range(len(str(last)))]
    return [0, *(power for power in powers if power <= last / 1.8), last]
