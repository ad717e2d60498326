"""Criteria by what training did to a weight."""

from __future__ import annotations

import numpy as np

from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors


@criterion("magnitude-increase")
def magnitude_increase(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """|w_f| - |w_i|."""
    return {name: np.abs(trained[name]) - np.abs(trained_from[name]) for name in mask}


@criterion("movement")
def movement(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """|w_f - w_i|."""
    return {name: np.abs(trained[name] - trained_from[name]) for name in mask}
