"""The figures of Frankle, Schwab & Morcos 2020 (arXiv 2002.10365) that show perturbed tickets."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lth_core.analysis.measurements import seed_means
from lth_core.config import Choice, Config
from lth_core.drawing.axes import density_axis, percent_axis
from lth_core.drawing.colours import ramp, role_style, series
from lth_core.drawing.figures import interval_note, leftmost, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.metrics import counted, percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.captions import bars_note, data_note, listing
from lth_core.studies.early_phase.point_figures import point
from lth_core.studies.early_phase.pretraining_figures import pretraining_drawing
from lth_core.studies.early_phase.study import REFERENCES, TICKET, Design, reference_labels
from lth_core.studies.early_phase.tables import correlation, correlation_level
from lth_core.studies.early_phase.telemetry_figures import telemetry_drawing

FEW_LEVELS = 3
"""Up to this number of levels the figure has no curves: each perturbation has a line of its own on the page."""


def drawings(study: Design, config: Config, task: str, tables: Mapping[str, pd.DataFrame]) -> list[Drawing]:
    """Draw the figures of one task, in the order of the page."""
    of_task = {name: table[table["task"] == task] for name, table in tables.items()}
    measurements = of_task["measurements"]
    data = data_note(config.tasks[task], measurements["seed"].nunique())
    return [
        telemetry_drawing(study, task, of_task["telemetry"], data),
        *(_perturbations_drawing(study, task, k, measurements, data) for k in study.rewind_steps),
        _effective_std_drawing(study, task, measurements, data),
        *(pretraining_drawing(study, task, k, of_task, data) for k in study.rewind_steps if study.pretraining_steps),
    ]


# ---------------------------------------------------------------- accuracy of perturbed tickets


def _perturbations_drawing(study: Design, task: str, k: int, table: pd.DataFrame, data: str) -> Drawing:
    rows = table[(table["k"] == k) | (table["network"] == DENSE)]
    few = len(study.levels) <= FEW_LEVELS
    lines = "Dashed" if few else "Curves with markers"
    against = "" if few else " against density"
    return Drawing(
        f"perturbations-{task}-k{k}",
        f"Test accuracy at the end of training{against} of tickets rewound to step k = {k} whose kept weights were "
        f"perturbed before training from there on: signs and magnitudes of steps 0 and {k} or of a fresh "
        "initialization; kept values shuffled within the network, each layer or each filter (the weights into one "
        "unit), with and without their signs kept in place; Gaussian noise in multiples of the standard deviation σ of "
        "the layer's initialization. Biases and batch norm stay those of the ticket. "
        f"{lines}: the unperturbed ticket, the same mask reset to initialization, and reinitialized; the last two are "
        f"trained from step 0 on. {bars_note(data) if few else data}",
        lambda: _dots(study, rows, k) if few else _curves(study, rows, k),
    )


def _dots(study: Design, table: pd.DataFrame, k: int) -> Figure:
    """Draw one panel per level, one line per network; thin vertical lines repeat the means of the references."""
    networks = {network: (network, label) for network, label in reference_labels(k).items()}
    networks |= {name: (choice.name, perturbation_label(choice, k)) for name, choice in study.perturbations().items()}
    families = list(dict.fromkeys("" if role in REFERENCES else role for role, _ in networks.values()))
    heights = {  # from the top, with a gap between families
        name: line + 0.6 * families.index("" if role in REFERENCES else role)
        for line, (name, (role, _)) in enumerate(networks.items())
    }
    width = 5.4 if len(study.levels) == 1 else 3.8  # the names need as much room for one panel as for two
    figure, axes = panels(len(study.levels), height=0.24 * max(heights.values()) + 0.9, width=width)
    for panel, level in zip(axes[0], study.levels, strict=True):
        here = table[table["level"] == level]
        for name, (role, label) in networks.items():
            values = seed_means(here[here["network"] == name], "metric")
            point(panel, values, label if role in REFERENCES else role_style(role).label, role=role, y=heights[name])
            if role in REFERENCES:
                panel.axvline(
                    values.mean(), color=role_style(role).colour, linestyle=(0, (4, 3)), linewidth=0.9, zorder=1
                )
        panel.set_yticks(list(heights.values()), [label for _, label in networks.values()])
        panel.set_ylim(max(heights.values()) + 0.7, -0.7)
        panel.tick_params(labelleft=leftmost(panel))
        panel.set_title(f"{percent_text(here['density'].mean())}% of weights")
        low, high = panel.get_xlim()
        panel.set_xlim(max(low, 0), min(high, 1 + 0.03 * (1 - max(low, 0))))
        panel.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        panel.xaxis.set_major_formatter(lambda fraction, position: f"{round(100 * fraction, 6):g}")
        panel.set_xlabel("test accuracy (%)")
    legend(figure, bars_note(interval_note(table["seed"].nunique())))
    return figure


def _curves(study: Design, table: pd.DataFrame, k: int) -> Figure:
    """Draw accuracy against density, one panel per family of perturbations."""
    perturbations = study.perturbations()
    families = list(dict.fromkeys(choice.name for choice in perturbations.values()))
    figure, axes = panels(len(families), across=2)
    for panel, family in zip(axes[0], families, strict=True):
        panel.sharey(axes[0, 0])
        reference(panel, table.loc[table["network"] == DENSE, "metric"])
        for network, label in reference_labels(k).items():
            band(panel, table[table["network"] == network], "density", "metric", role=network, label=label)
        members = {name: choice for name, choice in perturbations.items() if choice.name == family}
        for (name, choice), (colour, linestyle) in zip(members.items(), _line_styles(members), strict=True):
            rows, label = table[table["network"] == name], perturbation_label(choice, k)
            band(
                panel, rows, "density", "metric", role=family, label=label, colour=colour, linestyle=linestyle,
                markers=False,
            )  # fmt: skip
        panel.set_title(role_style(family).label)
        density_axis(panel, table.loc[table["level"] > 0, "density"])
    for panel in axes[0]:
        percent_axis(panel.yaxis, "test accuracy")
    legend(figure, interval_note(table["seed"].nunique()))
    return figure


def _line_styles(members: Mapping[str, Choice]) -> list[tuple[str, str]]:
    """Return the colours and line styles of one family: colours by one option, line styles by the other."""
    options = [choice.options for choice in members.values()]
    if "scale" in options[0]:
        return [(colour, "-") for colour in ramp(len(options) + 1)[1:]]  # the darkest is too similar to a reference's
    of_signs, palette = "signs" in options[0], series(6, besides=REFERENCES)
    colours, lines = ("magnitudes", "signs") if of_signs else ("within", "keep_signs")
    palette = palette[:3] if of_signs else palette[3:]  # no colour means two things in one legend
    kinds = {key: list(dict.fromkeys(chosen[key] for chosen in options)) for key in (colours, lines)}
    return [
        (palette[kinds[colours].index(chosen[colours])], ("-", "--")[kinds[lines].index(chosen[lines])])
        for chosen in options
    ]


def perturbation_label(treatment: Choice, k: int) -> str:
    """Say what a perturbation does, in a few words."""
    options = treatment.options
    if treatment.name == "sign-magnitude":
        steps = {"initial": "of step 0", "start": f"of step {k}"}
        magnitudes = options["magnitudes"]
        of = f"magnitudes {steps[magnitudes]}" if magnitudes in steps else f"{magnitudes} magnitudes"
        return f"signs {steps[options['signs']]}, {of}"
    if treatment.name == "shuffle":
        groups = {"network": "the network", "layer": "layers", "filter": "filters"}
        return f"shuffled within {groups[options['within']]}" + (", signs kept" if options["keep_signs"] else "")
    return f"noise of {options['scale']:g} σ"


# ---------------------------------------------------------------- effective standard deviation


def _effective_std_drawing(study: Design, task: str, table: pd.DataFrame, data: str) -> Drawing:
    level = correlation_level(table)
    density = percent_text(table.loc[table["level"] == level, "density"].mean())
    steps = listing([str(k) for k in study.rewind_steps])
    return Drawing(
        f"effective-std-{task}",
        "Test accuracy at the end of training against effective standard deviation: the standard deviation, over the "
        f"kept weights, of what a perturbation adds to the ticket, with {density}% of the weights, rewound to step k = "
        f"{steps}. One point per perturbation. The number is Pearson's correlation over the perturbations, computed "
        f"for each seed, then averaged. Dashed: the unperturbed ticket. {bars_note(data)}",
        lambda: _effective_std(study, table[table["level"] == level]),
    )


def _mean_of_known(by_seed: pd.Series) -> str:
    """Write the mean over the seeds that did not diverge, with their number where some did."""
    known = by_seed.dropna()
    text = f"{known.mean():.2f}".replace("-", "−") if len(known) else "unknown"
    return text if len(known) == len(by_seed) else f"{text} ({len(known)} of {counted(len(by_seed), 'seeds')})"


def _effective_std(study: Design, table: pd.DataFrame) -> Figure:
    """Draw accuracy against effective standard deviation, one panel per rewind step."""
    figure, axes = panels(len(study.rewind_steps), width=3.8 if len(study.rewind_steps) == 1 else 3.4)
    for panel, k in zip(axes[0], study.rewind_steps, strict=True):
        panel.sharey(axes[0, 0])
        here = table[table["k"] == k]
        reference(panel, here.loc[here["network"] == TICKET, "metric"], TICKET, "rewound to step k")
        for name, treatment in study.perturbations().items():
            rows, signed = here[here["network"] == name], bool(treatment.options.get("keep_signs"))
            label = role_style(treatment.name).label + (", signs kept" if signed else "")
            moved = seed_means(rows, "effective_std").mean()
            values = seed_means(rows, "metric")
            point(panel, values, label, role=treatment.name, x=moved, filled=not signed)
        panel.set_title(f"k = {k}: correlation {_mean_of_known(correlation(here))}")
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.set_xlabel("effective standard deviation")
    for panel in axes[0]:
        percent_axis(panel.yaxis, "test accuracy")
    legend(figure, bars_note(interval_note(table["seed"].nunique())))
    return figure
