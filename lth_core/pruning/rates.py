"""Rates: the fraction of the surviving weights, or blocks of them, that a round prunes of each layer."""

from __future__ import annotations

from collections.abc import Mapping

from lth_core.config import Method


def fractions(method: Method, layers: Mapping[str, str], level: int) -> dict[str, float]:
    """Return, per layer, the fraction of the surviving weights that the round of `level` removes.

    Iterative methods remove the layer's rate in every round. A one-shot method removes at once the p that leaves
    (1 - rate)^level; layers with a smaller rate lose that rate's share of it: the output layer of Frankle & Carbin's
    networks (half the rate) loses p / 2 where the others lose p. Layers with a larger rate, of which a share would
    exceed 1, keep what as many rounds of it would leave.
    """
    by_kind = {str(kind): rate for kind, rate in method.rate_by_kind.items()}
    rates = {name: by_kind.get(kind, method.rate) for name, kind in layers.items()}
    if method.iterative:
        return rates
    return {
        name: (1 - (1 - max(rate, method.rate)) ** level) * min(rate / method.rate, 1) for name, rate in rates.items()
    }


def removed_count(surviving: int, fraction: float) -> int:
    """Count how many of `surviving` weights a round removes."""
    return round(surviving * fraction)
