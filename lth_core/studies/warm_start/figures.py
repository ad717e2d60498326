"""The figures of the study of warm starts, drawn from its tables, and their captions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, follow_means, label_vertical, metric_axis, positive_axis
from lth_core.drawing.colours import DIVERGED, NEUTRAL, ramp
from lth_core.drawing.figures import interval_note, label_columns, legend, panels
from lth_core.drawing.lines import band
from lth_core.drawing.overlap import overlap_figure
from lth_core.metrics import Metric, counted, percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, with_direction
from lth_core.studies.warm_start.claims import WHEN, gap_correlation
from lth_core.studies.warm_start.study import FRESH, INIT, MASKS, REWOUND, SHRINK_PERTURB, WARM, Design, known
from lth_core.studies.warm_start.tables import CONVERGED, CONVERGED_AT, END, STOPS
from lth_core.tasks.metrics import metric_of

ROLES = {INIT: "reset", REWOUND: "rewound", WARM: "warm", SHRINK_PERTURB: "shrink-perturb", FRESH: "reinit"}
LABELS = {
    INIT: "initialization",
    REWOUND: "rewound to an early step on known examples",
    WARM: "warm start",
    SHRINK_PERTURB: "shrink and perturb",
    FRESH: "fresh initialization",
}
SHOWN = (INIT, WARM, SHRINK_PERTURB)
"""The starts whose learning curves are drawn."""
MASK_LABELS = {DENSE: "dense network", "known": "mask of known examples", "whole": "mask of all examples"}
MASK_LABELS["random"] = "random mask"
UNMEASURED = f"some seeds diverge, or stay below {percent_text(CONVERGED_AT)}% training accuracy"
BOTTOM = 0.04
"""Of a panel's height: where crosses are that have no height of their own."""
SHORT = {CONVERGED: f"at {percent_text(CONVERGED_AT)}% training accuracy", "total": "equal steps in total"}
SHORT[END] = "equal steps on all examples"


def drawings(study: Design, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Draw the figures of one task, in the order of the page."""
    of_task = {name: table[table["task"] == task] for name, table in tables.items()}
    return View(study, config, task, of_task).drawings()


@dataclass(frozen=True)
class View:
    """One task, and the rows of the tables that are about it."""

    study: Design
    config: Config
    task: str
    tables: dict[str, pd.DataFrame]

    @property
    def metric(self) -> Metric:
        """Return what the task is measured by."""
        return metric_of(self.config.tasks[self.task])

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.tables["gaps"]["seed"].nunique()

    def drawings(self) -> list[Drawing]:
        """Return the figures with their captions."""
        metric, note = self.metric, data_note(self.config.tasks[self.task], self.seeds)
        share = percent_text(self.study.fraction)
        first = self.tables["known"]
        learned = percent_text(first.loc[first["mask"] == DENSE, "train_metric"].mean())
        settings = (
            f"Known examples: a random {share}% of the training examples, on which dense networks come to {learned}% "
            f"training accuracy. Rewound: step {self.study.rewind_step} of that training. Shrink and perturb: "
            f"{self.study.shrink:g} times its end plus {self.study.noise:g} times a fresh initialization."
        )
        captions = {
            "gaps": f"Gap: how much better the training on all examples ends from initialization than from another "
            f"start with the same mask, in test {metric.label}, against density. Rows: trainings are compared "
            f"{WHEN[CONVERGED]}; {WHEN['total']}, those on known examples included; {WHEN[END]}. Above each panel the "
            "slope: how the gap of warm starts changes with each halving of density (least squares, 95% interval over "
            "seeds), unknown where a density has no training to compare; no paper says which sign to expect. "
            f"{settings} {note}",
            "curves": f"Training and test {metric.label} in the training on all examples, of the dense network and of "
            f"subnetworks with the mask of the known examples. {settings} {note}",
            "speed": f"Steps on all examples to the first evaluation with {percent_text(CONVERGED_AT)}% training "
            f"accuracy, against density. {settings} {note}",
            "barriers": "Gap of warm starts after equal steps on all examples against the barrier of test "
            f"{metric.error} on the straight line between the ends of training from initialization and from the warm "
            "start. One point per mask and density, its mean over seeds; darker: denser. The number is Spearman's "
            f"correlation over these networks, computed for each seed, then averaged. {note}",
            "overlap": "Overlap of the masks that pruning finds with all and with the known examples, at the same "
            "level and seed. Left: weights that both keep, divided by those that either keeps. Right: fraction of "
            "positions in which the masks differ. Dashed: what two random masks of equal layers give. Both start "
            f"from the same initialization. {note}",
        }
        draw = {
            "gaps": self.draw_gaps,
            "curves": self.draw_curves,
            "speed": self.draw_speed,
            "barriers": self.draw_barriers,
            "overlap": self.draw_overlap,
        }
        return [
            Drawing(f"{kind}-{self.task}", with_direction(caption, metric), draw[kind])
            for kind, caption in captions.items()
        ]

    def curve(self, table: str, mask: str, start: str, stop: str) -> pd.DataFrame:
        """Return the rows of one start over densities, from the dense network on."""
        rows = self.tables[table]
        return rows[rows["mask"].isin([DENSE, mask]) & (rows["start"] == start) & (rows["stop"] == stop)]

    def draw_gaps(self) -> Figure:
        """Draw one row of panels per stop, and one column per mask."""
        figure, axes = panels(len(MASKS), len(STOPS), height=2.4)
        for row, stop in enumerate(STOPS):
            for panel, mask in zip(axes[row], MASKS, strict=True):
                panel.sharey(axes[row, 0])
                panel.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=1)
                for start in (REWOUND, WARM, SHRINK_PERTURB, FRESH):
                    rows = self.curve("gaps", mask, start, stop)
                    self._band(panel, rows, "gap", start)
                density_axis(panel, self.curve("gaps", mask, WARM, stop)["density"])
                panel.set_title(f"{MASK_LABELS[mask]}\n" * (row == 0) + self._trend(mask, stop))
            follow_means(axes[row, 0])
            label_vertical(axes[row, 0], f"gap ({self.metric.points}),\n{SHORT[stop]}")
        label_columns(axes)
        legend(figure, interval_note(self.seeds))
        return figure

    @staticmethod
    def _band(axes: Axes, rows: pd.DataFrame, quantity: str, start: str, unknown: float = np.nan) -> None:
        """Draw a start's line over the seeds that are measured, and crosses where there are others.

        Where none is measured, crosses have the height `unknown` or, without one, lie at the bottom.
        """
        measured = rows.dropna(subset=[quantity])
        band(axes, measured, "density", quantity, role=ROLES[start], label=LABELS[start])
        lacking = rows.loc[rows[quantity].isna(), "density"].unique()
        if len(lacking):
            means = measured.groupby("density")[quantity].mean().reindex(lacking).fillna(unknown)
            axes.plot(means.index, means, "x", color=DIVERGED, markersize=7, label=UNMEASURED)
            nowhere = means.index[means.isna()]
            bottom = [BOTTOM] * len(nowhere)
            axes.plot(nowhere, bottom, "x", color=DIVERGED, markersize=7, transform=axes.get_xaxis_transform())

    def _trend(self, mask: str, stop: str) -> str:
        """Write how the gap of warm starts changes with density."""
        rows = self.tables["trends"]
        row = rows[(rows["mask"] == mask) & (rows["stop"] == stop) & (rows["quantity"] == "slope")].iloc[0]
        if pd.isna(row["estimate"]):
            return "slope unknown"
        return "slope {estimate:+.2f} [{low:+.2f}, {high:+.2f}]".format(**row).replace("-", "−")

    def draw_curves(self) -> Figure:
        """Draw one column per density, training accuracy above test accuracy."""
        rows = self.tables["curves"]
        rows = rows[rows["start"].isin(SHOWN)]
        levels = sorted(rows["level"].unique())
        figure, axes = panels(len(levels), 2, width=2.7, height=2.3)
        for (row, split), (column, level) in product(enumerate(("train", "test")), enumerate(levels)):
            panel, here = axes[row, column], rows[(rows["level"] == level) & (rows["split"] == split)]
            panel.sharey(axes[row, 0])
            for start in SHOWN:
                curve = here[here["start"] == start]
                band(panel, curve, "step", "metric", role=ROLES[start], label=LABELS[start], markers=False)
            panel.set_title(f"{percent_text(here['density'].mean())}% of weights" if row == 0 else "")
            panel.set_xlabel("step on all examples")
        for row, word in enumerate(("training", "test")):
            self._zoom(axes[row, 0], rows[rows["split"] == word.removesuffix("ing")])
            metric_axis(axes[row, 0].yaxis, self.metric, f"{word} {self.metric.label}")
        label_columns(axes)
        legend(figure, interval_note(self.seeds))
        return figure

    @staticmethod
    def _zoom(axes: Axes, rows: pd.DataFrame) -> None:
        """Leave out what networks are like before they have learned."""
        late = rows[rows["step"] >= 0.1 * rows["step"].max()]
        means = late.groupby(["level", "start", "step"])["metric"].mean()
        beyond = 0.1 * (means.max() - means.min())
        axes.set_ylim(means.min() - beyond, means.max() + beyond)

    def draw_speed(self) -> Figure:
        """Draw steps to convergence, one panel per mask."""
        figure, axes = panels(len(MASKS))
        for panel, mask in zip(axes[0], MASKS, strict=True):
            panel.sharey(axes[0, 0])
            for start in LABELS:
                rows = self.curve("measurements", mask, start, CONVERGED)
                self._band(panel, rows, "step", start, self.tables["measurements"]["step"].max())
            density_axis(panel, self.curve("measurements", mask, WARM, CONVERGED)["density"])
            panel.set_title(MASK_LABELS[mask])
        positive_axis(axes[0, 0], f"steps to {percent_text(CONVERGED_AT)}% training accuracy")
        legend(figure, interval_note(self.seeds))
        return figure

    def draw_barriers(self) -> Figure:
        """Draw the gap against the barrier, one point per mask and density."""
        rows, metric = self.tables["barriers"], self.metric
        figure, axes = panels(width=4.2, height=3.0)
        panel = axes[0, 0]
        panel.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=1)
        means = rows.groupby(["mask", "level"])[["barrier_test", "gap"]].mean().reset_index()
        markers = dict(zip((DENSE, *MASKS), "soDv", strict=True))
        levels = sorted(means["level"].unique())
        shades = dict(zip(levels, ramp(len(levels)), strict=True))
        for mask, marker in markers.items():
            here = means[means["mask"] == mask]
            panel.scatter(
                metric.scale * here["barrier_test"], here["gap"], marker=marker, c=[shades[n] for n in here["level"]]
            )
            panel.plot([], [], marker, color=NEUTRAL, label=MASK_LABELS[mask])
        for level, shade in shades.items():
            density = percent_text(rows.loc[rows["level"] == level, "density"].mean())
            panel.plot([], [], "s", color=shade, label=f"{density}% of weights")
        known_values = gap_correlation(rows).dropna()
        number = f"{known_values.mean():.2f}".replace("-", "−") if len(known_values) else "unknown"
        panel.set_title(f"correlation {number}")
        panel.set_xlabel(f"barrier of test {metric.error} ({metric.points})")
        label_vertical(panel, f"gap of warm start ({metric.points})")
        legend(figure, f"means of {counted(self.seeds, 'seeds')}")
        return figure

    def draw_overlap(self) -> Figure:
        """Draw how far the masks of all and of the known examples agree."""
        return overlap_figure(self.tables["overlap"], {(self.task, known(self.task)): "all and known examples"})
