"""The algorithms of sparsifiers, one moment at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lth_core import registry
from lth_core.training.moment import SparsifierError
from lth_core.training.ranking import highest, highest_of_all

STEPS = [*range(0, 1000, 10), 999]
SHAPES = {"first": (8, 25), "second": (4, 8)}


@dataclass
class Given:
    """A moment with everything given."""

    step: int
    weights: dict[str, Tensor]
    mask: dict[str, Tensor]
    steps: int = 1000
    steps_per_epoch: int | None = 100
    density: float = 0.1
    kept: dict[str, int] | None = None
    explored: dict[str, Tensor] = field(default_factory=dict)
    dense_gradient: dict[str, Tensor] = field(default_factory=dict)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def gradient(self) -> dict[str, Tensor]:
        return self.dense_gradient


def moment(step: int, part: float = 0.25, **others: Any) -> Given:
    """Random weights under random masks that keep a part of each tensor."""
    torch.manual_seed(step)
    noise, weights, gradient = ({name: torch.randn(shape) for name, shape in SHAPES.items()} for _ in range(3))
    everywhere = {name: torch.ones(shape, dtype=torch.bool) for name, shape in SHAPES.items()}
    mask = {name: highest(noise[name], round(part * noise[name].numel()), everywhere[name]) for name in SHAPES}
    masked = {name: weights[name] * mask[name] for name in SHAPES}
    return Given(step, masked, mask, **{"explored": mask, "dense_gradient": gradient, **others})


def call(name: str, given: Given, **options: Any) -> Any:
    return registry.sparsifier.call(name, {"moment": given}, options)


def count(mask: dict[str, Tensor]) -> dict[str, int]:
    return {name: int(kept.sum()) for name, kept in mask.items()}


# ---------------------------------------------------------------- ranking


def test_ranking_is_exact_whatever_the_ties_and_takes_the_last_in_memory() -> None:
    scores = torch.tensor([[2.0, 1.0, 1.0], [1.0, 3.0, 1.0]])
    among = torch.tensor([[True, True, True], [True, False, True]])
    assert highest(scores, 3, among).tolist() == [[True, False, False], [True, False, True]]
    assert not highest(scores, 0, among).any()
    assert torch.equal(highest(scores, 5, among), among)


def test_what_is_no_number_ranks_lowest_and_is_counted_all_the_same() -> None:
    scores = torch.tensor([np.nan, -np.inf, 0.0, np.inf, np.nan])
    everywhere = torch.ones(5, dtype=torch.bool)
    assert highest(scores, 2, everywhere).tolist() == [False, False, True, True, False]
    assert all(highest(scores, kept, everywhere).sum() == kept for kept in range(6))


def test_a_global_ranking_is_one_of_all_tensors() -> None:
    scores = {"a": torch.tensor([1.0, 5.0]), "b": torch.tensor([[4.0], [2.0]])}
    chosen = highest_of_all(
        scores, 2, {name: torch.ones_like(value, dtype=torch.bool) for name, value in scores.items()}
    )
    assert chosen["a"].tolist() == [False, True] and chosen["b"].tolist() == [[True], [False]]


# ---------------------------------------------------------------- gradual magnitude pruning


def dense(step: int, **others: Any) -> Given:
    """A dense network, whose tensors end with 20 and 8 weights unless others say otherwise."""
    given = moment(step, 1.0, kept={"first": 20, "second": 8})
    return replace(given, **others)


@pytest.mark.parametrize(("step", "progress"), [(260, 0.02), (500, 0.5), (740, 0.98), (750, 1.0)])
def test_gradual_follows_the_cubic_ramp_in_each_tensor(step: int, progress: float) -> None:
    given = dense(step)
    change = call("gradual", given)
    for name, size in (("first", 200), ("second", 32)):
        final = 1 - given.kept[name] / size  # type: ignore[index]
        sparsity = final + (0 - final) * (1 - progress) ** 3  # Zhu & Gupta 2017, equation 1
        assert (
            abs(count(change.mask)[name] - size * (1 - sparsity)) <= 0.5 + 1e-9
        )  # half a weight is rounded either way
        magnitudes = given.weights[name].abs()
        assert magnitudes[change.mask[name]].min() >= magnitudes[~change.mask[name]].max()
    assert not change.replaces_step


def test_gradual_prunes_between_begin_and_until_only_and_always_at_the_end_of_the_ramp() -> None:
    due = [step for step in STEPS if call("gradual", dense(step), begin=0.1, until=0.35, every=100)]
    assert due == [200, 300, 350]
    assert [step for step in STEPS if call("gradual", dense(step), begin=0.998, until=1.0)] == [999]
    assert len([step for step in STEPS if call("gradual", dense(step))]) == 50


def test_gradual_ranks_all_tensors_together_where_the_method_does() -> None:
    given = dense(750, kept=None, density=0.1)
    change = call("gradual", given)
    assert sum(count(change.mask).values()) == round(0.1 * 232)
    values = torch.cat([value.abs().flatten() for value in given.weights.values()])
    kept = torch.cat([value.flatten() for value in change.mask.values()])
    assert values[kept].min() >= values[~kept].max()


def test_gradual_prunes_survivors_only() -> None:
    given = dense(500)
    given.mask = {
        name: highest(torch.rand(shape), 180 if name == "first" else 30, given.mask[name])
        for name, shape in SHAPES.items()
    }
    change = call("gradual", given)
    assert all((given.mask[name] | ~kept).all() for name, kept in change.mask.items())


# ---------------------------------------------------------------- SET


def test_set_swaps_the_weights_closest_to_zero_for_random_pruned_ones() -> None:
    given = moment(300)
    change = call("set", given)
    assert count(change.mask) == count(given.mask) and not change.replaces_step
    for name, active in given.mask.items():
        swapped = int(0.3 * int(active.sum()))
        dropped, grown = active & ~change.mask[name], change.mask[name] & ~active
        assert dropped.sum() == grown.sum() == swapped
        magnitudes = given.weights[name].abs()
        assert magnitudes[dropped].max() <= magnitudes[active & change.mask[name]].min()


def test_set_grows_every_pruned_weight_with_the_same_probability() -> None:
    given, times = moment(300), torch.zeros(SHAPES["first"])
    for seed in range(600):
        given.rng = np.random.default_rng(seed)
        times += call("set", given).mask["first"] & ~given.mask["first"]
    drawn = times[~given.mask["first"]]  # 15 of 150 each time: 60 expected, with a deviation of 7.3
    assert drawn.min() > 30 and drawn.max() < 95


def test_set_changes_masks_after_every_epoch_but_the_last() -> None:
    assert [step for step in STEPS if call("set", moment(step))] == list(range(100, 1000, 100))
    assert [step for step in STEPS if call("set", moment(step), every=300)] == [300, 600]
    assert not any(call("set", moment(step), fraction=0.0) for step in STEPS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 150}, "100 of 150 steps are one: set `every`"),
        ({"steps_per_epoch": None}, "its data have no epochs: set `every`"),
    ],
)
def test_set_refuses_a_training_without_any_update(given: dict, message: str) -> None:
    with pytest.raises(SparsifierError, match=message):
        call("set", moment(0, **given))
    assert call("set", moment(50, **given), every=50)


def test_unfired_growth_takes_what_was_never_active_while_there_is_any() -> None:
    given = moment(300)
    given.explored = {name: kept.clone() for name, kept in given.mask.items()}
    given.explored["first"].view(-1)[:180] = True
    given.explored["second"][:] = True
    change = call("set", given, grow="unfired")
    grown = change.mask["first"] & ~given.mask["first"]
    assert grown.any() and not (grown & given.explored["first"]).any()
    assert torch.equal(change.mask["second"], given.mask["second"])


# ---------------------------------------------------------------- RigL


def test_rigl_grows_where_the_dense_gradient_is_largest() -> None:
    given = moment(300)
    change = call("rigl", given)
    assert change.replaces_step and count(change.mask) == count(given.mask)
    swapped_fraction = 0.3 / 2 * (1 + np.cos(np.pi * 300 / 750))
    for name, active in given.mask.items():
        magnitudes, gradient = given.weights[name].abs().flatten(), given.dense_gradient[name].abs().flatten()
        swapped = int(swapped_fraction * int(active.sum()))
        order = sorted(active.flatten().nonzero().flatten().tolist(), key=lambda at: magnitudes[at].item())
        kept = set(order[swapped:])
        candidates = sorted(set(range(len(gradient))) - kept, key=lambda at: gradient[at].item())
        expected = kept | set(candidates[len(candidates) - swapped :])
        assert swapped and expected == set(change.mask[name].flatten().nonzero().flatten().tolist())


def test_rigl_may_grow_again_what_it_has_just_dropped() -> None:
    given = moment(300)
    for name, active in given.mask.items():
        smallest = highest(-given.weights[name].abs(), 2, active)
        given.dense_gradient[name] = torch.where(smallest, 100.0, 0.01)
    assert all(
        (given.mask[name] & kept).sum() >= given.mask[name].sum() - 13
        for name, kept in call("rigl", given).mask.items()
    )
    for name, kept in call("rigl", given).mask.items():
        assert kept[given.dense_gradient[name] > 1].all()


def test_rigl_drops_no_pruned_weight_for_an_active_one_that_is_zero() -> None:
    given = moment(300)
    given.weights = {name: torch.zeros_like(value) for name, value in given.weights.items()}  # as if just grown
    assert count(call("rigl", given).mask) == count(given.mask)


def test_rigl_ends_at_t_end() -> None:
    assert [step for step in STEPS if call("rigl", moment(step))] == list(range(100, 750, 100))
    assert [step for step in STEPS if call("rigl", moment(step), every=250, until=0.5)] == [250]
    assert not any(call("rigl", moment(step), fraction=0.0) for step in STEPS)


def test_replicates_that_have_diverged_keep_their_count() -> None:
    for name in ("set", "rigl"):
        given = moment(300)
        given.weights = {name: torch.full_like(value, np.nan) for name, value in given.weights.items()}
        given.dense_gradient = given.weights
        assert count(call(name, given).mask) == count(given.mask)
