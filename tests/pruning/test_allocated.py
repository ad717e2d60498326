"""Masks of a density: any criterion with any allocation, with exact totals, each level's within the one before."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
import pytest

from lth_core.config import Method
from lth_core.pruning.allocation import kept_counts
from lth_core.pruning.prune import PruningError, full_mask
from lth_core.pruning.rounds import next_mask

SHARED = ["uniform", "uniform-plus", "erdos-renyi", "erdos-renyi-kernel"]
ALLOCATIONS = [*SHARED, "lamp"]

SHAPES = {"z.conv": (6, 3, 3, 3), "a.hidden": (40, 30), "m.output": (10, 40)}  # network order is not that of names
LAYERS = {"z.conv": "conv", "a.hidden": "hidden", "m.output": "output"}
SIZE = sum(map(prod, SHAPES.values()))


def weights(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {name: (index + 1) * draw.standard_normal(shape) for index, (name, shape) in enumerate(SHAPES.items())}


def masks(method: Method) -> list[dict[str, np.ndarray]]:
    """The masks of levels 0, 1, ...; every round looks at other trained weights."""
    made = [full_mask(weights(0), LAYERS)]
    for level in range(1, method.levels + 1):
        seen = {"initial": weights(0), "trained_from": weights(0), "trained": weights(level * method.iterative + 1)}
        before = made[-1] if method.iterative else made[0]
        made.append(next_mask(method, LAYERS, level, 0, before, **seen, consumers={}))
    return made


@pytest.mark.parametrize("iterative", [True, False])
@pytest.mark.parametrize("criterion", ["magnitude", "magnitude-at-init", "random", "movement"])
@pytest.mark.parametrize("allocation", [*ALLOCATIONS, "rates"])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_masks_have_exactly_their_densities_and_are_nested(
    allocation: str, criterion: str, iterative: bool, scope: str
) -> None:
    if scope == "global" and allocation != "rates":
        return
    densities = [0.83, 0.61, 0.5, 0.487, 0.333]
    how = {"allocation": allocation, "criterion": criterion, "iterative": iterative, "scope": scope}
    made = masks(Method(levels=5, densities=densities, **how))
    kept = [sum(int(kept.sum()) for kept in mask.values()) for mask in made]
    assert kept == [SIZE, *(round(density * SIZE) for density in densities)]
    if iterative or criterion != "random":  # a one-shot random mask is drawn anew at every level
        for before, after in pairwise(made):
            assert all((after[name] <= before[name]).all() for name in LAYERS)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_without_densities_levels_keep_what_the_rate_leaves_of_the_whole(allocation: str) -> None:
    made = masks(Method(levels=4, rate=0.2, allocation=allocation))
    assert [sum(int(kept.sum()) for kept in mask.values()) for mask in made[1:]] == [
        round(SIZE * (1 - 0.2) ** level) for level in range(1, 5)
    ]


@pytest.mark.parametrize("allocation", SHARED)
def test_layers_have_the_counts_of_the_allocation_and_keep_their_highest_scores(allocation: str) -> None:
    method = Method(levels=1, densities=[0.25], allocation=allocation, criterion="magnitude-at-init")
    mask = masks(method)[1]
    sizes = {name: prod(shape) for name, shape in SHAPES.items()}
    expected = kept_counts(allocation, LAYERS, SHAPES, sizes, round(0.25 * SIZE))
    assert {name: int(kept.sum()) for name, kept in mask.items()} == expected
    for name, kept in mask.items():
        magnitudes = abs(weights(0)[name])
        assert kept.all() or magnitudes[kept].min() > magnitudes[~kept].max()


def test_lamp_leaves_every_layer_a_weight_where_a_global_ranking_leaves_one_empty() -> None:
    densities = [3 / SIZE]
    of_all = masks(Method(levels=1, densities=densities, scope="global"))[1]
    lamp = masks(Method(levels=1, densities=densities, allocation="lamp"))[1]
    assert min(int(kept.sum()) for kept in of_all.values()) == 0
    assert [int(kept.sum()) for kept in lamp.values()] == [1, 1, 1]


def test_a_chain_that_ended_has_as_many_weights_as_any_other() -> None:
    for allocation in ALLOCATIONS:
        method = Method(levels=1, densities=[0.3], allocation=allocation)
        about = {"initial": weights(0), "trained": weights(1), "consumers": {}, "ended": True}
        mask = next_mask(method, LAYERS, 1, 0, full_mask(weights(0), LAYERS), **about)
        assert sum(int(kept.sum()) for kept in mask.values()) == round(0.3 * SIZE)


def test_a_mask_with_fewer_weights_than_the_level_asks_for_stays() -> None:
    mask = {name: np.arange(kept.size).reshape(kept.shape) % 10 == 0 for name, kept in weights(0).items()}
    for allocation in ALLOCATIONS:
        method = Method(levels=1, densities=[0.5], allocation=allocation, criterion="magnitude-at-init")
        after = next_mask(method, LAYERS, 1, 0, mask, initial=weights(0), consumers={})
        assert all((after[name] == mask[name]).all() for name in LAYERS)


def test_scores_that_are_not_numbers_are_refused() -> None:
    broken = {name: np.full(shape, np.nan) for name, shape in SHAPES.items()}
    for allocation in ALLOCATIONS:
        method = Method(levels=1, densities=[0.5], allocation=allocation, criterion="magnitude-at-init")
        with pytest.raises(PruningError, match=r"162 of 162 scores of z\.conv are not finite"):
            next_mask(method, LAYERS, 1, 0, full_mask(broken, LAYERS), initial=broken, consumers={})
