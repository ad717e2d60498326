"""Searches for masks: what is trained in place of weights, on the loop that trains weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import erf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core import registry
from lth_core.models.layers import prunable_weights
from lth_core.randomness import torch_seed
from lth_core.training.history import Evaluations
from lth_core.training.loop import TrainingResult, train
from lth_core.training.parametrization import Parametrization, ParametrizationError
from lth_core.training.parametrizations.bernoulli_gates import BernoulliGates
from lth_core.training.parametrizations.edge_popup import EdgePopup
from lth_core.training.parametrizations.sampled_mask import SampledMask
from lth_core.training.ranking import highest_of_layers
from lth_core.training.resume import Resume
from lth_core.training.search import SearchState
from tests.support.small_trainings import SEEDS, convolutional, dense, initial, linear, same_bits

SGD = {"name": "sgd", "learning_rate": 1.0, "momentum": 0.9, "weight_decay": 0.001}
NAMES = ["edge-popup", "sampled-mask", "bernoulli-gates", "soft-mask"]
NETWORKS = [linear, convolutional]
every = pytest.mark.parametrize(("name", "network"), [(name, network) for name in NAMES for network in NETWORKS])


def parametrization(name: str, network: Callable[[], nn.Module], density: float = 0.5, **options: Any) -> Any:
    weights, layers = dict(network().named_parameters()), prunable_weights(network())
    left = {layer: round(density * weights[layer].numel()) for layer in layers}
    return registry.parametrization.call(name, {"layers": tuple(layers), "left": left}, options)


def begin(task: Any, name: str, network: Any, seeds: Sequence[int] = SEEDS, **options: Any) -> SearchState:
    return SearchState.begin(task, name, parametrization(name, network, **options), initial(network, seeds), seeds)


def searched(task: Any, state: SearchState, listeners: Sequence[Any] = ()) -> TrainingResult:
    logging = Evaluations(task.recipe.evaluate_every, task.recipe.steps)
    followed = [logging, lambda _: state.keep_best(), *listeners]
    return train(task, state, state.seeds, task.recipe.steps, listeners=followed)


# ---------------------------------------------------------------- gradients


def test_scores_of_edge_popup_have_the_gradient_of_the_kept_weight_times_the_weight() -> None:
    """Two layers, one example, computed by hand: y = v * relu(w * x), loss y; the second input's weight is pruned."""
    x, w, v = torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 5.0]]), torch.tensor([[2.0]])
    scores = {"w": torch.tensor([[-0.9, 0.1]], requires_grad=True), "v": torch.tensor([[0.4]], requires_grad=True)}
    popup = EdgePopup(layers=("w", "v"), left={"w": 1, "v": 1})
    effective = popup.effective({"w": w, "v": v}, scores, torch.Generator())
    assert effective["w"].tolist() == [[3, 0]] and effective["v"].tolist() == [[2]]
    (effective["v"] @ (effective["w"] @ x).relu()).sum().backward()
    # dy/dw_eff = v x = (2, 4); times w and the sign of the score: (2 * 3 * -1, 4 * 5 * 1). dy/dv_eff = 3; times v: 6.
    assert scores["w"].grad is not None and scores["w"].grad.tolist() == [[-6, 20]]
    assert scores["v"].grad is not None and scores["v"].grad.tolist() == [[6]]


def test_a_drawn_mask_has_the_gradient_of_its_probability() -> None:
    score = torch.tensor([0.3, -1.2], requires_grad=True)
    sampled = SampledMask(layers=("w",), left={"w": 1}, rescale=True)
    weights = {"w": torch.tensor([2.0, -4.0])}
    effective = sampled.effective(weights, {"w": score}, torch.Generator().manual_seed(3))["w"]
    kept = effective.detach() != 0
    scale = 2 / max(1, int(kept.sum()))
    torch.testing.assert_close(effective.detach(), weights["w"] * kept * scale)
    effective.sum().backward()
    chance = score.detach().sigmoid()
    torch.testing.assert_close(score.grad, weights["w"] * scale * chance * (1 - chance))


def test_gates_cost_the_expected_fraction_of_open_ones() -> None:
    mu, sigma, weight = [-1.0, -0.5, 0.2], 0.4, 3.0
    gates = BernoulliGates(layers=("w",), left=1, sigma=sigma, penalty_weight=weight)
    trained = {"w": torch.tensor(mu)}
    opened = [0.5 * (1 + erf((0.5 + value) / sigma / sqrt(2))) for value in mu]
    assert float(gates.penalty(trained)) == pytest.approx(weight * sum(opened) / 3, rel=1e-5)
    ones, draw = {"w": torch.ones(3)}, torch.Generator().manual_seed(0)
    drawn = torch.stack([gates.effective(ones, trained, draw)["w"] for _ in range(4000)])
    assert ((drawn > 0).double().mean(0) - torch.tensor(opened)).abs().max() < 0.03
    assert drawn.min() == 0 and drawn.max() == 1
    assert gates.mask(trained, draw)["w"].tolist() == [False, False, True]


@pytest.mark.parametrize("options", [{"sigma": 0}, {"penalty_weight": -1.0}])
def test_gates_refuse_what_is_no_noise_or_rewards_open_ones(options: dict[str, Any]) -> None:
    with pytest.raises(ParametrizationError, match=r"sigma .* must be above 0, penalty_weight .* at least 0"):
        BernoulliGates(layers=("w",), left=1, **options)


def test_a_step_follows_the_gradient_of_loss_and_penalty(make_task: Any) -> None:
    """Of networks whose gradient is computed by hand, against autograd through the module."""
    task = make_task(linear(), {"name": "sgd", "learning_rate": 0.5}, steps=1, evaluate_every=1)
    state = begin(task, "bernoulli-gates", linear)
    before = [{name: value.clone() for name, value in one.items()} for one in state.trained]
    (batch,) = task.minibatches(SEEDS, 0, 0, 1, state.cohort)
    searched(task, state)
    for index, mus in enumerate(before):
        leaves = {name: value.requires_grad_() for name, value in mus.items()}
        draw = torch.Generator().manual_seed(torch_seed(SEEDS[index], "search", "step", 0))
        below, one = state.weights_below[index], batch.replicate(index)
        effective = below | state.parametrizations[0].effective(below, leaves, draw)
        loss = task.losses(torch.func.functional_call(task.module, effective, (one.inputs,)), one).mean()
        penalty = state.parametrizations[0].penalty(leaves)
        assert penalty is not None
        gradients = torch.autograd.grad(loss + penalty, [*leaves.values()])
        for (name, value), gradient in zip(leaves.items(), gradients, strict=True):
            torch.testing.assert_close(state.trained[index][name], value.detach() - 0.5 * gradient)


# ---------------------------------------------------------------- masks and weights


@pytest.mark.parametrize("left", [{"a": 0, "b": 3}, {"a": 5, "b": 4}, 0, 1, 7, 9])
@pytest.mark.parametrize("ties", [False, True])
def test_the_highest_scores_are_as_many_as_asked_for(left: Any, ties: bool) -> None:
    random = np.random.default_rng(0)
    drawn = {name: random.integers(0, 2, size) if ties else random.random(size) for name, size in (("a", 5), ("b", 4))}
    kept = highest_of_layers({name: torch.tensor(value, dtype=torch.float32) for name, value in drawn.items()}, left)
    for name in drawn if isinstance(left, dict) else ():
        order = np.argsort(drawn[name], kind="stable")[drawn[name].size - left[name] :]
        assert kept[name].nonzero().flatten().tolist() == sorted(order)
    if isinstance(left, int):
        order = np.argsort(np.concatenate([*drawn.values()]), kind="stable")[9 - left :]
        assert torch.cat([*kept.values()]).nonzero().flatten().tolist() == sorted(order)


@every
def test_weights_below_stay_bit_for_bit_and_only_masks_are_found(make_task: Any, name: str, network: Any) -> None:
    weights, task = initial(network), make_task(network(), SGD)
    state = begin(task, name, network)
    first = state.stacked_masks()
    subnetworks = searched(task, state).weights
    masks = state.stacked_masks()
    assert any((masks[key] != first[key]).any() for key in masks)
    for key, value in subnetworks.items():
        expected = value if "running" in key or "num_batches" in key else weights[key] * masks.get(key, np.array(True))
        assert same_bits({key: value + 0.0}, {key: (expected + 0.0).astype(value.dtype)})  # + 0: of zeros no sign
    if name == "edge-popup":
        assert all(row.sum() == round(row.size / 2) for kept in masks.values() for row in kept)


def test_rescaled_subnetworks_are_what_is_evaluated(make_task: Any) -> None:
    task = make_task(linear(), SGD)
    state = begin(task, "sampled-mask", linear, rescale=True, final="likely")
    subnetworks = searched(task, state).weights
    for key, mask in state.stacked_masks().items():
        for row, kept, weights in zip(subnetworks[key], mask, initial(linear)[key], strict=True):
            np.testing.assert_allclose(row, weights * kept * (kept.size / kept.sum()), rtol=1e-6)


@every
def test_a_cohort_finds_what_single_replicates_do(make_task: Any, name: str, network: Any) -> None:
    task = make_task(network(), SGD)
    together = begin(task, name, network)
    searched(task, together)
    for index, seed in enumerate(SEEDS):
        alone = begin(task, name, network, [seed])
        searched(task, alone)
        for key, mask in alone.stacked_masks().items():
            assert (mask[0] == together.stacked_masks()[key][index]).all()


@pytest.mark.parametrize("name", NAMES)
def test_replicates_that_are_computed_at_once_learn_what_they_do_in_turn(make_task: Any, name: str) -> None:
    task = make_task(dense(), {"name": "sgd", "learning_rate": 0.1}, steps=3, evaluate_every=3)
    states = [
        SearchState.begin(task, name, parametrization(name, dense), initial(dense), SEEDS, together)
        for together in (False, True)
    ]
    for state in states:
        searched(task, state)
    for alone, together in zip(*(state.trained for state in states), strict=True):
        for key, value in alone.items():
            torch.testing.assert_close(together[key], value, rtol=1e-4, atol=1e-6)


@every
@pytest.mark.parametrize("cut_at", [5, 13])
def test_cut_and_resumed_finds_the_same_bits(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, network: Any, cut_at: int
) -> None:
    task = make_task(network(), {"name": "adam", "learning_rate": 0.1})
    undisturbed = searched(task, begin(task, name, network))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    resume = Resume(tmp_path / "mask", "x")

    class Cut(Exception):
        pass

    def cut(state: Any) -> None:
        resume.save_when_due(state)
        if state.step == cut_at:
            raise Cut

    with pytest.raises(Cut):
        searched(task, begin(task, name, network), [cut])
    state = begin(task, name, network)
    assert resume.restore(state) and state.step == cut_at
    resumed = searched(task, state)
    assert same_bits(resumed.weights, undisturbed.weights) and resumed.history == undisturbed.history


def test_gradients_are_clipped_by_replicate(make_task: Any) -> None:
    for limit in (1e-3, None):
        task = make_task(linear(), {"name": "sgd", "learning_rate": 1.0}, steps=1, evaluate_every=1, clip_norm=limit)
        state = begin(task, "edge-popup", linear)
        before = [{name: value.clone() for name, value in one.items()} for one in state.trained]
        searched(task, state)
        for old, new in zip(before, state.trained, strict=True):
            norm = sqrt(sum(float((new[name] - old[name]).square().sum()) for name in old))
            assert (norm == pytest.approx(1e-3, rel=1e-2)) == (limit is not None)


def test_a_search_that_diverges_says_so(make_task: Any) -> None:
    task = make_task(linear(), {"name": "sgd", "learning_rate": 1e38, "momentum": 0.9})
    state = begin(task, "bernoulli-gates", linear, penalty_weight=1e30)
    searched(task, state)
    assert state.finite() == [False] * 3
    assert [mask.shape for mask in state.stacked_masks().values()] == [(3, 12, 36), (3, 3, 12)]


# ---------------------------------------------------------------- what is refused


@dataclass(frozen=True, kw_only=True)
class Odd(Parametrization):
    """Returns something else in one of its methods."""

    wrong: str

    def start(self, weights: Any, rng: Any) -> Any:
        if self.wrong == "start":
            return [1]
        kind = torch.float64 if self.wrong == "double" else torch.float32
        return {name: torch.zeros_like(weights[name], dtype=kind) for name in self.layers}

    def effective(self, weights: Any, trained: Any, draw: Any) -> Any:
        if self.wrong == "unknown":
            return {"scores": trained["1.weight"]}
        return {name: weights[name][:1] if self.wrong == "effective" else weights[name] for name in self.layers}

    def mask(self, trained: Any, draw: Any) -> Any:
        whole = {name: trained[name] if self.wrong == "floats" else trained[name] > 0 for name in self.layers}
        return {"1.weight": whole["1.weight"]} if self.wrong == "missing" else whole


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("start", "what it trains must be tensors by name, not a list of 1"),
        ("double", r"what it trains of '1.weight' must be float32 of shape \(12, 36\), not float64"),
        ("effective", r"effective weights of '1.weight' must be float32 of shape \(12, 36\), not float32 of \(1, 36\)"),
        ("unknown", "effective weights: 'scores' is no parameter here"),
        ("floats", r"mask of '1.weight' must be bool of shape \(12, 36\), not float32"),
        ("missing", "mask: '3.weight' is missing"),
    ],
)
def test_a_parametrization_that_returns_something_else_is_refused(make_task: Any, wrong: str, message: str) -> None:
    with pytest.raises(ParametrizationError, match=f"parametrization 'odd': {message}"):
        SearchState.begin(
            make_task(linear()),
            "odd",
            Odd(layers=("1.weight", "3.weight"), left=5, wrong=wrong),
            initial(linear),
            SEEDS,
        )
