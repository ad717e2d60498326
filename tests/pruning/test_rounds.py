"""Levels that are made in several rounds of scoring and pruning, and scores that are turned round."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core import registry
from lth_core.config import Method
from lth_core.pruning.prune import full_mask, prune
from lth_core.pruning.rounds import left_by_round, next_mask
from lth_core.randomness import random_generator
from lth_core.storage.tensors import Tensors

LAYERS = {"a": "hidden", "b": "hidden", "c": "output"}
SHAPES = {"a": (40, 30), "b": (20, 40), "c": (10, 20)}
SIZE = sum(np.prod(shape) for shape in SHAPES.values())
HOW = [
    {"scope": "layer"},
    {"scope": "global"},
    {"scope": "global", "densities": [0.3, 0.04]},
    {"rate_by_kind": {"output": 0.1}},
    {"allocation": "erdos-renyi-kernel", "densities": [0.3, 0.04]},
    {"allocation": "uniform-plus", "densities": [0.3, 0.1]},
    {"allocation": "lamp", "rate": 0.6},
]


def weights(seed: int = 0) -> Tensors:
    draw = np.random.default_rng(seed)
    return {name: (index + 1) * draw.standard_normal(shape) for index, (name, shape) in enumerate(SHAPES.items())}


def chain(method: Method, seed: int = 0) -> list[Tensors]:
    masks = [full_mask(weights(), LAYERS)]
    for level in (1, 2):
        seen = {"initial": weights(), "trained_from": weights(), "trained": weights(level)}
        masks.append(next_mask(method, LAYERS, level, seed, masks[-1], **seen, consumers={}))
    return masks


def counted(mask: Tensors) -> dict[str, int]:
    return {name: int(kept.sum()) for name, kept in mask.items()}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensors]:
    """The masks under which the criterion `watched`, magnitude, was asked for scores."""
    masks: list[Tensors] = []

    def watched(trained: Tensors, mask: Tensors) -> Tensors:
        masks.append({name: kept.copy() for name, kept in mask.items()})
        return {name: abs(trained[name]) for name in mask}

    monkeypatch.setitem(registry.criterion._functions, "watched", watched)
    monkeypatch.setitem(registry.criterion._facts, "watched", {"iterations": 7})
    return masks


@pytest.mark.parametrize("spacing", ["exponential", "linear"])
@pytest.mark.parametrize("how", HOW, ids=str)
def test_rounds_end_at_the_counts_of_one_round_and_each_is_within_the_one_before(
    how: dict[str, Any], spacing: Any, seen: list[Tensors]
) -> None:
    """The rounds are the criterion's own number unless the method has another."""
    many = chain(Method(levels=2, criterion="watched", spacing=spacing, **how))
    assert len(seen) == 14
    for before, after in pairwise([*seen[:7], many[1], *seen[8:], many[2]]):
        assert all((after[name] <= before[name]).all() for name in LAYERS)
        assert sum(counted(after).values()) < sum(counted(before).values())
    one = chain(Method(levels=2, criterion="watched", iterations=1, **how))
    assert len(seen) == 16
    for first, second in zip(many, one, strict=True):
        assert sum(counted(first).values()) == sum(counted(second).values())
        if "global" not in how.values() and how.get("allocation") != "lamp":
            assert counted(first) == counted(second)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 1400))
def test_densities_fall_by_the_same_factor_or_the_same_amount(number: int, rounds: int, last: int) -> None:
    number, first = min(number, rounds), full_mask(weights(), LAYERS)
    part, density = number / rounds, last / SIZE
    exponential = left_by_round(Method(levels=1), first, last, part)
    linear = left_by_round(Method(levels=1, spacing="linear"), first, last, part)
    assert exponential == pytest.approx(SIZE * density**part, abs=0.51)
    assert linear == pytest.approx(SIZE * (1 - (1 - density) * part), abs=0.51)


def test_a_layer_that_ends_empty_has_a_weight_until_the_last_round() -> None:
    first, last = full_mask(weights(), LAYERS), {"a": 0, "b": 0, "c": 200}
    counts = [left_by_round(Method(levels=1), first, last, number / 4) for number in (1, 2, 3, 4)]
    assert counts == [{"a": 204, "b": 150, "c": 200}, {"a": 35, "b": 28, "c": 200}, {"a": 6, "b": 5, "c": 200}, last]


def test_random_noise_is_new_in_every_round_and_that_of_one_round_is_the_level_s() -> None:
    (_, once, _), (_, thrice, _) = (
        chain(Method(levels=2, criterion="random", rate=0.5, iterations=count), seed=3) for count in (1, 3)
    )
    rng = random_generator(3, "criterion", "random", 1)
    noise = {name: rng.random(shape) for name, shape in SHAPES.items()}
    expected = prune(noise, full_mask(weights(), LAYERS), dict.fromkeys(LAYERS, 0.5), "layer")
    assert all(np.array_equal(once[name], expected[name]) for name in LAYERS)
    overlap = (once["a"] & thrice["a"]).sum() / once["a"].sum()
    assert counted(once) == counted(thrice) and overlap < 0.95  # the same noise would give the same mask


@pytest.mark.parametrize("how", HOW[:-1], ids=str)
def test_inverted_scores_keep_what_would_go_first(how: dict[str, Any]) -> None:
    _, highest, _ = chain(Method(levels=2, **how))
    _, lowest, _ = chain(Method(levels=2, keep="lowest", **how))
    if "scope" not in how or how["scope"] == "layer":  # a global ranking has other layer densities then
        assert counted(lowest) == counted(highest)
    assert sum(counted(lowest).values()) == sum(counted(highest).values())
    scores = {name: abs(value) for name, value in weights(1).items()}
    for name, kept in lowest.items():
        assert kept.all() or not kept.any() or scores[name][kept].max() <= scores[name][~kept].min()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_scores_of_any_numbers_can_be_inverted(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    half = {"a": np.arange(4).reshape(2, 2) < 2}
    monkeypatch.setitem(registry.criterion._functions, "half", lambda mask: {"a": half["a"].astype(dtype)})
    monkeypatch.setitem(registry.criterion._facts, "half", {})
    method = Method(levels=1, rate=0.5, criterion="half", keep="lowest")
    mask = next_mask(method, {"a": "hidden"}, 1, 0, {"a": np.ones((2, 2), bool)}, initial={}, consumers={})
    assert np.array_equal(mask["a"], ~half["a"])
