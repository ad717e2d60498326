"""One round of pruning: a method's criterion scores what is left, and the lowest go."""

from __future__ import annotations

from collections.abc import Mapping

from lth_core import registry
from lth_core.artifacts import Tensors
from lth_core.config import Method
from lth_core.filters import filter_fractions
from lth_core.pruning.prune import fractions, prune
from lth_core.pruning.structured import Consumers, prune_filters
from lth_core.randomness import stream


def next_mask(
    method: Method,
    layers: Mapping[str, str],
    level: int,
    seed: int,
    mask: Tensors,
    *,
    initial: Tensors,
    start: Tensors,
    trained: Tensors,
    consumers: Consumers,
) -> Tensors:
    """The mask of `level` of one replicate, from the mask before and what criteria look at.

    `consumers`: of removable filters, see `prune_filters`.
    """
    mask = {name: mask[name] for name in layers}  # files list tensors by name, rankings go by network order
    draw = stream(seed, "criterion", method.criterion.name, level)
    offered = {"initial": initial, "start": start, "trained": trained, "mask": mask, "stream": draw}
    scores = registry.criterion.call(method.criterion.name, offered, method.criterion.options)
    if method.granularity == "filter":
        return prune_filters(scores, mask, filter_fractions(method, layers, level), consumers)
    return prune(scores, mask, fractions(method, layers, level), method.scope)
