"""Mask-0 and mask-1 actions: what pruned and kept weights start from, value by value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.config import Rewind
from lth_core.randomness import random_generator
from lth_core.registry import treatment
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, rewind

Tensors = dict[str, np.ndarray]
ZEROS = ("none", "toward-zero", "all-toward-zero", "away-from-zero", "random")
KEPT_ACTIONS = [(name, {"keep_signs": keep}) for name in ("redraw", "constant") for keep in (False, True)]
KEPT_ACTIONS += [("shuffle", {"within": "layer", "keep_signs": keep}) for keep in (False, True)]


def treated(
    name: str,
    options: dict[str, object],
    start: Tensors,
    mask: Tensors,
    trained: Tensors,
    trained_from: Tensors,
    initial: Tensors | None = None,
) -> Ticket:
    checkpoints = BranchCheckpoints(
        initial=initial or start, start=start, trained=trained, trained_from=trained_from, fresh=lambda: start
    )
    ticket = rewind(Rewind(), start, mask)
    offered = {"ticket": ticket, "checkpoints": checkpoints, "rng": random_generator(3, "branch", name)}
    return treatment.call(name, offered, options)


# ---------------------------------------------------------------- pruned weights

START = {"w": np.array([1.0, -2.0, 3.0, -4.0, 5.0, -6.0]), "bias": np.array([0.5, 0.25])}
TRAINED = {"w": np.array([0.5, -3.0, -1.0, -5.0, 5.0, -2.0]), "bias": np.array([9.0, 9.0])}
MASK = {"w": np.array([True, True, False, False, False, False])}
BY_HAND = {  # magnitudes fall at places 0, 2 and 5, rise at 1 and 3, and stay at 4
    "none": [1, -2, 3, -4, 5, -6],
    "toward-zero": [1, -2, 0, -4, 5, 0],
    "all-toward-zero": [0, -2, 0, -4, 5, 0],
    "away-from-zero": [1, -2, 3, 0, 5, -6],
}


@pytest.mark.parametrize("zero", BY_HAND)
def test_frozen_and_zeroed_weights_by_hand(zero: str) -> None:
    ticket = treated("freeze-init", {"zero": zero}, START, MASK, TRAINED, trained_from=START)
    assert ticket.weights["w"].tolist() == BY_HAND[zero]
    assert np.array_equal(ticket.weights["bias"], START["bias"])
    assert np.array_equal(ticket.mask["w"], MASK["w"])  # which weights are trained is another matter


@pytest.mark.parametrize("zero", ["toward-zero", "all-toward-zero", "away-from-zero", "random"])
def test_what_a_treatment_has_trained_from_zero_does_so_again(zero: str) -> None:
    """At the next level the weight has not moved, or away from 0 where it was trained, and is 0 once more."""
    before = {"w": np.array([0.0, -2.0, 0.0, -4.0, 5.0, -6.0])}
    after = {"w": np.array([0.7, -3.0, 0.0, -4.0, 5.0, -6.0])}
    ticket = treated("freeze-init", {"zero": zero}, START, MASK, after, trained_from=before)
    kept = 0 if zero == "all-toward-zero" else 1
    assert ticket.weights["w"].tolist() == [kept, -2, 0, -4, 5, -6]


def weights(seed: int, shapes: dict[str, tuple[int, ...]]) -> Tensors:
    random = np.random.default_rng(seed)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


SHAPES = {"conv.weight": (6, 3, 3, 3), "fc.weight": (20, 15), "fc.bias": (20,)}
LAYERS = ("conv.weight", "fc.weight")


@given(st.sampled_from(ZEROS), st.integers(0, 20))
def test_pruned_weights_are_frozen_at_their_start_or_zero_and_kept_ones_rewound(zero: str, seed: int) -> None:
    start, trained = weights(seed, SHAPES), weights(seed + 1, SHAPES)
    mask = {name: np.random.default_rng(seed).random(SHAPES[name]) < 0.4 for name in LAYERS}
    ticket = treated("freeze-init", {"zero": zero}, start, mask, trained, trained_from=start)
    for name, kept in mask.items():
        actual, fell = ticket.weights[name], abs(trained[name]) < abs(start[name])
        zeroed = actual == 0
        assert actual.dtype == np.float32 and np.array_equal(actual[~zeroed], start[name][~zeroed])
        expected = {"none": 0, "away-from-zero": (~fell & ~kept).sum(), "all-toward-zero": fell.sum()}
        assert zeroed.sum() == expected.get(zero, (fell & ~kept).sum())
        assert zero == "all-toward-zero" or not zeroed[kept].any()


def test_randomly_zeroed_weights_are_others_than_those_that_moved_toward_zero() -> None:
    start, trained = weights(0, SHAPES), weights(1, SHAPES)
    mask = {"fc.weight": np.random.default_rng(2).random((20, 15)) < 0.4}
    moved, random = (
        treated("freeze-init", {"zero": zero}, start, mask, trained, trained_from=start).weights["fc.weight"] == 0
        for zero in ("toward-zero", "random")
    )
    assert moved.sum() == random.sum() and (moved != random).any()


# ---------------------------------------------------------------- kept weights


@pytest.mark.parametrize(("name", "options"), KEPT_ACTIONS)
@given(st.integers(0, 20))
def test_actions_on_kept_weights_leave_all_else_alone(name: str, options: dict[str, object], seed: int) -> None:
    start = weights(seed, SHAPES)
    mask = {name: np.random.default_rng(seed).random(SHAPES[name]) < 0.4 for name in LAYERS}
    ticket = treated(name, options, start, mask, start, start)
    assert np.array_equal(ticket.weights["fc.bias"], start["fc.bias"])
    for layer, kept in mask.items():
        actual, original = ticket.weights[layer], start[layer]
        assert not actual[~kept].any() and actual[kept].all() and actual.dtype == np.float32
        assert (actual[kept] != original[kept]).any()
        assert np.array_equal(np.sign(actual[kept]), np.sign(original[kept])) == options["keep_signs"]


def values_of(name: str, keep_signs: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kept values of a treated layer, those that they had, and all values of the layer at the start."""
    start = weights(0, SHAPES)
    mask = {"fc.weight": np.random.default_rng(2).random((20, 15)) < 0.4}
    options = {"keep_signs": keep_signs} | ({"within": "layer"} if name == "shuffle" else {})
    actual = treated(name, options, start, mask, start, start).weights["fc.weight"]
    return actual[mask["fc.weight"]], start["fc.weight"][mask["fc.weight"]], start["fc.weight"]


def test_redrawn_values_are_drawn_from_the_whole_layer_without_repeats() -> None:
    values, original, layer = values_of("redraw", keep_signs=False)
    assert len(set(values)) == len(values) and set(values) <= set(layer.ravel())
    assert not set(values) <= set(original)  # also values of pruned places
    signed, _, _ = values_of("redraw", keep_signs=True)
    assert np.array_equal(np.abs(signed), np.abs(values))  # the same draw with other signs


def test_reshuffled_values_are_those_of_the_kept_places() -> None:
    values, original, _ = values_of("shuffle", keep_signs=False)
    assert np.array_equal(np.sort(values), np.sort(original))


@pytest.mark.parametrize("keep_signs", [False, True])
def test_constants_are_plus_or_minus_the_standard_deviation_of_the_layer(keep_signs: bool) -> None:
    values, original, layer = values_of("constant", keep_signs)
    assert np.abs(values) == pytest.approx(layer.std())
    assert (values > 0).sum() == (original > 0).sum()


# ---------------------------------------------------------------- rewinding to theta_k


@pytest.mark.parametrize("zero", BY_HAND)
def test_after_rewinding_weights_are_frozen_at_theta_k(zero: str) -> None:
    """What moved toward 0 is told by the training that the mask was made from, here the dense one from theta_0."""
    theta_k = {"w": START["w"] + 10, "bias": START["bias"] + 10}
    ticket = treated("freeze-init", {"zero": zero}, theta_k, MASK, TRAINED, trained_from=START, initial=START)
    expected = [0 if value == 0 else value + 10 for value in BY_HAND[zero]]
    assert ticket.weights["w"].tolist() == expected and ticket.weights["bias"].tolist() == [10.5, 10.25]


@pytest.mark.parametrize(("name", "options"), KEPT_ACTIONS)
def test_after_rewinding_kept_weights_are_made_from_theta_k_and_constants_from_theta_0(
    name: str, options: dict[str, object]
) -> None:
    initial, theta_k, trained = (weights(seed, SHAPES) for seed in (0, 1, 2))
    mask = {"fc.weight": np.random.default_rng(2).random((20, 15)) < 0.4}
    ticket = treated(name, options, theta_k, mask, trained, trained_from=initial, initial=initial)
    kept = mask["fc.weight"]
    actual, original = ticket.weights["fc.weight"][kept], theta_k["fc.weight"][kept]
    sizes = {
        "redraw": np.abs(theta_k["fc.weight"]),
        "constant": initial["fc.weight"].std(),
        "shuffle": np.abs(original),
    }
    assert np.isin(np.abs(actual), sizes[name]).all()
    assert not options["keep_signs"] or np.array_equal(np.sign(actual), np.sign(original))
    assert np.array_equal(ticket.weights["fc.bias"], theta_k["fc.bias"])
