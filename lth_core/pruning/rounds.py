"""How a level's mask is made: in rounds, a method's criterion scores what is left, and the lowest go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

import numpy as np

from lth_core import registry
from lth_core.config import Method
from lth_core.pruning.allocated import allocated_counts, lamp_scores
from lth_core.pruning.allocation import is_allocated
from lth_core.pruning.channels import Listed, ranked_channels, weights_beside
from lth_core.pruning.filters import filter_fractions
from lth_core.pruning.moments import is_probed, rounds_per_level
from lth_core.pruning.patterns import block_masks, block_scores, keep_n_of_m, weights_of_blocks
from lth_core.pruning.probe import Probe
from lth_core.pruning.prune import Left, keep, left_by_rates
from lth_core.pruning.rates import fractions
from lth_core.pruning.scores import check_finite, check_scores
from lth_core.pruning.structured import Consumers, prune_channels, prune_filters, reading_weights
from lth_core.randomness import random_generator, seeded
from lth_core.storage.tensors import Tensors, read_only

OBJECTS = ("probe", "channels")
"""What a criterion is given besides weights and masks."""


class Maskable(Protocol):
    """A network that criteria compute with, under any mask."""

    def under(self, mask: Tensors) -> Probe:
        """Return it under a mask of its prunable weights."""
        ...


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

    So it has none where the criterion looks at the end of a training that has `diverged`, or computes with its weights.
    Criteria that do not look at trained weights (random, at initialization) go on: nobody need give these.
    """
    offered = {"initial": initial, "trained_from": trained_from, "trained": trained}
    used = [name for name in offered if registry.criterion.uses(method.criterion.name, name)]
    used += ["trained"] if is_probed(method) else []
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
    probe: Maskable | None = None,
    consumers: Consumers,
    channels: Listed | None = None,
    ended: bool = False,
) -> Tensors:
    """Make the mask of `level` of one replicate, from the mask before and what the method's criterion looks at.

    It is a mask of `layers` and, where filters or channels are removed, of those weights of other layers that read
    them. `probe`: of the network whose weights are scored, where the criterion computes with it. `consumers`: of
    removable filters, see `prune_filters`; `channels`: see `ranked_channels`. Where the chain has `ended`, nothing is
    scored: the mask keeps as many weights as any other. Raises PruningError for scores that cannot be ranked,
    AllocationError as `allocated_counts` does, FilterError for a layer that would lose all its filters.
    """
    before = mask
    mask = {name: before[name] for name in layers}  # files list tensors by name, rankings go by network order
    weights = {"initial": initial, "trained_from": trained_from, "trained": trained}

    groups = ranked_channels(method, layers, channels or {}) if method.granularity == "channel" else None

    def scores(mask: Tensors, number: int) -> Tensors:
        if ended:
            return {name: np.zeros(kept.shape) for name, kept in mask.items()}
        looked_at = weights | {"mask": mask, "probe": probe and probe.under(mask), "channels": groups}
        return scores_of_round(method, level, seed, number, mask, looked_at)

    if method.granularity == "filter":
        fraction = filter_fractions(method, layers, level)
        excluded = set(reading_weights(fraction, consumers)) - set(layers)
        read = {name: before.get(name, np.ones(initial[name].shape, bool)) for name in sorted(excluded)}
        return prune_filters(scores(mask, 1), mask | read, fraction, consumers)
    if groups is not None:
        beside = weights_beside(method, groups, mask)
        others = {name: before.get(name, np.ones(initial[name].shape, bool)) for name in beside}
        return prune_channels(method, groups, level, scores(mask, 1), mask, others)
    if method.n_of_m:
        return keep_n_of_m(scores(mask, 1), mask, method.n_of_m.kept(level), method.n_of_m.m)
    first = ranked = block_masks(mask, method.block) if method.block else mask
    rounds, last = 1 if ended else rounds_per_level(method), left_by_level(method, layers, level, first)
    for number in range(1, rounds + 1):
        values = scores(mask, number)
        values = block_scores(values, mask, method.block) if method.block else values
        values = lamp_scores(values, ranked) if method.allocation == "lamp" else values
        ranked = keep(values, ranked, left_by_round(method, first, last, number / rounds))
        mask = weights_of_blocks(ranked, mask, method.block) if method.block else ranked
    return mask


def scores_of_round(
    method: Method, level: int, seed: int, number: int, mask: Tensors, looked_at: Mapping[str, Any]
) -> Tensors:
    """Ask a method's criterion for the scores of one round; those of weights to keep are the highest.

    Random draws are new in every round. Raises PruningError.
    """
    name, later = method.criterion.name, (number,) * (number > 1)
    used = {key: value for key, value in looked_at.items() if registry.criterion.uses(name, key) and value is not None}
    offered = {key: value if key in OBJECTS else read_only(value) for key, value in used.items()}
    draw = random_generator(seed, "criterion", name, level, *later)
    with seeded(seed, "criterion", name, level, *later):
        returned = registry.criterion.call(name, offered | {"rng": draw}, method.criterion.options)
    scores = check_scores(name, returned, mask)
    check_finite(name, scores, mask)
    return scores if method.keep == "highest" else {name: -score.astype(float) for name, score in scores.items()}


def left_by_level(method: Method, layers: Mapping[str, str], level: int, mask: Tensors) -> Left:
    """Count the weights that a level leaves of a mask. Raises AllocationError."""
    if is_allocated(method):
        return allocated_counts(method, layers, level, mask)
    return left_by_rates(mask, fractions(method, layers, level), method.scope)


def left_by_round(method: Method, first: Tensors, last: Left, part: float) -> Left:
    """Count the weights that are left after a part, in (0, 1], of the rounds from the mask `first` to the count `last`.

    Densities fall by the same factor in each round, or by the same amount (Tanaka et al. 2020, section 6 and figure 6);
    where each layer has a count, those of each layer do.
    """

    def after_part(names: Iterable[str], count: int) -> int:
        return _between(sum(int(first[name].sum()) for name in names), count, part, method.spacing)

    if isinstance(last, int):
        return after_part(first, last)
    counted = {key: after_part((key,) if isinstance(key, str) else key, count) for key, count in last.items()}
    return cast("Left", counted)


def _between(first: int, last: int, part: float, spacing: str) -> int:
    if part == 1 or first == last:
        return last
    if spacing == "linear":
        return round(first + part * (last - first))
    return round(first * (max(last, 1) / first) ** part)
