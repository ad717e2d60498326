"""The criterion that knows nothing: what others are compared with."""

from __future__ import annotations

import numpy as np

from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors


@criterion("random")
def random(mask: Tensors, rng: np.random.Generator) -> Tensors:
    """Uniform noise: a random subset of what is left."""
    return {name: rng.random(kept.shape) for name, kept in mask.items()}
