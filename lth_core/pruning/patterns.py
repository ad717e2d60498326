"""Masks in patterns that hardware can use: N of every M consecutive weights, and blocks.

The weight of a layer is a matrix of outputs and inputs, and that of a convolution (outputs, inputs, kernel...) is one
such matrix for each position of its kernel. Groups of M run along the inputs, over which a product sums: the axis that
sparse tensor cores take (Mishra et al. 2021, section 3; Zhou et al. 2021, section 3). Blocks are pruned whole by their
mean score (Narang et al. 2017 take the maximum), which is that of the weights that are there: blocks at the edges are
smaller. All functions see one replicate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from lth_core.config import Method
from lth_core.config.patterns import Block
from lth_core.pruning.allocation import is_allocated
from lth_core.pruning.prune import check_rankable, fractions, left_by_rates
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from jaxtyping import Shaped

Shapes = Mapping[str, Sequence[int]]

KINDS_WITH_INPUTS = ("conv", "hidden", "output", "recurrent", "attention")
"""Kinds of weights whose second axis are the inputs that a product sums over. That of an embedding is no such axis."""


class PatternError(ValueError):
    """A pattern that does not fit a network's weights, in one line."""


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


# ---------------------------------------------------------------- what fits


def check_patterns(method: Method, layers: Mapping[str, str], shapes: Shapes, unlike: Mapping[str, str]) -> Shapes:
    """Check that a method's pattern fits all weights that it prunes; return the shapes of what it ranks.

    `unlike` are the weights whose rows are no filters. Raises PatternError with a list of those that do not fit, or
    for a level that would leave a weight no block.
    """
    if method.n_of_m:
        _check_groups(method.n_of_m.m, layers, shapes, unlike)
        return shapes
    assert method.block is not None
    if flat := [name for name in layers if len(shapes[name]) < 2]:
        raise PatternError(f"granularity: blocks need weights with rows and columns: exclude {', '.join(flat)}")
    empty = {name: np.ones(shapes[name], bool) for name in layers}
    grids = {name: blocks.shape for name, blocks in block_masks(empty, method.block).items()}
    if not is_allocated(method) and method.scope == "layer":
        _check_levels(method, layers, grids)
    return grids


def _check_groups(m: int, layers: Mapping[str, str], shapes: Shapes, unlike: Mapping[str, str]) -> None:
    problems = []
    for name, kind in layers.items():
        plain = kind in ("conv", "hidden", "output") and name in unlike
        if kind not in KINDS_WITH_INPUTS or plain or len(shapes[name]) < 2:
            problems.append(f"{name} (kind {kind}: not known which axis are its inputs)")
        elif shapes[name][1] % m:
            problems.append(f"{name} ({shapes[name][1]} inputs)")
    if problems:
        raise PatternError(f"granularity: inputs must come in groups of {m}: exclude {', '.join(problems)}")


def _check_levels(method: Method, layers: Mapping[str, str], grids: Shapes) -> None:
    left = {name: prod(grids[name]) for name in layers}
    for level in range(1, method.levels + 1):
        blocks = {name: np.ones(count, bool) for name, count in left.items()}
        after = left_by_rates(blocks, fractions(method, layers, level), "layer")
        assert not isinstance(after, int)
        if emptied := [f"{name} ({left[name]} of {prod(grids[name])})" for name in layers if not after[name]]:
            raise PatternError(
                f"rate: level {level} would leave no block of {', '.join(emptied)}: smaller blocks, or prune less"
            )
        left = dict(after) if method.iterative else left
