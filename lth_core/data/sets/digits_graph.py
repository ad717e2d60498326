"""The nearest-neighbour graph of scikit-learn's handwritten digits, which needs no download."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import PositiveInt

from lth_core.data.graphs import Graph
from lth_core.data.sets.digits import digits
from lth_core.data.splits import SPLITS, DataError
from lth_core.randomness import random_generator
from lth_core.registry import dataset

IMAGES, CLASSES = 1797, 10
SCARCEST = 121
"""Training images of the class with the fewest."""


def known_of_digits(neighbours: int = 8, labelled: int = 5) -> dict[str, Any]:
    """Return the facts that the options tell. Raises DataError for more than there is."""
    if neighbours >= IMAGES:
        raise DataError(f"neighbours: an image has {IMAGES - 1} others, not {neighbours}")
    if labelled > SCARCEST:
        raise DataError(f"labelled: some class has {SCARCEST} training images, not {labelled}")
    return {"train_examples": CLASSES * labelled, "classes": CLASSES}


@dataset("digits-graph", kind="graph", known=known_of_digits)
def digits_graph(neighbours: PositiveInt = 8, labelled: PositiveInt = 5) -> Graph:
    """scikit-learn's handwritten digits as a graph: an image is a node, joined to its nearest neighbours; no download.

    Two images are joined where one is among the `neighbours` nearest of the other (Euclidean distance of their 64
    pixels). The features are the pixels, 0..1. Validation and test are those of `digits` (180 and 360 images); of the
    others, `labelled` images of each class are for training, and the rest is seen without labels. Raises DataError for
    options that ask for more than there is.
    """
    known_of_digits(neighbours, labelled)
    splits = [getattr(digits(), name) for name in SPLITS]
    pixels = np.concatenate([split.images.reshape(len(split.images), -1) for split in splits]).astype(np.float64)
    labels = np.concatenate([split.labels for split in splits])
    train, validation, test = np.split(np.arange(IMAGES), np.cumsum([len(split.labels) for split in splits])[:-1])
    shuffled = random_generator(0, "labelled", "digits-graph").permutation(train)
    chosen = [shuffled[labels[shuffled] == label][:labelled] for label in range(CLASSES)]
    return Graph(
        features=pixels / 16,
        edges=nearest(pixels, neighbours),
        labels=labels,
        train=np.sort(np.concatenate(chosen)),
        validation=validation,
        test=test,
        classes=CLASSES,
        source=f"scikit-learn digits: {IMAGES:,} 8x8 images, each with its {neighbours} nearest",
    )


def nearest(points: np.ndarray, neighbours: int) -> np.ndarray:
    """Return the edges (E, 2) from every point (N, D) to its nearest others; of equally near ones, to the first."""
    squares = np.square(points).sum(axis=1)
    distances = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    others = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    return np.stack([np.repeat(np.arange(len(points)), neighbours), others.ravel()], axis=1)
