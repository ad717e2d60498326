"""Exclusions: which of a network's layers a method prunes, and whether it has the kinds that the method names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from lth_core.config import Method


class ExclusionError(ValueError):
    """Exclusions, or kinds, that do not fit the network, in one line."""


def prunable(layers: Mapping[str, str], exclude: Sequence[str]) -> dict[str, str]:
    """Return the layers (weight name -> kind) left after a method's exclusions, each a kind or a pattern of names.

    Raises ExclusionError when an exclusion matches nothing or everything is excluded.
    """
    for pattern in exclude:
        if not any(pattern == kind or fnmatchcase(name, pattern) for name, kind in layers.items()):
            known = ", ".join(layers)
            raise ExclusionError(f"exclude: '{pattern}' matches no kind and no weight of the network ({known})")
    left = {
        name: kind
        for name, kind in layers.items()
        if not any(pattern == kind or fnmatchcase(name, pattern) for pattern in exclude)
    }
    if not left:
        raise ExclusionError(f"exclude: {list(exclude)} leaves no weight to prune")
    return left


def check_rates(method: Method, layers: Mapping[str, str]) -> None:
    """Check that the network has weights of every kind that a method gives a rate. Raises ExclusionError."""
    kinds = list(dict.fromkeys(layers.values()))
    for kind in method.rate_by_kind:
        if kind not in kinds:
            have = ", ".join(kinds)
            raise ExclusionError(f"rate_by_kind: the network has no weight of kind '{kind}', only of: {have}")
