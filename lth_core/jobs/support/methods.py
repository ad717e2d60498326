"""Whether methods fit the network that they prune: weights that grow are trained, and each level prunes some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from torch import nn

from lth_core.config import Method
from lth_core.jobs.support.complaints import CheckError
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.moments import starts_dense
from lth_core.pruning.patterns import block_masks
from lth_core.pruning.prune import full_mask, ranked_together
from lth_core.pruning.rounds import left_by_level
from lth_core.storage.tensors import Tensors

Counts = Mapping[tuple[str, ...], int]
"""How many weights, or blocks, are left of layers that are ranked together."""


def check_growth(task: str, module: nn.Module, layers: Mapping[str, str], name: str, method: Method) -> None:
    """Check that weights which a method's sparsifier may grow are trained: they grow from 0."""
    if method.during is None or starts_dense(method):
        return
    for layer, kind in prunable(layers, method.exclude).items():
        if not module.get_parameter(layer).requires_grad:
            untrained = f"'{layer}' of '{task}', which is not trained, would stay 0: exclude: [{kind}]"
            raise CheckError(f"methods.{name}.during: '{method.during.name}' grows weights from 0, and {untrained}")


def check_levels(task: str, initial: Tensors, layers: Mapping[str, str], name: str, method: Method) -> None:
    """Check that every level of a method with rates prunes something, and leaves something of every layer.

    A rate is rounded to whole weights, or blocks: after many levels there are none to prune, or none left.
    """
    if method.densities or not method.has_rounds:  # densities, filters and channels have checks of their own
        return
    pruned, unit = prunable(layers, method.exclude), "block" if method.block else "weight"
    mask = full_mask(initial, pruned)
    mask = block_masks(mask, method.block) if method.block else mask
    before = sum(kept.size for kept in mask.values())
    for level, left in enumerate(_left_by_level(method, pruned, mask), start=1):
        empty, total = [names for names, count in left.items() if count < len(names)], sum(left.values())
        if empty:
            of_layers = f"'{empty[0][0]}'" if len(empty[0]) == 1 else f"each of the {len(empty[0])} layers"
            problem = f"level {level} does not keep one {unit} of {of_layers} of task '{task}'"
        elif total == before:
            problem = f"level {level} prunes no {unit} of task '{task}'{' any more' if level > 1 else ''}"
        else:
            before = total
            continue
        if level > 1:
            raise CheckError(f"methods.{name}.levels: {problem}: set levels: {level - 1}")
        raise CheckError(f"methods.{name}.rate: {problem}: set a {'lower' if empty else 'higher'} one")


def _left_by_level(method: Method, layers: Mapping[str, str], mask: Tensors) -> Iterator[Counts]:
    """Count what each level leaves of a mask."""
    for level in range(1, method.levels + 1):
        left = ranked_together(left_by_level(method, layers, level, mask), layers)
        yield left
        mask = _any_mask(mask, left) if method.iterative else mask


def _any_mask(mask: Tensors, left: Counts) -> Tensors:
    """Return some mask with these counts: which weights it keeps does not matter to the counts of later levels."""
    smaller = {}
    for names, count in left.items():
        for name in names:
            kept = min(count, int(mask[name].sum()))
            smaller[name] = (np.arange(mask[name].size, dtype=np.int32) < kept).reshape(mask[name].shape)
            count -= kept
    return {name: smaller[name] for name in mask}
