"""Which weights patterns fit: looked at before training, by the shapes of a network's weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

from lth_core.config import Method
from lth_core.config.patterns import Block
from lth_core.metrics import counted
from lth_core.pruning.allocation import is_allocated
from lth_core.pruning.rates import fractions, removed_count

Shapes = Mapping[str, Sequence[int]]

KINDS_WITH_INPUTS = ("conv", "hidden", "output", "recurrent", "attention")
"""Kinds of weights whose second axis are the inputs that a product sums over. That of an embedding is no such axis."""


class PatternError(ValueError):
    """A pattern that does not fit a network's weights, in one line."""


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
    _check_sizes(method.block, layers, shapes)
    grids = {name: grid(shapes[name], method.block) for name in layers}
    if not is_allocated(method) and method.scope == "layer":
        _check_levels(method, layers, grids)
    return grids


def _check_groups(m: int, layers: Mapping[str, str], shapes: Shapes, unlike: Mapping[str, str]) -> None:
    problems = []
    for name, kind in layers.items():
        plain = kind in ("conv", "hidden", "output") and name in unlike
        if kind not in KINDS_WITH_INPUTS or plain or len(shapes[name]) < 2:
            problems.append(f"{name} (kind {kind}: not known which axis are its inputs)")
        elif (count := shapes[name][1]) % m:
            problems.append(f"{name} ({counted(count, 'inputs')})")
    if problems:
        raise PatternError(f"granularity: inputs must come in groups of {m}: exclude {', '.join(problems)}")


def _check_sizes(block: Block, layers: Iterable[str], shapes: Shapes) -> None:
    """Refuse blocks that are larger than a weight in both directions: it would be kept or pruned as a whole."""
    larger = [name for name in layers if block.height > shapes[name][0] and block.width > shapes[name][1]]
    if larger:
        sizes = ", ".join(f"{name} ({shapes[name][0]} x {shapes[name][1]})" for name in larger)
        raise PatternError(
            f"block: {block.height} x {block.width} is larger than {sizes}: smaller blocks, or exclude it"
        )


def _check_levels(method: Method, layers: Mapping[str, str], grids: Shapes) -> None:
    left = {name: prod(grids[name]) for name in layers}
    for level in range(1, method.levels + 1):
        pruned = fractions(method, layers, level)
        after = {name: count - removed_count(count, pruned[name]) for name, count in left.items()}
        if emptied := [f"{name} ({left[name]} of {prod(grids[name])})" for name in layers if not after[name]]:
            named = ", ".join(emptied)
            raise PatternError(f"rate: level {level} would leave no block of {named}: smaller blocks, or prune less")
        left = after if method.iterative else left


def grid(shape: Sequence[int], block: Block) -> tuple[int, ...]:
    """Count the blocks of a weight: (rows of blocks, columns of blocks, kernel...)."""
    return (-(-shape[0] // block.height), -(-shape[1] // block.width), *shape[2:])
