"""Criteria: what scores a weight. The lowest scores are pruned.

A criterion sees one replicate and returns one score per weight of every masked layer. Its arguments, by name:
`initial` (theta_0), `start` (the weights that the last training started from), `trained` (the weights that it ended
with), `mask` (what is still there) and `stream` (a random generator of its own). Scores of weights that are pruned
already are not looked at.
"""

from __future__ import annotations

import numpy as np

from lth_core.artifacts import Tensors
from lth_core.registry import criterion


@criterion("magnitude")
def magnitude(trained: Tensors, mask: Tensors) -> Tensors:
    """|w| after training: the criterion of Frankle & Carbin 2019, section 2."""
    return {name: np.abs(trained[name]) for name in mask}


@criterion("magnitude-at-init")
def magnitude_at_init(initial: Tensors, mask: Tensors) -> Tensors:
    """|w| before any training (Frankle & Carbin 2019, appendix F.4)."""
    return {name: np.abs(initial[name]) for name in mask}


@criterion("random")
def random(mask: Tensors, stream: np.random.Generator) -> Tensors:
    """Uniform noise: a random subset of what is left."""
    return {name: stream.random(kept.shape) for name, kept in mask.items()}
