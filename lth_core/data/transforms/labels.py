"""Transforms to other labels of the same images."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lth_core.data.files import Files
from lth_core.data.splits import Images
from lth_core.data.variants import AnySplits, Facts
from lth_core.registry import transform


def _same(facts: Facts, **options: Any) -> Facts:
    return facts


@transform("random-labels", changes=_same)
def random_labels(
    splits: AnySplits, rng: np.random.Generator, fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
) -> AnySplits:
    """A random `fraction` of the training and validation labels, drawn anew uniformly over the classes.

    The test labels stay true: they say what a network learns beyond its random labels (by chance 1 / classes).
    """

    def redrawn(piece: Images | Files) -> Images | Files:
        count = round(fraction * len(piece.labels))
        labels = piece.labels.copy()
        labels[rng.permutation(len(labels))[:count]] = rng.integers(0, splits.classes, count)
        return replace(piece, labels=labels)

    what = "random labels" if fraction == 1 else f"{100 * fraction:g}% of the labels random"
    train, validation = redrawn(splits.train), redrawn(splits.validation)
    return replace(splits, train=train, validation=validation, source=f"{splits.source}, {what}")
