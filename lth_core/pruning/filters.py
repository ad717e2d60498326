"""Filters: how many of each layer a structured method prunes. Looked at before training and in every pruning."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from lth_core.config import Method
from lth_core.metrics import counted

KINDS_WITH_FILTERS = ("conv", "hidden")


class FilterError(ValueError):
    """Fractions of filters that do not fit the network, in one line."""


def filter_fractions(method: Method, layers: Mapping[str, str], level: int) -> dict[str, float]:
    """Return, per layer, the fraction of the surviving filters that the round of `level` removes; 0 if not named.

    The first pattern that matches a weight's name counts. Iterative methods remove it in every round, one-shot methods
    at once what as many rounds would remove. Raises FilterError for a pattern that matches nothing, the output layer,
    whose rows are the classes, or a weight of a kind without filters.
    """
    fractions = {}
    for name, kind in layers.items():
        rate = next((rate for pattern, rate in method.fractions.items() if fnmatchcase(name, pattern)), 0.0)
        if rate and kind == "output":
            raise FilterError(f"fractions: '{name}' is the output layer, whose rows are the classes: they must stay")
        if rate and kind not in KINDS_WITH_FILTERS:
            raise FilterError(
                f"fractions: '{name}' is a weight of kind {kind}, which has no filters: name convolutions and linear "
                "layers alone, or exclude it"
            )
        fractions[name] = rate if method.iterative else 1 - (1 - rate) ** level
    for pattern in method.fractions:
        if not any(fnmatchcase(name, pattern) for name in layers):
            raise FilterError(f"fractions: '{pattern}' matches no weight of the network ({', '.join(layers)})")
    return fractions


def filters_left(name: str, surviving: int, fraction: float) -> int:
    """Count the filters of a layer that a round leaves. Raises FilterError when it would leave none."""
    left = surviving - round(surviving * fraction)
    if surviving and not left:
        raise FilterError(
            f"fractions: {fraction:.4g} of {name} would leave none of its {counted(surviving, 'filters')}: "
            "make it smaller, or prune fewer levels"
        )
    return left


def check_filters(
    method: Method,
    layers: Mapping[str, str],
    sizes: Mapping[str, int],
    removable: Collection[str] | None = None,
    without_filters: Mapping[str, str] | None = None,
) -> None:
    """Go through all levels of a method on a network, given each layer's number of filters. Raises FilterError.

    Where it is known which layers' filters are `removable`, filters of others are refused: their outputs enter a sum,
    which is as wide as before without them. So are those of weights `without_filters`, given with what they are.
    """
    for name, rate in filter_fractions(method, layers, 1).items():
        if rate and without_filters and name in without_filters:
            raise FilterError(f"fractions: {name} is {without_filters[name]}: name other layers")
        if rate and removable is not None and name not in removable:
            raise FilterError(
                f"fractions: the filters of {name} cannot be removed because their outputs are added to another "
                f"layer's; those of these can: {', '.join(other for other in layers if other in removable) or 'none'}"
            )
    left, total = dict(sizes), sum(sizes.values())
    for level in range(1, method.levels + 1):
        fractions = filter_fractions(method, layers, level)
        after = {name: filters_left(name, left[name], fraction) for name, fraction in fractions.items()}
        total = check_smaller("fractions", level, "filter", total, sum(after.values()))
        left = after if method.iterative else left


def check_smaller(key: str, level: int, unit: str, before: int, after: int) -> int:
    """Return how many units a level leaves. Raises FilterError where it prunes none, as numbers are rounded."""
    if after == before:
        raise FilterError(f"{key}: level {level} prunes no {unit}: prune more, or fewer levels")
    return after
