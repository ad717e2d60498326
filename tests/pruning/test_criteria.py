"""Mask criteria: scores by hand, and what each must be to the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.pruning.prune import prune
from lth_core.randomness import random_generator
from lth_core.registry import criterion

Tensors = dict[str, np.ndarray]

START = {"a.weight": np.array([[1.0, -2.0, 3.0], [-4.0, 0.5, 0.0]])}
TRAINED = {"a.weight": np.array([[-2.0, -2.5, 0.5], [-1.0, 3.0, 0.25]])}
FULL = {"a.weight": np.ones((2, 3), bool)}

BY_HAND = {
    "magnitude": [[2, 2.5, 0.5], [1, 3, 0.25]],
    "large-final": [[2, 2.5, 0.5], [1, 3, 0.25]],
    "small-final": [[-2, -2.5, -0.5], [-1, -3, -0.25]],
    "large-init": [[1, 2, 3], [4, 0.5, 0]],
    "small-init": [[-1, -2, -3], [-4, -0.5, 0]],
    "magnitude-increase": [[1, 0.5, -2.5], [-3, 2.5, 0.25]],
    "movement": [[3, 0.5, 2.5], [3, 2.5, 0.25]],
    # ranks of |w_i|: 3 4 5 | 6 2 1; of |w_f|: 4 5 2 | 3 6 1, of six
    "large-init-large-final": [[3 / 6, 4 / 6, 2 / 6], [3 / 6, 2 / 6, 1 / 6]],
    # ranks of -|w_i|: 4 3 2 | 1 5 6; of -|w_f|: 3 2 5 | 4 1 6
    "small-init-small-final": [[3 / 6, 2 / 6, 2 / 6], [1 / 6, 1 / 6, 6 / 6]],
    # signs of w_i: + - + | - + 0; of w_f: - - + | - + +
    "large-final-same-sign": [[0, 2.5, 0.5], [1, 3, 0]],
    "large-final-diff-sign": [[2, 0, 0], [0, 0, 0.25]],
    "magnitude-increase-same-sign": [[0, 0.5, -2.5], [-3, 2.5, 0]],
    "magnitude-increase-diff-sign": [[1, 0, 0], [0, 0, 0.25]],
}
ALL = [*BY_HAND, "random", "magnitude-at-init"]


def scores(
    name: str, start: Tensors = START, trained: Tensors = TRAINED, mask: Tensors = FULL, seed: int = 0
) -> Tensors:
    draw = random_generator(seed, "criterion", name, 1)
    offered = {"initial": start, "trained_from": start, "trained": trained, "mask": mask, "rng": draw}
    return criterion.call(name, offered, {})


@pytest.mark.parametrize("name", BY_HAND)
def test_scores_by_hand(name: str) -> None:
    assert scores(name)["a.weight"] == pytest.approx(np.array(BY_HAND[name]), abs=1e-29)


def random_weights(seed: int, size: int) -> Tensors:
    return {"a.weight": np.random.default_rng(seed).standard_normal(size).astype(np.float32)}


def survivors(name: str, start: Tensors, trained: Tensors, mask: Tensors, rate: float, seed: int = 0) -> np.ndarray:
    found = scores(name, start, trained, mask, seed)
    return prune(found, mask, dict.fromkeys(mask, rate), "layer")["a.weight"]


@given(st.sampled_from(ALL), st.integers(2, 200), st.floats(0.05, 0.95), st.integers(0, 9))
def test_every_criterion_scores_every_weight_and_reads_no_pruned_one(
    name: str, size: int, rate: float, seed: int
) -> None:
    start, trained = random_weights(seed, size), random_weights(seed + 100, size)
    mask = {"a.weight": np.random.default_rng(seed).random(size) < 0.6}
    other = {"a.weight": np.where(mask["a.weight"], start["a.weight"], 99.0)}
    other_trained = {"a.weight": np.where(mask["a.weight"], trained["a.weight"], -99.0)}
    kept = survivors(name, start, trained, mask, rate)
    assert kept.sum() == mask["a.weight"].sum() - round(rate * mask["a.weight"].sum())
    assert np.array_equal(kept, survivors(name, other, other_trained, mask, rate))


@given(st.sampled_from(["large-init-large-final", "small-init-small-final"]), st.integers(4, 200), st.integers(0, 9))
def test_what_is_kept_by_both_ends_exceeds_one_percentile_at_both(name: str, size: int, seed: int) -> None:
    """All weights that score above the lowest kept one are those that rank above it at either end, and no others."""
    start, trained = random_weights(seed, size), random_weights(seed + 100, size)
    sign = 1 if name.startswith("large") else -1
    ends = [np.abs(weights["a.weight"]) * sign for weights in (start, trained)]
    found = scores(name, start, trained, {"a.weight": np.ones(size, bool)})["a.weight"]
    for score in found:
        count = round(score * size) - 1  # so many weights are below the percentile at each end
        floors = [np.sort(end)[count] for end in ends]
        above = (ends[0] >= floors[0]) & (ends[1] >= floors[1])
        assert np.array_equal(found >= score, above)


@pytest.mark.parametrize("name", ["large-final", "magnitude-increase"])
@given(st.integers(10, 200), st.integers(0, 9))
def test_the_two_forms_of_a_sign_divide_the_weights(name: str, size: int, seed: int) -> None:
    start, trained = random_weights(seed, size), random_weights(seed + 100, size)
    mask = {"a.weight": np.ones(size, bool)}
    same, other, plain = (
        scores(form, start, trained, mask)["a.weight"] for form in (f"{name}-same-sign", f"{name}-diff-sign", name)
    )
    agree = start["a.weight"] * trained["a.weight"] > 0
    assert np.allclose(same[agree], plain[agree]) and np.allclose(other[~agree], plain[~agree])
    assert (abs(same[~agree]) < 1e-29).all() and (abs(other[agree]) < 1e-29).all()


def test_weights_of_the_wrong_sign_go_in_random_order() -> None:
    start, trained = {"a.weight": np.ones(100)}, {"a.weight": np.concatenate([np.ones(20), -np.ones(80)])}
    mask = {"a.weight": np.ones(100, bool)}
    one, same, other = (survivors("large-final-same-sign", start, trained, mask, 0.5, seed=seed) for seed in (0, 0, 1))
    assert one[:20].all() and one.sum() == 50
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_large_final_is_magnitude_itself() -> None:
    assert criterion.get("large-final") is criterion.get("magnitude")


def test_large_init_is_of_what_the_last_training_trained_from() -> None:
    offered = {"initial": START, "trained_from": TRAINED, "trained": START, "mask": FULL}
    assert np.array_equal(criterion.call("large-init", offered, {})["a.weight"], np.abs(TRAINED["a.weight"]))
    assert np.array_equal(criterion.call("magnitude-at-init", offered, {})["a.weight"], np.abs(START["a.weight"]))
