"""Tensors like those that a cohort trains, taken apart by replicate and name, and put together again.

Where the kept weights alone are trained, a tensor holds the kept weights of a replicate; its whole tensors are 0 where
weights are pruned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lth_core.engine.cohort import Cohort
from lth_core.engine.narrow import Narrowed
from lth_core.engine.narrow_cohort import NarrowCohort

Parts = list[dict[str, Tensor]]
"""Of every part of a cohort (one replicate, or all of them stacked) the whole tensors by name."""


def taken_apart(cohort: Cohort, values: Sequence[Tensor]) -> Parts:
    """Return the whole tensors of values like `cohort.trained`: views of them unless kept weights alone are trained."""
    if cohort.on_kept_weights:
        networks = zip(cohort.sparse or cohort.convolutions, cohort.parts, values, strict=True)
        return [_spread(network.flat_indices, part, value) for network, part, value in networks]
    names, each = cohort.trainable, len(cohort.trainable)
    groups = [values[first : first + each] for first in range(0, len(values), each)]
    return [dict(zip(names, group, strict=True)) for group in groups]


def put_together(cohort: Cohort, parts: Parts) -> list[Tensor]:
    """Return tensors like `cohort.trained` of whole ones: the inverse of `taken_apart`; also of smaller networks."""
    if isinstance(cohort, NarrowCohort):
        networks = zip(cohort.networks, cohort.cohorts, parts, strict=True)
        return [value for network, inside, part in networks for value in _narrowed(network, inside, part)]
    if cohort.on_kept_weights:
        networks = zip(cohort.sparse or cohort.convolutions, parts, strict=True)
        return [
            torch.cat([part[name].flatten()[kept] for name, kept in network.flat_indices.items()])
            for network, part in networks
        ]
    return [part[name] for part in parts for name in cohort.trainable]


def _narrowed(network: Narrowed, inside: Cohort, part: Mapping[str, Tensor]) -> list[Tensor]:
    small = {name: value[0] for name, value in network.tensors(part).items()}
    return [*put_together(inside, [small]), network.values_aside(part)]


def _spread(flat_indices: Mapping[str, Tensor], like: Mapping[str, Tensor], values: Tensor) -> dict[str, Tensor]:
    pieces = values.split([len(kept) for kept in flat_indices.values()])
    whole = {name: torch.zeros_like(like[name]) for name in flat_indices}
    for (name, kept), piece in zip(flat_indices.items(), pieces, strict=True):
        whole[name].view(-1)[kept] = piece
    return whole
