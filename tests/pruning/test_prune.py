"""Pruning: exact counts, stable ties, nested masks, layerwise and global rankings, one-shot fractions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.config import Method
from lth_core.pruning.exclusions import ExclusionError, prunable
from lth_core.pruning.prune import PruningError, counts, full_mask, keep, prune
from lth_core.pruning.rates import fractions

LAYERS = {"a.weight": "hidden", "b.weight": "hidden", "c.weight": "output"}


def network(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = {"a.weight": (30, 8), "b.weight": (10, 30), "c.weight": (10, 10)}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def test_the_lowest_scores_go_first() -> None:
    scores = {"a.weight": np.array([[5.0, 1.0], [3.0, 2.0]])}
    mask = full_mask(scores, {"a.weight": "hidden"})
    assert prune(scores, mask, {"a.weight": 0.5}, "layer")["a.weight"].tolist() == [[True, False], [True, False]]


def test_among_ties_the_first_in_memory_go_and_the_count_is_exact() -> None:
    scores = {"a.weight": np.zeros(10)}
    mask = prune(scores, full_mask(scores, {"a.weight": "hidden"}), {"a.weight": 0.3}, "layer")
    assert mask["a.weight"].tolist() == [False] * 3 + [True] * 7


def test_pruned_weights_never_come_back_even_with_the_highest_scores() -> None:
    mask = {"a.weight": np.array([True, False, True, True])}
    scores = {"a.weight": np.array([1.0, 99.0, 2.0, 3.0])}
    assert prune(scores, mask, {"a.weight": 1 / 3}, "layer")["a.weight"].tolist() == [False, False, True, True]


@given(st.integers(1, 500), st.floats(0.01, 0.99), st.sampled_from(["layer", "global"]), st.integers(0, 5))
def test_counts_are_exact_and_masks_nested_over_rounds(size: int, rate: float, scope: str, seed: int) -> None:
    scores = {"a.weight": np.random.default_rng(seed).integers(0, 4, size).astype(float)}  # many ties
    mask = full_mask(scores, {"a.weight": "hidden"})
    for _ in range(4):
        smaller = prune(scores, mask, {"a.weight": rate}, scope)
        before, after = mask["a.weight"].sum(), smaller["a.weight"].sum()
        assert after == before - round(before * rate)
        assert not (smaller["a.weight"] & ~mask["a.weight"]).any()
        mask = smaller


def test_a_global_ranking_compares_weights_across_layers() -> None:
    scores = {"a.weight": np.array([1.0, 2.0, 3.0]), "b.weight": np.array([10.0, 20.0, 30.0])}
    mask = full_mask(scores, {"a.weight": "hidden", "b.weight": "hidden"})
    smaller = prune(scores, mask, dict.fromkeys(scores, 0.5), "global")
    assert smaller["a.weight"].sum() == 0 and smaller["b.weight"].sum() == 3


def test_arguments_are_left_alone() -> None:
    scores = network()
    mask = full_mask(scores, LAYERS)
    prune(scores, mask, fractions(Method(levels=1), LAYERS, 1), "layer")
    assert all(kept.all() for kept in mask.values())


def test_rates_by_kind() -> None:
    method = Method(levels=3, rate=0.2, rate_by_kind={"output": 0.1})
    assert fractions(method, LAYERS, 3) == {"a.weight": 0.2, "b.weight": 0.2, "c.weight": 0.1}


@pytest.mark.parametrize(("hidden", "percent"), [(0.05, 95.0), (0.325, 67.5), (0.825, 17.6), (0.95, 5.17)])
def test_one_shot_prunes_half_of_the_fraction_from_the_output_layer(hidden: float, percent: float) -> None:
    """The sizes that Frankle & Carbin 2019 print for one-shot LeNet: 95.0, 67.5, 17.6 and 5.17 percent."""
    sizes = {"a.weight": 784 * 300, "b.weight": 300 * 100, "c.weight": 100 * 10}
    level = np.log(1 - hidden) / np.log(0.8)
    method = Method(levels=1, rate=0.2, rate_by_kind={"output": 0.1}, iterative=False)
    removed = fractions(method, LAYERS, level)
    left = sum(size * (1 - removed[name]) for name, size in sizes.items()) / sum(sizes.values())
    assert 100 * left == pytest.approx(percent, abs=0.15)
    assert removed["c.weight"] == pytest.approx(hidden / 2)


@pytest.mark.parametrize("level", [1, 5, 20])
def test_one_shot_with_a_larger_rate_leaves_what_as_many_rounds_would(level: int) -> None:
    method = Method(levels=20, rate=0.2, rate_by_kind={"output": 0.4}, iterative=False)
    scores = {name: np.arange(10_000.0) for name in LAYERS}
    mask = prune(scores, full_mask(scores, LAYERS), fractions(method, LAYERS, level), "layer")
    assert mask["a.weight"].sum() == round(10_000 * 0.8**level)
    assert mask["c.weight"].sum() == round(10_000 * 0.6**level)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.integers(1, 30))
def test_one_shot_never_removes_more_than_there_is_nor_less_at_a_later_level(
    rate: float, output: float, level: int
) -> None:
    method = Method(levels=31, rate=rate, rate_by_kind={"output": output}, iterative=False)
    removed, later = (fractions(method, LAYERS, n)["c.weight"] for n in (level, level + 1))
    assert 0 < removed <= later <= 1
    assert later < 1 or max(rate, output) > 0.6  # 1 only where the rest is below the precision of numbers


def test_exclusions_are_kinds_or_patterns_of_names() -> None:
    layers = {"conv.weight": "conv", "block.shortcut.weight": "conv", "fc.weight": "output"}
    assert list(prunable(layers, ["output", "*.shortcut.*"])) == ["conv.weight"]
    with pytest.raises(ExclusionError, match=r"'shortcut' matches no kind and no weight"):
        prunable(layers, ["shortcut"])
    with pytest.raises(ExclusionError, match="leaves no weight to prune"):
        prunable(layers, ["*"])


def test_scores_that_are_not_numbers_or_of_another_shape_are_refused() -> None:
    mask = {"a.weight": np.ones(3, dtype=bool)}
    with pytest.raises(PruningError, match="not numbers"):
        prune({"a.weight": np.array([1.0, np.nan, 2.0])}, mask, {"a.weight": 0.5}, "layer")
    with pytest.raises(PruningError, match=r"no score of shape \(3,\) for a.weight"):
        prune({"a.weight": np.ones(4)}, mask, {"a.weight": 0.5}, "layer")


def test_the_facts_of_a_mask() -> None:
    one = {"a.weight": np.array([True, False, True, True]), "b.weight": np.array([False, True])}
    other = {"a.weight": np.array([True, False, False, True]), "b.weight": np.array([True, True])}
    kept, total = {"a.weight": [3, 2], "b.weight": [1, 2]}, {"a.weight": 4, "b.weight": 2}
    assert counts([one, other]) == {"density": 4 / 6, "kept": kept, "total": total, "diverged": [False, False]}


def test_the_density_is_that_of_the_chains_that_go_on() -> None:
    full, half = ({"a.weight": np.array([True, True])}, {"a.weight": np.array([True, False])})
    assert counts([full, half], [True, False])["density"] == 0.5
    assert counts([full, half], [True, True])["density"] == 0.75
    assert counts([full, half], [True, False])["diverged"] == [True, False]


@given(st.integers(1, 60), st.integers(0, 99), st.sampled_from([np.float32, np.float64, np.int64, np.uint8, bool]))
def test_what_goes_is_what_a_stable_sort_puts_first(size: int, seed: int, dtype: Any) -> None:
    rng = np.random.default_rng(seed)
    scores = {"a.weight": rng.integers(0, 4, size).astype(dtype)}
    mask = {"a.weight": rng.random(size) < 0.7}
    surviving = np.flatnonzero(mask["a.weight"])
    for left in range(len(surviving) + 1):
        kept = np.flatnonzero(keep(scores, mask, left)["a.weight"])
        order = np.argsort(scores["a.weight"][surviving], kind="stable")
        assert np.array_equal(kept, np.sort(surviving[order[len(surviving) - left :]]))
