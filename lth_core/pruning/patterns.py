"""Masks in patterns that hardware can use: N of every M consecutive weights, and blocks.

The weight of a layer is a matrix of outputs and inputs, and that of a convolution (outputs, inputs, kernel...) is one
such matrix for each position of its kernel. Groups of M run along the inputs, over which a product sums: the axis that
sparse tensor cores take (Mishra et al. 2021, section 3; Zhou et al. 2021, section 3). Blocks are pruned whole by their
mean score (Narang et al. 2017 take the maximum), which is that of the weights that are there: blocks at the edges are
smaller. All functions see one replicate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lth_core.config.patterns import Block
from lth_core.pruning.prune import check_rankable
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from jaxtyping import Shaped

# ---------------------------------------------------------------- N of M


def keep_n_of_m(scores: Tensors, mask: Tensors, n: int, m: int) -> Tensors:
    """Keep the `n` highest-scored surviving weights of every `m` consecutive inputs of an output.

    Among equal scores the weight that comes first goes first. Raises PruningError for scores as `prune` does.
    """
    check_rankable(scores, mask)
    return {name: _n_of_m(scores[name], kept, n, m) for name, kept in mask.items()}


def _n_of_m(scores: np.ndarray, kept: np.ndarray, n: int, m: int) -> np.ndarray:
    groups, surviving = (np.moveaxis(of_weights, 1, -1).reshape(-1, m) for of_weights in (scores, kept))
    order = np.argsort(groups, axis=1, kind="stable")
    first_pruned = np.argsort(np.take_along_axis(surviving, order, axis=1), axis=1, kind="stable")
    highest = np.take_along_axis(order, first_pruned, axis=1)[:, m - n :]
    left = np.zeros_like(surviving)
    np.put_along_axis(left, highest, True, axis=1)
    inputs_last = np.moveaxis(kept, 1, -1).shape
    return np.ascontiguousarray(np.moveaxis((left & surviving).reshape(inputs_last), -1, 1))


# ---------------------------------------------------------------- blocks


def block_masks(mask: Tensors, block: Block) -> Tensors:
    """Tell which blocks of each weight survive: (rows of blocks, columns of blocks, kernel...)."""
    return {name: _sums(kept, block) > 0 for name, kept in mask.items()}


def block_scores(scores: Tensors, mask: Tensors, block: Block) -> Tensors:
    """Average the scores of each block's surviving weights; raises PruningError for scores as `prune` does."""
    check_rankable(scores, mask)
    sums = {name: _sums(np.where(kept, scores[name], 0).astype(np.float64), block) for name, kept in mask.items()}
    return {name: sums[name] / np.maximum(_sums(kept, block), 1) for name, kept in mask.items()}


def weights_of_blocks(blocks: Tensors, mask: Tensors, block: Block) -> Tensors:
    """Return the part of a mask that lies in the kept blocks."""
    smaller = {}
    for name, kept in mask.items():
        rows, columns = kept.shape[:2]
        spread = blocks[name].repeat(block.height, axis=0)[:rows].repeat(block.width, axis=1)[:, :columns]
        smaller[name] = kept & spread
    return smaller


def _sums(
    values: Shaped[np.ndarray, "rows columns *kernel"], block: Block
) -> Shaped[np.ndarray, "down across *kernel"]:
    """Sum the values of each block; booleans are counted."""
    counted = values.astype(int) if values.dtype == bool else values
    for axis, size in enumerate((block.height, block.width)):
        counted = np.add.reduceat(counted, np.arange(0, values.shape[axis], size), axis=axis)
    return counted
