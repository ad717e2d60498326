"""Figures of overlapping masks: what is drawn where, from tables with known counts."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.axes import Axes

from lth_core.drawing.overlap import layerwise_figure, overlap_figure

LEVELS = {1: 0.5, 2: 0.2}


def counts() -> pd.DataFrame:
    """Two pairs of masks of 100 weights: one has twice the overlap of chance, the other none at all."""
    rows = []
    for other, times in (("b", 2), ("c", 0)):
        for level, density in LEVELS.items():
            kept = int(100 * density)
            rows += [("a", other, level, density, seed, "w", 100, kept, kept, times * kept**2 / 100) for seed in (0, 1)]
    columns = ["task", "other", "level", "density", "seed", "layer", "weights", "kept", "kept_other", "common"]
    return pd.DataFrame(rows, columns=columns)


def lines(axes: Axes) -> dict[str, list[float]]:
    """Label of a line -> its heights, from dense to sparse."""
    return {line.get_label(): list(line.get_ydata())[::-1] for line in axes.get_lines()}


def test_the_overlap_of_each_pair_is_drawn_beside_that_of_chance() -> None:
    jaccard, hamming = overlap_figure(counts(), {("a", "b"): "a and b", ("a", "c"): "a and c"}).axes
    assert lines(jaccard)["a and b"] == pytest.approx([50 / 50, 8 / 32])
    assert lines(jaccard)["by chance"] == pytest.approx([25 / 75, 4 / 36])
    assert lines(jaccard)["a and c"] == [0, 0]
    assert lines(hamming)["a and c"] == pytest.approx([1, 0.4])
    assert lines(hamming)["by chance"] == pytest.approx([0.5, 0.32])
    assert jaccard.get_xlabel() == "weights remaining (%)"
    assert jaccard.get_ylabel() == "Jaccard index of the masks"
    assert hamming.get_ylabel() == "Hamming distance of the masks"


def test_pairs_that_keep_as_many_weights_share_a_line_of_chance() -> None:
    names = {("a", "b"): "a and b", ("a", "c"): "a and c", ("a", "d"): "a and d"}
    table = counts()
    assert set(lines(overlap_figure(table, dict(list(names.items())[:2])).axes[0])) == {
        "a and b",
        "a and c",
        "by chance",
    }
    fewer = table[table["other"] == "c"].assign(other="d", kept=5, kept_other=5)
    curves = lines(overlap_figure(pd.concat([table, fewer]), names).axes[0])
    assert set(curves) - set(names.values()) == {"by chance: a and b; a and c", "by chance: a and d"}


def masks(layers: list[str]) -> pd.DataFrame:
    rows = [
        (mask, level, density, seed, layer, density / 2 if number % 2 else min(1.0, 1.5 * density))
        for mask in ("a", "b")
        for level, density in LEVELS.items()
        for seed in (0, 1)
        for number, layer in enumerate(layers)
    ]
    return pd.DataFrame(rows, columns=["mask", "level", "density", "seed", "layer", "layer_density"])


def test_layers_stand_in_network_order_beside_the_density_of_the_network() -> None:
    first, second = layerwise_figure(masks(["z.weight", "a.weight"]), {"a": "one", "b": "two"}, list(LEVELS)).axes
    assert lines(second)["one"][::-1] == pytest.approx([0.3, 0.1])
    assert lines(second)["whole network"] == pytest.approx([0.2, 0.2])
    assert [first.get_title(), second.get_title()] == ["50% of weights", "20% of weights"]
    first.figure.draw_without_rendering()
    assert [label.get_text() for label in first.get_xticklabels()] == ["z", "a"]
    assert first.get_ylim()[1] <= 1.1


def test_many_layers_are_numbered() -> None:
    figure = layerwise_figure(masks([f"stages.{n}.conv.weight" for n in range(30)]), {"a": "one"}, [1])
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[:3] == ["1", "4", "7"] and len(labels) == 10
