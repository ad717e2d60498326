"""Figures of the overlap of masks and of layerwise densities, for any study, drawn from tidy tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lth_core.analysis.overlap import indices
from lth_core.drawing.axes import density_axis, positive_axis
from lth_core.drawing.colours import NEUTRAL, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band
from lth_core.metrics import percent_text

INDICES = {"jaccard": "Jaccard index of the masks", "hamming": "Hamming distance of the masks"}
MOST_LETTERS = 30
"""How many letters of layer names fit below a panel."""
TICKS = [digit * 10.0**power for power in range(-5, 1) for digit in (1, 2, 5)]


def overlap_figure(table: pd.DataFrame, names: Mapping[tuple[str, str], str]) -> Figure:
    """Draw Jaccard index and Hamming distance of pairs of masks against density; dashed: by chance.

    Args:
        table: task, other, level, density, seed and the columns of `lth_core.analysis.overlap.Overlap`.
        names: (task, other) -> label of the pair.
    """
    by_pair = {}
    for (task, other), name in names.items():
        rows = table[(table["task"] == task) & (table["other"] == other)]
        by_pair[name] = indices(rows, ["density", "seed"])
    colours = dict(zip(by_pair, series(len(by_pair)), strict=True))
    chances = _chances(by_pair)
    figure, axes = panels(2)
    for panel, (index, label) in zip(axes[0], INDICES.items(), strict=True):
        for name, rows in by_pair.items():
            band(panel, rows, "density", index, label=name, colour=colours[name])
        for sharing in chances:
            rows, by_chance = by_pair[sharing[0]], f"{index}_by_chance"
            name = "by chance" if len(chances) == 1 else f"by chance: {'; '.join(sharing)}"
            colour = colours[sharing[0]] if len(sharing) == 1 else NEUTRAL
            band(panel, rows, "density", by_chance, label=name, colour=colour, linestyle="--", markers=False)
        density_axis(panel, table["density"])
        positive_axis(panel, label)
    legend(figure, interval_note(table["seed"].nunique()))
    return figure


def _chances(by_pair: Mapping[str, pd.DataFrame]) -> list[list[str]]:
    """Group the names of pairs that have the same overlap by chance: their masks keep equal counts."""
    sharing: dict[tuple[float, ...], list[str]] = {}
    for name, rows in by_pair.items():
        by_chance = rows[["density", *(f"{index}_by_chance" for index in INDICES)]]
        sharing.setdefault(tuple(by_chance.fillna(-1).to_numpy().round(9).ravel()), []).append(name)
    return list(sharing.values())


def layerwise_figure(table: pd.DataFrame, names: Mapping[str, str], levels: Sequence[int]) -> Figure:
    """Draw the density of every layer, from input to output, one line per mask and one panel per level.

    Args:
        table: mask, level, density (of the whole network), seed, layer (in network order), layer_density.
        names: mask -> its label.
    """
    layers = list(dict.fromkeys(table["layer"]))
    numbered = table.assign(number=table["layer"].map(layers.index))
    figure, axes = panels(len(levels), width=3.4 if len(levels) < 3 else 2.7)
    for panel, level in zip(axes[0], levels, strict=True):
        here = numbered[numbered["level"] == level]
        for (mask, name), colour in zip(names.items(), series(len(names)), strict=True):
            band(panel, here[here["mask"] == mask], "number", "layer_density", label=name, colour=colour)
        density = here["density"].mean()
        panel.axhline(density, color="black", linestyle=(0, (4, 3)), linewidth=0.9, label="whole network")
        panel.set_title(f"{percent_text(density)}% of weights")
        panel.sharey(axes[0, 0])
        _layer_axis(panel, layers)
    _log_percent_axis(axes[0, 0], numbered.groupby(["mask", "level", "layer"])["layer_density"].mean())
    legend(figure, interval_note(table["seed"].nunique()))
    return figure


def _layer_axis(axes: Axes, layers: Sequence[str]) -> None:
    """Name the layers where there is room for the names; otherwise number them from the input on."""
    names = [layer.removesuffix(".weight") for layer in layers]
    named = sum(map(len, names)) <= MOST_LETTERS
    stride = 1 if named else -(-len(layers) // 10)
    axes.set_xlim(-0.3, len(layers) - 0.7)
    axes.xaxis.set_major_locator(FixedLocator(range(0, len(layers), stride)))
    axes.xaxis.set_major_formatter(lambda number, position: names[round(number)] if named else f"{number + 1:.0f}")
    axes.set_xlabel("layer" if named else "layer, from input to output")


def _log_percent_axis(axes: Axes, densities: pd.Series) -> None:
    """Show densities of layers, which differ by orders of magnitude. Wide bands and empty layers leave the axis."""
    axes.set_yscale("log")
    axes.set_ylabel("weights remaining in the layer (%)")
    known = densities[densities > 0]
    if known.empty:  # every chain ended
        return
    low, high = known.min() / 1.5, min(1.1, known.max() * 1.5)
    axes.set_ylim(low, high)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in TICKS if low <= tick <= high]))
    axes.yaxis.set_major_formatter(lambda density, position: f"{100 * density:g}")
