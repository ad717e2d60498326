"""Layer collapse: at which compression a criterion leaves a layer without weights (Tanaka et al. 2020, section 3).

A network of N weights in L layers could be compressed N / L times with a weight left in every layer. Here the masks are
of theta_0, each made from the dense network.
"""

from __future__ import annotations

from collections.abc import Mapping

from lth_core.config import Method
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import Maskable, next_mask
from lth_core.storage.tensors import Tensors


def compressions(rungs: int, weights: int, layers: int) -> list[float]:
    """List rising compressions, `rungs` per power of ten, the last one with a weight for each of the layers."""
    most, rising = weights / layers, []
    while (compression := 10 ** ((len(rising) + 1) / rungs)) < most:
        rising.append(compression)
    return [*rising, most]


def at_compressions(method: Method, compressions: list[float]) -> Method:
    """Return the method with one level per compression, each made from the dense network."""
    densities = [1 / compression for compression in compressions]
    return method.model_copy(update={"densities": densities, "levels": len(densities), "iterative": False})


def kept_by_layer(
    method: Method, layers: Mapping[str, str], level: int, seed: int, initial: Tensors, probe: Maskable | None
) -> dict[str, int]:
    """Count the weights of each layer that a level's mask of one replicate's theta_0 keeps.

    Raises PruningError for scores that cannot be ranked.
    """
    mask = next_mask(
        *(method, layers, level, seed, full_mask(initial, layers)),
        initial=initial,
        trained_from=initial,
        trained=initial,
        probe=probe,
        consumers={},
    )
    return {name: int(kept.sum()) for name, kept in mask.items()}
