"""How far two masks of one architecture keep the same weights, and how far two random masks of their counts would.

Everything follows from four counts per layer: its weights, those that each mask keeps, and those that both keep. Counts
of several layers add up to those of the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lth_core.metrics import counted
from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:  # the job that counts does without pandas
    import pandas as pd

Counts = Any
"""A count (float), or an array or a column of a table (pandas) of counts."""


class Overlap(NamedTuple):
    """Counts of one layer and seed: all weights, those kept by the mask, by the other one, and by both."""

    seed: int
    layer: str
    weights: int
    kept: float
    kept_other: float
    common: float


def overlaps(
    mask: Tensors,
    other: Tensors,
    layers: Iterable[str],
    seeds: Sequence[int],
    ended: tuple[Sequence[bool], Sequence[bool]] | None = None,
) -> Iterator[Overlap]:
    """Count every layer that both masks have in the same shape, for every seed.

    Masks hold booleans (R, ...) per layer, one replicate per seed. Layers of different shape (the outputs of other
    classes, the inputs of other channels) have no common positions and are left out. Where the chain of a seed has
    `ended`, on the one side or the other (by default on neither), what that mask keeps means nothing: the count is nan.
    Raises ArtifactError when the masks do not have one replicate per seed.
    """
    for layer in layers:
        ours, theirs = mask[layer], other.get(layer)
        if theirs is None or ours.shape[1:] != theirs.shape[1:]:
            continue
        if not len(ours) == len(theirs) == len(seeds):
            raise ArtifactError(
                f"'{layer}': masks of {len(ours)} and {len(theirs)} replicates, but {counted(len(seeds), 'seeds')}"
            )
        over, other_over = ended or ([False] * len(seeds), [False] * len(seeds))
        for seed, first, second, one, two in zip(seeds, ours, theirs, over, other_over, strict=True):
            kept = math.nan if one else int(first.sum())
            kept_other = math.nan if two else int(second.sum())
            common = math.nan if one or two else int((first & second).sum())
            yield Overlap(seed, layer, first.size, kept, kept_other, common)


def jaccard(kept: Counts, kept_other: Counts, common: Counts) -> Counts:
    """Divide the weights that both masks keep by those that either keeps: 1 for equal masks; nan when none is kept."""
    return _ratio(common, kept + kept_other - common)


def hamming(weights: Counts, kept: Counts, kept_other: Counts, common: Counts) -> Counts:
    """Compute the fraction of positions in which two masks differ: 0 for equal masks."""
    return _ratio(kept + kept_other - 2 * common, weights)


def chance(weights: Counts, kept: Counts, kept_other: Counts) -> Counts:
    """Compute how many weights of a layer two random masks of these counts both keep, on average (hypergeometric law).

    Put in place of `common`, it gives the Hamming distance expected by chance exactly, and the Jaccard index up to the
    spread of that law, which is small in layers of many weights. Sum it over layers, not their counts.
    """
    return _ratio(kept * kept_other, weights)


def indices(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Compute both indices, and what chance gives, of counts (columns of Overlap) summed over rows that agree in `by`.

    Columns: `by`, jaccard, jaccard_by_chance, hamming, hamming_by_chance. With `layer` in `by` they are those of each
    layer, without it those of the network, by chance under the layerwise counts.
    """
    counts = table.assign(by_chance=chance(table["weights"], table["kept"], table["kept_other"]))
    columns = ["weights", "kept", "kept_other", "common", "by_chance"]
    groups = counts.groupby(list(by), as_index=False, sort=False)
    sums: Any = groups[columns].agg(lambda layers: layers.sum(skipna=False))
    weights, kept, kept_other, common, by_chance = (sums[column] for column in columns)
    return sums[list(by)].assign(
        jaccard=jaccard(kept, kept_other, common),
        jaccard_by_chance=jaccard(kept, kept_other, by_chance),
        hamming=hamming(weights, kept, kept_other, common),
        hamming_by_chance=hamming(weights, kept, kept_other, by_chance),
    )


def _ratio(part: Counts, whole: Counts) -> Counts:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(part, whole)
