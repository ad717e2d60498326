"""Criteria by the size of a weight: after training, before it, or at initialization."""

from __future__ import annotations

import numpy as np

from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors


@criterion("magnitude")
@criterion("large-final")
def magnitude(trained: Tensors, mask: Tensors) -> Tensors:
    """|w_f|: the criterion of Frankle & Carbin 2019, section 2; Zhou et al. 2019 call it large final."""
    return {name: np.abs(trained[name]) for name in mask}


@criterion("small-final")
def small_final(trained: Tensors, mask: Tensors) -> Tensors:
    """-|w_f|: the opposite of magnitude."""
    return {name: -np.abs(trained[name]) for name in mask}


@criterion("magnitude-at-init")
def magnitude_at_init(initial: Tensors, mask: Tensors) -> Tensors:
    """|w| before any training (Frankle & Carbin 2019, appendix F.4)."""
    return {name: np.abs(initial[name]) for name in mask}


@criterion("large-init")
def large_init(trained_from: Tensors, mask: Tensors) -> Tensors:
    """|w_i|, of what the last training started from (`magnitude-at-init` is of theta_0)."""
    return {name: np.abs(trained_from[name]) for name in mask}


@criterion("small-init")
def small_init(trained_from: Tensors, mask: Tensors) -> Tensors:
    """-|w_i|."""
    return {name: -np.abs(trained_from[name]) for name in mask}
