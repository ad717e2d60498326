"""N of every M inputs, and blocks: exact counts along the right axis, nested levels, one clear line for mistakes."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lth_core.config import Method
from lth_core.config.patterns import Block
from lth_core.jobs.support.prunable import check_methods
from lth_core.planning.plan import canonical
from lth_core.pruning.fitting import PatternError
from lth_core.pruning.patterns import block_scores, keep_n_of_m, weights_of_blocks
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.storage.tensors import Tensors

LAYERS = {"conv": "conv", "hidden": "hidden", "scores": "output"}
SHAPES = {"conv": (6, 8, 3, 3), "hidden": (10, 24), "scores": (5, 16)}
BLOCKS = {"conv": (2, 2, 3, 3), "hidden": (3, 6), "scores": (2, 4)}
"""Of 4 x 4 weights each, those at edges being smaller."""


def weights(seed: int = 0) -> Tensors:
    draw = np.random.default_rng(seed)
    return {name: draw.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def n_of_m(n: int | list[int], m: int, **options: Any) -> Method:
    return Method.model_validate({"granularity": "n-of-m", "n_of_m": {"n": n, "m": m}, "levels": 1, **options})


def blocks(levels: int = 2, **options: Any) -> Method:
    size = {"height": 4, "width": 4}
    return Method.model_validate({"granularity": "block", "block": size, "levels": levels, **options})


def chain(method: Method, seed: int = 0) -> list[Tensors]:
    """The masks of all levels; each level scores other weights."""
    masks = [full_mask(weights(), LAYERS)]
    for level in range(1, method.levels + 1):
        seen = {"initial": weights(seed), "trained_from": weights(seed), "trained": weights(seed + level)}
        before = masks[-1] if method.iterative else masks[0]
        masks.append(next_mask(method, LAYERS, level, seed, before, **seen, consumers={}))
    return masks


def counted_blocks(kept: np.ndarray) -> int:
    """How many blocks of 4 x 4 are kept; each must be kept whole or not at all."""
    count = 0
    for matrix in np.moveaxis(kept.reshape(*kept.shape[:2], -1), -1, 0):
        for row in range(0, len(matrix), 4):
            for column in range(0, matrix.shape[1], 4):
                block = matrix[row : row + 4, column : column + 4]
                assert block.all() or not block.any()
                count += bool(block.all())
    return count


# ---------------------------------------------------------------- N of M


def test_groups_run_along_the_inputs_at_each_position_of_a_kernel() -> None:
    scores = np.zeros((1, 4, 1, 2))
    scores[0, :, 0, 0], scores[0, :, 0, 1] = [4, 3, 2, 1], [1, 2, 3, 4]
    left = keep_n_of_m({"conv": scores}, {"conv": np.ones(scores.shape, bool)}, 2, 4)["conv"]
    assert left[0, :, 0, 0].tolist() == [True, True, False, False]
    assert left[0, :, 0, 1].tolist() == [False, False, True, True]


def test_the_highest_of_a_group_stay_and_of_equals_the_later_ones() -> None:
    scores = {"a": np.array([[1.0, 9, 3, 3, 0, 0, 0, 0]])}
    assert keep_n_of_m(scores, {"a": np.ones((1, 8), bool)}, 2, 4)["a"].tolist() == [
        [False, True, False, True, False, False, True, True]
    ]


def test_what_is_pruned_never_comes_back_whatever_its_score() -> None:
    mask = {"a": np.array([[True, False, True, True]])}
    assert keep_n_of_m({"a": np.array([[1.0, 99, 2, 3]])}, mask, 2, 4)["a"].tolist() == [[False, False, True, True]]
    sparser = {"a": np.array([[True, False, False, False]])}
    assert keep_n_of_m({"a": np.array([[-1.0, 99, 2, 3]])}, sparser, 2, 4)["a"].tolist() == [
        [True, False, False, False]
    ]


@given(
    pattern=st.sampled_from([([2], 4), ([3, 2], 4), ([6, 5, 4], 8), ([3, 1], 4)]),
    iterative=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_group_keeps_exactly_what_its_level_says(
    pattern: tuple[list[int], int], iterative: bool, seed: int
) -> None:
    n, m = pattern
    method = n_of_m(n, m, levels=len(n), iterative=iterative)
    masks = chain(method, seed)
    for level, (left, mask) in enumerate(zip([m, *n], masks, strict=True)):
        for name, kept in mask.items():
            assert kept.shape == SHAPES[name] and kept.dtype == bool and kept.flags.c_contiguous
            assert set(np.moveaxis(kept, 1, -1).reshape(-1, m).sum(axis=1)) == {left}
            assert kept.mean() == (method.density(level) if level else 1)
    if iterative:
        assert all((after[name] <= before[name]).all() for before, after in pairwise(masks) for name in LAYERS)


def test_the_magnitudes_that_two_of_four_keep_are_the_best_there_are() -> None:
    kept = chain(n_of_m(2, 4))[1]["hidden"]
    magnitudes = np.sort(np.abs(weights(1)["hidden"]).reshape(-1, 4), axis=1)
    assert np.abs(weights(1)["hidden"])[kept].sum() == pytest.approx(magnitudes[:, 2:].sum(), rel=1e-6)


def test_a_job_knows_the_levels_so_far_and_later_ones_do_not_matter() -> None:
    """A job gets a method that ends at its level."""
    method = n_of_m([3, 2, 1], 4, levels=3)
    shorter = Method.model_validate(method.model_dump(mode="json") | method.until(2))
    assert shorter == n_of_m([3, 2], 4, levels=2)
    assert [method.density(level) for level in (1, 2)] == [shorter.density(level) for level in (1, 2)]


# ---------------------------------------------------------------- blocks


def test_blocks_are_ranked_by_the_mean_of_the_weights_that_are_there() -> None:
    scores = {"a": np.array([[1.0, 1, 3], [1, 1, 1], [4, 0, 7]])}
    means = block_scores(scores, {"a": np.ones((3, 3), bool)}, Block(height=2, width=2))
    assert means["a"].tolist() == [[1, 2], [2, 7]]


def test_a_kept_block_is_kept_in_its_real_size() -> None:
    mask = {"a": np.ones((3, 5), bool)}
    left = weights_of_blocks(
        {"a": np.array([[False, False, True], [True, False, False]])}, mask, Block(height=2, width=2)
    )
    assert left["a"].tolist() == [[False] * 4 + [True]] * 2 + [[True, True, False, False, False]]


HOW = [
    {"rate": 0.4},
    {"scope": "global", "rate": 0.4},
    {"densities": [0.5, 0.25]},
    {"densities": [0.5, 0.25], "scope": "global"},
    {"densities": [0.5, 0.25], "allocation": "erdos-renyi-kernel"},
    {"rate": 0.4, "allocation": "lamp"},
    {"rate": 0.4, "iterations": 3},
]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("iterative", [True, False])
def test_blocks_go_whole_in_exact_counts(how: dict[str, Any], iterative: bool) -> None:
    method = blocks(iterative=iterative, **how)
    left = sizes = {name: int(np.prod(shape)) for name, shape in BLOCKS.items()}
    masks = chain(method)
    for level, mask in enumerate(masks[1:], start=1):
        counts = {name: counted_blocks(kept) for name, kept in mask.items()}
        total, before = sum(sizes.values()), sum(left.values())
        if how.get("densities") or how.get("allocation"):
            assert sum(counts.values()) == round(method.density(level) * total)
        else:
            rate = 0.4 if iterative else 1 - 0.6**level
            if how.get("scope") == "global":
                assert sum(counts.values()) == before - round(before * rate)
            else:
                assert counts == {name: count - round(count * rate) for name, count in left.items()}
        left = counts if iterative else sizes
    if iterative:
        assert all((after[name] <= before[name]).all() for before, after in pairwise(masks) for name in LAYERS)


# ---------------------------------------------------------------- mistakes


def checked(method: Method, layers: dict[str, str] = LAYERS, shapes: dict[str, Any] = SHAPES) -> None:
    stacked = {name: np.zeros((1, *shape)) for name, shape in shapes.items()}
    settings = json.loads(canonical(method.model_dump(mode="json")))  # as a job gets it
    check_methods(layers, stacked, {"mine": settings}, None, {"turned": "the weight of a transposed convolution"})


def test_layers_that_do_not_divide_are_listed_in_one_line_unless_they_are_excluded() -> None:
    layers = {"first": "conv", "turned": "conv", "words": "embedding", **LAYERS}
    shapes = {"first": (6, 3, 3, 3), "turned": (8, 8, 2, 2), "words": (20, 8), **SHAPES}
    with pytest.raises(PatternError) as caught:
        checked(n_of_m(2, 4), layers, shapes)
    assert str(caught.value) == (
        "methods.mine.granularity: inputs must come in groups of 4: exclude first (3 inputs), turned (kind conv: not "
        "known which axis are its inputs), words (kind embedding: not known which axis are its inputs)"
    )
    checked(n_of_m(2, 4, exclude=["[f]irst", "[t]urned", "embedding"]), layers, shapes)


def test_blocks_larger_than_a_weight_are_refused() -> None:
    sizes = {"first": (32, 64), "second": (400, 64), "third": (2, 500)}
    layers = dict.fromkeys(sizes, "hidden")
    size = {"height": 400, "width": 400}
    with pytest.raises(PatternError) as caught:
        checked(blocks(rate=0.4, block=size, scope="global"), layers, sizes)
    assert str(caught.value) == (
        "methods.mine.block: 400 x 400 is larger than first (32 x 64): smaller blocks, or exclude it"
    )
    checked(blocks(rate=0.4, block=size, scope="global", exclude=["firs*"]), layers, sizes)


def test_blocks_need_rows_and_columns_and_one_that_is_left() -> None:
    checked(blocks(rate=0.4))
    with pytest.raises(PatternError, match=r"^methods\.mine\.granularity: blocks need .*: exclude edges$"):
        checked(blocks(), {**LAYERS, "edges": "edge"}, {**SHAPES, "edges": (7,)})
    message = r"^methods\.mine\.rate: level 2 would leave no block of scores \(2 of 8\): smaller blocks, or prune less$"
    with pytest.raises(PatternError, match=message):
        checked(blocks(rate=0.8))


TWO_OF_FOUR = {"granularity": "n-of-m", "n_of_m": {"n": 2, "m": 4}}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"granularity": "n-of-m"}, "granularity 'n-of-m' needs n_of_m"),
        ({"granularity": "block"}, "granularity 'block' needs block"),
        ({"n_of_m": {"n": 2, "m": 4}}, "n_of_m is of granularity 'n-of-m', not of 'weight': remove it"),
        ({**TWO_OF_FOUR, "n_of_m": {"n": 4, "m": 4}}, "fall from level to level (4 is followed by 4)"),
        ({**TWO_OF_FOUR, "levels": 3}, "n_of_m.n must have one number for each of the 3 levels (got 1)"),
        ({**TWO_OF_FOUR, "rate": 0.5}, "remove rate, rate_by_kind"),
        ({**TWO_OF_FOUR, "iterations": 5}, "prunes in one round per level"),
        ({**TWO_OF_FOUR, "during": "rigl"}, "during changes masks of single weights"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_line(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Method.model_validate({"levels": 1, **options})
    (detail,) = caught.value.errors()
    assert problem in detail["msg"] and "\n" not in detail["msg"]
