"""scikit-learn's handwritten digits, which need no download."""

from __future__ import annotations

from typing import Any

import numpy as np

from lth_core.data.splits import Images, Splits, hold_out
from lth_core.randomness import random_generator
from lth_core.registry import dataset


@dataset("digits", classes=10, train_examples=1257, input_shape=(1, 8, 8))
def digits() -> Splits:
    """scikit-learn's handwritten digits: 1,797 images of 8x8 pixels, 0..16, in 10 classes; bundled, no download."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    everything = Images(bunch.images[:, None].astype(np.uint8), bunch.target.astype(np.int64))
    rest, test = hold_out(everything.labels, 360, random_generator(0, "split", "digits", "test"), stratified=True)
    kept, held = hold_out(
        everything.labels[rest], 180, random_generator(0, "split", "digits", "validation"), stratified=True
    )
    return Splits(
        train=everything.take(rest[kept]),
        validation=everything.take(rest[held]),
        test=everything.take(test),
        classes=10,
        source="scikit-learn digits: 1,797 8x8 images",
    )
