"""The figures of GANs, whose images a classifier judges, and of generators that pass between tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.analysis.measurements import select, select_dense
from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis, percent_axis, positive_axis
from lth_core.drawing.colours import series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference, threshold
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note
from lth_core.studies.generative_tickets.figures import View, against, samples, tickets
from lth_core.studies.generative_tickets.margins import of_spread
from lth_core.studies.generative_tickets.players import STARTS, Players, transferred
from lth_core.studies.judges import ACCURACY, FLOOR, FLOOR_IMAGES, are_fit, judge_note

DISTANCE = "Fréchet distance to test images"
ASIDE = (1.07, 1 / 1.07)
"""Factors of the density at which other discriminators are drawn that have one, so that intervals are side by side."""
ROLES = (("transferred", "ticket of {}"), ("random-mask", "random mask, same counts"))
"""Role and name of the curves of generators of another task."""


def drawings(study: Players, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of the study, in the order of its names."""
    gans = study.gans(config)
    drawn: list[Drawing] = []
    for task in study.tasks:
        view = PlayerView(study, config, tables, task)
        kinds: dict[str, Callable[[PlayerView], Drawing]] = {
            "tickets": judged if task in gans else tickets,
            "samples": samples,
            "players": players,
            "transfer": transfer,
        }
        for kind in study.kinds(config, task):
            drawing = kinds[kind](view)
            reported = kind == "samples" or task not in gans or are_fit(view.judge_accuracy, config)
            drawn.append(drawing if reported else view.unreported(drawing.name))
    return drawn


@dataclass(frozen=True)
class PlayerView(View):
    """One task, with what a judge says of its images."""

    study: Players

    @property
    def judge_accuracy(self) -> float:
        """Return the accuracy of the judge, which is the same for all images."""
        return float(self.of_task("judged")[ACCURACY].iloc[0])

    def unreported(self, name: str) -> Drawing:
        """Return, in place of a figure of what an unfit judge says, one that says that it is not reported."""

        def draw() -> Figure:
            figure, ((axes,),) = panels(width=4.6, height=0.8)
            axes.set(xticks=[], yticks=[], xlabel=fill(self.judge, 60))
            axes.spines[:].set_visible(False)
            return figure

        note = data_note(self.config.tasks[self.task])
        return Drawing(name, f"This figure would show what the judge says of drawn images. {self.judge} {note}", draw)

    @property
    def judge(self) -> str:
        """Say how good the judge is or, where it is not good enough, that nothing is reported."""
        return judge_note(self.config, self.task, self.judge_accuracy)

    @property
    def floor_images(self) -> str:
        """Return of which images the floor is, which is the same for all networks: validation or training images."""
        return str(self.of_task("judged")[FLOOR_IMAGES].iloc[0])

    @property
    def floor(self) -> str:
        """Say of which images the floor is, and whether the judge was trained on them."""
        seen = ", which the judge was trained on (others are too few)" * (self.floor_images == "training")
        return f"the floor, that of as many {self.floor_images} images{seen}"

    @property
    def spread(self) -> str:
        """Say how large the spread of dense networks is, within which distances match; empty where that is unknown."""
        return of_spread(self)


# ---------------------------------------------------------------- tickets


def judged(view: PlayerView) -> Drawing:
    """Return the figure of how far images are from real ones, and which classes they show, by density."""

    def draw() -> Figure:
        figure, (axes,) = panels(3)
        for panel, quantity in zip(axes, ("frechet_distance", "coverage", "entropy"), strict=True):
            for control in view.study.controls:
                band(panel, view.curve("judged", control), "density", quantity, role=control)
            band(panel, view.curve("judged"), "density", quantity, role="ticket")
            reference(panel, select_dense(view.tables["judged"], view.task)[quantity])
            density_axis(panel, view.curve("judged")["density"].unique())
        _floor(axes[0], view)
        positive_axis(axes[0], DISTANCE)
        percent_axis(axes[1].yaxis, "classes that images cover")
        positive_axis(axes[2], "entropy of the images' classes (nats)")
        legend(figure, interval_note(view.seeds))
        return figure

    caption = (
        "What a classifier sees in drawn images, by the density of the generator: the Fréchet distance of its "
        f"penultimate features to those of test images (lower is better; dotted: {view.floor}), the part of "
        "the classes that have at least a quarter of an equal share of the images, and the entropy of the classes (of "
        f"both, higher is better). Drawn: tickets{against(view.study.controls)}."
    )
    note = data_note(view.config.tasks[view.task], view.seeds)
    return Drawing(f"tickets-{view.task}", " ".join(filter(None, [caption, view.judge, view.spread, note])), draw)


def _floor(axes: Axes, view: PlayerView) -> None:
    floor = select_dense(view.tables["judged"], view.task)[FLOOR].mean()
    if pd.notna(floor):
        threshold(axes, floor, f"{view.floor_images} images (floor)")


# ---------------------------------------------------------------- two players


def players(view: PlayerView) -> Drawing:
    """Return the figure of what becomes of a pruned generator with other discriminators."""

    def draw() -> Figure:
        figure, ((axes,),) = panels(width=4.6)
        colours = series(len(STARTS) + 1, besides=["ticket", *view.study.controls])
        if method := view.study.both.get(view.task):
            curve = view.curve("judged", method=method)
            band(axes, curve, "density", "frechet_distance", colour=colours[0], label="both players pruned")
        starts = STARTS if view.study.discriminator_levels else {}
        for (branch, weights), colour, aside in zip(starts.items(), colours[1:], ASIDE, strict=False):
            rows = select(view.tables["judged"], view.task, view.study.tasks[view.task], branch)
            if rows["density"].nunique() == 1:
                rows = rows.assign(density=aside * rows["density"])
            label = f"{weights} discriminator"
            band(axes, rows, "density", "frechet_distance", colour=colour, linestyle="--", label=label)
        band(axes, view.curve("judged"), "density", "frechet_distance", role="ticket", label="generator pruned alone")
        reference(axes, select_dense(view.tables["judged"], view.task)["frechet_distance"])
        _floor(axes, view)
        density_axis(axes, view.curve("judged")["density"].unique())
        positive_axis(axes, DISTANCE)
        legend(figure, interval_note(view.seeds))
        return figure

    starts = ", whose discriminator starts from theta_0, trained by the round before, or fresh"
    at_one = " (beside each other, at one density)" * (len(view.study.discriminator_levels) == 1)
    starts = f"{starts}{at_one}" if view.study.discriminator_levels else ""
    both = f"{starts and ';'} and with both players pruned" if view.task in view.study.both else ""
    caption = (
        "The Fréchet distance of drawn images to test images, by the density of the generator: with the generator "
        f"pruned alone{starts}{both}. Dotted: {view.floor}. Lower is better. {view.judge}"
    )
    return Drawing(f"players-{view.task}", f"{caption} {data_note(view.config.tasks[view.task], view.seeds)}", draw)


# ---------------------------------------------------------------- transfer


def transfer(view: PlayerView) -> Drawing:
    """Return the figure of a network with the generators of another task's tickets."""
    source = view.study.transfers[view.task]
    is_judged = view.task in view.study.gans(view.config)
    table, quantity = ("judged", "frechet_distance") if is_judged else ("measurements", "metric")

    def draw() -> Figure:
        figure, ((axes,),) = panels(width=4.6)
        dense = select_dense(view.tables[table], view.task)
        for branch, (role, label) in zip(transferred(source), ROLES, strict=True):
            rows = select(view.tables[table], view.task, view.study.tasks[source], branch)
            band(axes, rows, "density", quantity, role=role, label=label.format(source))
        densities = rows["density"].unique()
        if is_judged:
            band(axes, view.curve(table), "density", quantity, role="ticket", label="ticket of its own")
            densities = view.curve(table)["density"].unique()
        reference(axes, dense[quantity])
        density_axis(axes, densities)
        if is_judged:
            _floor(axes, view)
            positive_axis(axes, DISTANCE)
        else:
            metric_axis(axes.yaxis, view.metric, f"test {view.metric.label}")
        legend(figure, interval_note(view.seeds))
        return figure

    of_judge = f" Dotted: {view.floor}. {view.judge}" if is_judged else ""
    what = "Fréchet distance of drawn images to test images" if is_judged else f"test {view.metric.label}"
    caption = (
        f"The {what} of networks whose generator is that of a ticket of task '{source}', mask and weights, against "
        "random masks of the same counts on these weights, by the density of the generator; all else is not pruned. "
        f"{_own_ticket(view) if is_judged else ''}Lower is better.{of_judge}"
    )
    return Drawing(f"transfer-{view.task}", f"{caption} {data_note(view.config.tasks[view.task], view.seeds)}", draw)


def _own_ticket(view: PlayerView) -> str:
    """Say what a GAN's own tickets are, beside those of another task, and what becomes of their discriminator."""
    if view.study.prunes_generator_alone(view.config, view.task):
        return "Ticket of its own: the task's, of its generator alone; its discriminator is not pruned, either. "
    return "Ticket of its own: the task's, by the density of both players; its discriminator is pruned, too. "
