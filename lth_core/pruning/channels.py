"""Pruning whole channels: groups of rows and columns that live and die together, through residual sums.

A channel of a group is a row of every layer that computes it (after concatenation and in attention heads, several) and
columns of every layer that reads it. Its score is the sum of its rows' weights' scores, over all layers that compute
it or, with `channel_score: mean`, the mean of these layers' sums (Fang et al. 2023, section 3.3): where many layers
share the channels of a residual sum, a sum ranks those above others, a mean does not. What goes is masked in rows and
columns, even in layers that a method excludes from being ranked, so that the mask's network computes what the smaller
one does. All functions see one replicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lth_core import registry
from lth_core.config import Method
from lth_core.metrics import counted
from lth_core.pruning.filters import FilterError, check_smaller
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

Listed = Mapping[str, Any]
"""What theta_0's header says of removable channels: `groups`, or the `reason` why there are none."""


PARTS = ("rows", "columns", "scales")
"""What such a group lists the positions of."""


class Span(NamedTuple):
    """Where a group's channels lie along the rows or columns of a weight, or in the scales of a batch norm: from
    `first`, each as `repeats` entries."""

    weight: str
    repeats: int
    first: int


@dataclass(frozen=True)
class Channels:
    """A group of `size` channels."""

    size: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    scales: tuple[Span, ...] = ()
    """Where its scales of batch norm lie, if it has any."""

    @property
    def producers(self) -> list[str]:
        """Name the weights that compute the channels."""
        return list(dict.fromkeys(span.weight for span in self.rows))

    @property
    def weights(self) -> list[str]:
        """Name all weights that lose rows or columns with a channel."""
        return list(dict.fromkeys(span.weight for span in (*self.rows, *self.columns)))

    def surviving(self, mask: Tensors) -> Bool[np.ndarray, " channels"]:
        """Tell which channels have weights left in their rows."""
        return np.any([_entries(mask[span.weight], span, 0, self.size).any(axis=1) for span in self.rows], axis=0)

    def kept(self, mask: Tensors) -> Int[np.ndarray, " channels"]:
        """Count the weights that are left in the rows of each channel."""
        return np.sum([_entries(mask[span.weight], span, 0, self.size).sum(axis=1) for span in self.rows], axis=0)

    def scale(self, weights: Tensors) -> Float[np.ndarray, " channels"]:
        """Sum the absolute values of each channel's scales of batch norm."""
        absolute = [np.abs(_entries(weights[span.weight], span, 0, self.size)) for span in self.scales]
        return np.sum([values.sum(axis=1, dtype=np.float64) for values in absolute], axis=0)

    def scores(self, scores: Tensors, mask: Tensors, how: str) -> Float[np.ndarray, " channels"]:
        """Sum the scores of each channel's kept weights, over all layers that compute it or as the mean of these."""
        of_spans = [
            np.where(
                _entries(mask[span.weight], span, 0, self.size), _entries(scores[span.weight], span, 0, self.size), 0
            ).sum(axis=1, dtype=np.float64)
            for span in self.rows
        ]
        return np.sum(of_spans, axis=0) / (len(self.producers) if how == "mean" else 1)

    def remove(self, mask: Tensors, kept: Bool[np.ndarray, " channels"]) -> None:
        """Leave only what is kept of the channels' rows and columns, in place."""
        for axis, spans in enumerate((self.rows, self.columns)):
            for span in spans:
                entries = np.ones(mask[span.weight].shape[axis], bool)
                entries[span.first : span.first + self.size * span.repeats] = np.repeat(kept, span.repeats)
                shape = [-1 if position == axis else 1 for position in range(mask[span.weight].ndim)]
                mask[span.weight] = mask[span.weight] & entries.reshape(shape)


def _entries(weights: np.ndarray, span: Span, axis: int, size: int) -> np.ndarray:
    """All entries of each channel, (channels, entries)."""
    along = np.moveaxis(weights, axis, 0)[span.first : span.first + size * span.repeats]
    return along.reshape(size, -1)


def channels_of(method: Method, layers: Mapping[str, str], listed: Listed) -> list[Channels]:
    """List the groups that a method prunes, by what theta_0's header lists: those computed by its `layers` alone.

    A criterion that asks for `channels` ranks by batch norm: it prunes groups with scales only. Raises FilterError
    where there are none.
    """
    if "groups" not in listed:
        reason = listed.get("reason", "theta_0 lists none of this network")
        raise FilterError(f"granularity: no channels can be pruned: {reason}")
    pruned = [group for group in listed_groups(listed) if all(name in layers for name in group.producers)]
    if not pruned:
        raise FilterError(
            "granularity: no channels can be pruned: all that this network has are inputs or outputs, or are computed "
            "by layers that are excluded or frozen, or read by what is not understood"
        )
    return pruned


def ranked_channels(method: Method, layers: Mapping[str, str], listed: Listed) -> list[Channels]:
    """List the groups that a method's criterion ranks: those of `channels_of`.

    A criterion that asks for `channels` ranks by batch norm: it ranks groups with scales only. Raises FilterError where
    there are none.
    """
    ranked = channels_of(method, layers, listed)
    if registry.criterion.uses(method.criterion.name, "channels"):
        ranked = [group for group in ranked if group.scales]
        if not ranked:
            raise FilterError(
                f"criterion: '{method.criterion.name}' ranks channels by the scales of batch norm, and those that can "
                "be pruned have none: choose another criterion, or a network with batch norm"
            )
    return ranked


def listed_groups(listed: Listed) -> list[Channels]:
    """List all groups that theta_0's header lists, which may be none."""
    return [
        Channels(group["size"], *(tuple(Span(*span) for span in group.get(part, [])) for part in PARTS))
        for group in listed.get("groups", [])
    ]


def channel_fractions(method: Method, groups: Sequence[Channels], level: int) -> list[float]:
    """Return, per group, the fraction of its surviving channels that the round of `level` removes.

    It is the method's `rate`, or that of the first of its `fractions` that matches a weight which computes the
    channels, or 0. Iterative methods remove it in every round, one-shot methods at once what as many rounds would.
    """
    names = list(dict.fromkeys(name for group in groups for name in group.producers))
    for pattern in method.fractions:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise FilterError(f"fractions: '{pattern}' matches no weight with removable channels ({', '.join(names)})")
    rates = [_rate(method, group) for group in groups]
    return rates if method.iterative else [1 - (1 - rate) ** level for rate in rates]


def _rate(method: Method, group: Channels) -> float:
    if not method.fractions:
        return method.rate
    matching = (rate for name, rate in method.fractions.items() if any(fnmatchcase(p, name) for p in group.producers))
    return next(matching, 0.0)


def weights_beside(method: Method, groups: Sequence[Channels], layers: Iterable[str]) -> list[str]:
    """List the weights outside of `layers` that lose columns with the channels that a method removes."""
    fractions = channel_fractions(method, groups, 1)
    losing = {name for group, rate in zip(groups, fractions, strict=True) if rate for name in group.weights}
    return sorted(losing - set(layers))


def channels_left(method: Method, groups: Sequence[Channels], surviving: Sequence[int], level: int) -> list[int]:
    """Count the channels that each group keeps at `level`, where groups are ranked by themselves.

    Raises FilterError for a group that would lose all.
    """
    if method.densities:
        density = method.density(level)
        left = [min(count, round(density * group.size)) for group, count in zip(groups, surviving, strict=True)]
    else:
        fractions = channel_fractions(method, groups, level)
        left = [count - round(count * fraction) for count, fraction in zip(surviving, fractions, strict=True)]
    for group, before, after in zip(groups, surviving, left, strict=True):
        if before and not after:
            raise FilterError(
                f"{_key(method)}: level {level} would leave none of {counted(before, 'channels')} of "
                f"{group.producers[0]}: prune less, or fewer levels"
            )
    return left


def channels_left_of_all(method: Method, groups: Sequence[Channels], surviving: int, level: int) -> int:
    """Count the channels that `level` keeps in all groups together. Raises FilterError for less than one per group."""
    total = sum(group.size for group in groups)
    if method.densities:
        left = min(surviving, round(method.density(level) * total))
    else:
        left = surviving - round(surviving * channel_fractions(method, groups, level)[0])
    if left < len(groups):
        raise FilterError(
            f"{_key(method)}: level {level} keeps {left} of {total} channels, but each of {len(groups)} groups needs "
            "one: prune less, or fewer levels"
        )
    return left


def _key(method: Method) -> str:
    """Name the key that says how much is pruned."""
    return "densities" if method.densities else "fractions" if method.fractions else "rate"


def check_channels(method: Method, layers: Mapping[str, str], listed: Listed) -> None:
    """Go through all levels of a method on a network, by what theta_0's header lists. Raises FilterError."""
    groups = channels_of(method, layers, listed)
    channel_fractions(method, groups, 1)
    left = [group.size for group in groups]
    total = sum(left)
    for level in range(1, method.levels + 1):
        if method.scope == "global":
            after = [channels_left_of_all(method, groups, sum(left), level)]
        else:
            after = channels_left(method, groups, left, level)
        total = check_smaller(_key(method), level, "channel", total, sum(after))
        left = after if method.iterative else left
