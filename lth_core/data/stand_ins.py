"""Examples that stand in for those of a data set that is still to be read, where a network is to be tried before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from lth_core.data.kinds import IMAGES, are_known, kind_of_data
from lth_core.data.reading import StoredImages
from lth_core.data.splits import SPLITS
from lth_core.randomness import random_generator
from lth_core.runtime.shares import ALONE

EXAMPLES = 64
"""Of each split."""


def stand_in(facts: Mapping[str, Any]) -> Any:
    """Return images of random pixels, of the shape and with the labels that data will have; None for other kinds."""
    if kind_of_data(facts) != IMAGES or not are_known(facts):
        return None
    random, shape = random_generator(0, "stand-in"), tuple(facts["input_shape"])
    labels = torch.arange(EXAMPLES) % facts["classes"]
    tensors = {f"{split}_labels": labels for split in SPLITS}
    for split in SPLITS:
        tensors[f"{split}_images"] = torch.from_numpy(random.integers(0, 256, (EXAMPLES, *shape)).astype("uint8"))
    pixels = {"mean": [127.5] * shape[0], "std": [74.0] * shape[0], "source": "stand-in"}
    return StoredImages(tensors, {**facts} | pixels, torch.device("cpu"), ALONE)
