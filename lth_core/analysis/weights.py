"""Histograms of weights in and out of a ticket: where they start and how far dense training moves them.

Frankle & Carbin 2019, appendix F (Figures 15, 16 and 19).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lth_core.storage.tensors import Tensors

BINS = 40


class Bin(NamedTuple):
    """One bar of a histogram; the groups `kept` and `pruned` are disjoint, their sum is every weight of the layer."""

    layer: str
    quantity: str
    group: str
    seed: int
    left: float
    right: float
    count: float
    """nan where nothing is known: of a seed that diverged."""
    total: float
    """The sum of the values counted, so that sums over bins give means without rounding; nan as `count`."""


def weight_histograms(
    initial: Tensors,
    dense: Tensors,
    mask: Tensors,
    layers: Iterable[str],
    seeds: Sequence[int],
    ended: Sequence[bool] = (),
) -> Iterator[Bin]:
    """Count histograms per layer, group and seed of two quantities of the dense network's weights.

    `initial`: the value at initialization; `distance`: |trained - initial|. Every tensor has a leading replicate axis,
    one entry per seed. Bin edges are shared by groups and seeds and do not depend on the mask, so levels compare.
    Nothing is known of a seed whose dense network diverged, or whose chain has `ended` (by default none has).
    """
    layers = list(layers)
    sound = [r for r in range(len(seeds)) if all(np.isfinite(dense[layer][r]).all() for layer in layers)]
    known = [replicate for replicate in sound if not (ended and ended[replicate])]
    for layer in layers:
        kept, start = mask[layer], initial[layer]
        distance = np.abs(dense[layer] - start)
        widest, farthest = (float(np.abs(values[sound]).max(initial=0.0)) or 1.0 for values in (start, distance))
        for quantity, values, edges in (
            ("initial", start, np.linspace(-widest, widest, BINS + 1)),
            ("distance", distance, np.linspace(0.0, farthest, BINS + 1)),
        ):
            for group, chosen in (("kept", kept), ("pruned", ~kept)):
                for replicate, seed in enumerate(seeds):
                    counts = totals = [math.nan] * BINS
                    if replicate in known:
                        counted = values[replicate][chosen[replicate]].astype(float)
                        counts = np.histogram(counted, edges)[0].tolist()
                        totals = np.histogram(counted, edges, weights=counted)[0].tolist()
                    for left, right, *sums in zip(edges[:-1], edges[1:], counts, totals, strict=True):
                        yield Bin(layer, quantity, group, seed, float(left), float(right), *sums)
