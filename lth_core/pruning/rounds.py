"""One round of pruning: a method's criterion scores what is left, and the lowest go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lth_core import registry
from lth_core.config import Method
from lth_core.pruning.allocated import allocated_mask
from lth_core.pruning.allocation import is_allocated
from lth_core.pruning.channels import Listed, channels_of, weights_beside
from lth_core.pruning.filters import filter_fractions
from lth_core.pruning.prune import fractions, prune
from lth_core.pruning.scores import check_scores
from lth_core.pruning.structured import Consumers, prune_channels, prune_filters, reading_weights
from lth_core.randomness import random_generator, seeded
from lth_core.storage.tensors import Tensors, read_only


def ends_chain(
    method: Method,
    layers: Iterable[str],
    *,
    initial: Tensors,
    trained_from: Tensors | None = None,
    trained: Tensors | None = None,
    diverged: bool = False,
) -> bool:
    """Tell whether one replicate has no next ticket: its criterion would score `layers` by weights that are not finite.

    So it has none where the criterion looks at the end of a training that has `diverged`. Criteria that do not look at
    trained weights (random, at initialization) go on: nobody need give these.
    """
    offered = {"initial": initial, "trained_from": trained_from, "trained": trained}
    used = [name for name in offered if registry.criterion.uses(method.criterion.name, name)]
    finite = all(np.isfinite(offered[name][layer]).all() for name in used for layer in layers)
    return not finite or (diverged and "trained" in used)


def next_mask(
    method: Method,
    layers: Mapping[str, str],
    level: int,
    seed: int,
    mask: Tensors,
    *,
    initial: Tensors,
    trained_from: Tensors | None = None,
    trained: Tensors | None = None,
    consumers: Consumers,
    channels: Listed | None = None,
    ended: bool = False,
) -> Tensors:
    """Make the mask of `level` of one replicate, from the mask before and what the method's criterion looks at.

    It is a mask of `layers` and, where filters or channels are removed, of those weights of other layers that read
    them. `consumers`: of removable filters, see `prune_filters`; `channels`: see `channels_of`. Where the chain has
    `ended`, nothing is scored: the mask keeps as many weights as any other. Raises PruningError for scores that cannot
    be ranked, AllocationError as `allocated_mask` does, FilterError for a layer that would lose all its filters.
    """
    before = mask
    mask = {name: before[name] for name in layers}  # files list tensors by name, rankings go by network order
    draw = random_generator(seed, "criterion", method.criterion.name, level)
    if ended:
        scores = {name: np.zeros(kept.shape) for name, kept in mask.items()}
    else:
        arrays = {"initial": initial, "trained_from": trained_from, "trained": trained, "mask": mask}
        used = {name: value for name, value in arrays.items() if registry.criterion.uses(method.criterion.name, name)}
        offered = {name: read_only(value) for name, value in used.items() if value is not None}
        with seeded(seed, "criterion", method.criterion.name, level):
            returned = registry.criterion.call(method.criterion.name, offered | {"rng": draw}, method.criterion.options)
        scores = check_scores(method.criterion.name, returned, mask)
    if method.granularity == "filter":
        fraction = filter_fractions(method, layers, level)
        excluded = set(reading_weights(fraction, consumers)) - set(layers)
        mask |= {name: before.get(name, np.ones(initial[name].shape, bool)) for name in sorted(excluded)}
        return prune_filters(scores, mask, fraction, consumers)
    if method.granularity == "channel":
        groups = channels_of(method, layers, channels or {})
        beside = weights_beside(method, groups, mask)
        others = {name: before.get(name, np.ones(initial[name].shape, bool)) for name in beside}
        return prune_channels(method, groups, level, scores, mask, others)
    if is_allocated(method):
        return allocated_mask(method, layers, level, scores, mask)
    return prune(scores, mask, fractions(method, layers, level), method.scope)
