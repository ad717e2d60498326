"""Soft masks: trained together with the weights, the smallest go, and levels go on from each other."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Initialization
from lth_core.models.initialization import initialize_cohort
from lth_core.registry import model
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task
from lth_core.training.history import Evaluations
from lth_core.training.loop import train
from lth_core.training.parametrization import ParametrizationError
from lth_core.training.parametrizations.soft_mask import NOISE, SoftMask
from lth_core.training.search import SearchState
from tests.support.graphs import task, tensors

LAYERS = {"edges": "edge", "hidden.weight": "hidden", "output.weight": "output"}
LEFT = {("edges",): 30, ("hidden.weight", "output.weight"): 40}
SEEDS = [0, 1, 2]
DRAW = torch.Generator()


def gcn() -> nn.Module:
    return model.call("gcn", {"graph": tensors(), "classes": 3}, {"hidden": 8, "prune_edges": True})


def soft_mask(left: Any = None, **options: Any) -> SoftMask:
    return SoftMask(layers=tuple(LAYERS), left=left or LEFT, kinds=LAYERS, **options)


def begin(of: Task, seeds: list[int] = SEEDS, remaining: Tensors | None = None, **options: Any) -> SearchState:
    weights = initialize_cohort(partial(gcn), Initialization(weights="glorot-normal"), seeds)
    return SearchState.begin(of, "soft-mask", soft_mask(**options), weights, seeds, remaining=remaining)


def searched(of: Task, state: SearchState) -> SearchState:
    logging = Evaluations(of.recipe.evaluate_every, of.recipe.steps)
    train(of, state, state.seeds, of.recipe.steps, listeners=[logging, lambda _: state.keep_best()])
    return state


# ---------------------------------------------------------------- what is trained


def test_masks_start_from_nearly_one_and_weights_as_they_are() -> None:
    weights = {"w": torch.tensor([[2.0, 3.0]]), "edges": torch.ones(4, 1), "bias": torch.tensor([5.0])}
    masks = SoftMask(layers=("w", "edges"), left=3, kinds={"w": "hidden", "edges": "edge"})
    trained = masks.start(weights, np.random.default_rng(0))
    assert set(trained) == {"weight/w", "weight/bias", "mask/w", "mask/edges"}
    assert torch.equal(trained["weight/w"], weights["w"]) and trained["weight/w"] is not weights["w"]
    noise = torch.cat([trained["mask/w"].flatten(), trained["mask/edges"].flatten()]) - 1
    assert noise.abs().max() <= 1.01 * NOISE and len(noise.unique()) > 3
    again = masks.start(weights, np.random.default_rng(0))
    assert all(torch.equal(again[name], value) for name, value in trained.items())


def test_weights_and_masks_have_the_gradient_of_their_product_and_masks_that_of_their_sizes() -> None:
    masks = SoftMask(layers=("w", "edges"), left=3, kinds={"w": "hidden", "edges": "edge"}, edge_penalty=0.5)
    weights = {"w": torch.tensor([2.0, -3.0]), "edges": torch.ones(3)}
    trained = {
        "weight/w": torch.tensor([4.0, 5.0], requires_grad=True),
        "mask/w": torch.tensor([0.5, -1.0], requires_grad=True),
        "mask/edges": torch.tensor([0.8, -0.2, 0.6], requires_grad=True),
    }
    effective, penalty = masks.effective(weights, trained, DRAW), masks.penalty(trained)
    assert effective["w"].tolist() == [2.0, -5.0]
    assert effective["edges"].tolist() == pytest.approx([0.8, 0, 0.6])  # an edge has no weight below 0
    assert penalty is not None and penalty.item() == pytest.approx(0.01 * 1.5 + 0.5 * 1.6)
    (effective["w"].sum() + effective["edges"].sum() + penalty).backward()
    gradients = {name: value.grad.tolist() for name, value in trained.items() if value.grad is not None}
    assert gradients["weight/w"] == [0.5, -1.0]
    assert gradients["mask/w"] == pytest.approx([4 + 0.01, 5 - 0.01])
    assert gradients["mask/edges"] == pytest.approx([1.5, -0.5, 1.5])


def test_a_search_trains_weights_masks_and_no_edges() -> None:
    of = task(gcn())
    state = searched(of, begin(of))
    for below, trained in zip(state.weights_below, state.trained, strict=True):
        assert "weight/edges" not in trained and torch.equal(below["edges"], torch.ones_like(below["edges"]))
        assert not torch.equal(trained["weight/hidden.weight"], below["hidden.weight"])
        assert (trained["mask/edges"] - 1).abs().min() > 2 * NOISE  # the loss or the penalty reaches every edge
    assert not of.module.get_parameter("edges").requires_grad  # tickets train no edges


# ---------------------------------------------------------------- masks


def test_the_smallest_masks_go_edges_and_weights_apart() -> None:
    trained = {
        "mask/edges": torch.tensor([[0.1], [-0.9], [0.2]]),
        "mask/hidden.weight": torch.tensor([[-5.0, 0.01], [3.0, 0.3]]),
        "mask/output.weight": torch.tensor([[0.02, 4.0]]),
    }
    masks = soft_mask({("edges",): 1, ("hidden.weight", "output.weight"): 3})
    kept = {name: value.flatten().tolist() for name, value in masks.mask(trained, DRAW).items()}
    assert kept == {
        "edges": [False, True, False],
        "hidden.weight": [True, False, True, False],
        "output.weight": [False, True],
    }


def test_a_level_goes_on_from_the_mask_of_the_level_before() -> None:
    of = task(gcn())
    first = searched(of, begin(of)).stacked_masks()
    left = {("edges",): 20, ("hidden.weight", "output.weight"): 25}
    state = searched(of, begin(of, remaining=first, left=left))
    second = state.stacked_masks()
    for name, kept in second.items():
        assert not (kept & ~first[name]).any() and (kept != first[name]).any()
    assert second["edges"].sum(axis=(1, 2)).tolist() == [20] * 3
    weights = second["hidden.weight"].sum(axis=(1, 2)) + second["output.weight"].sum(axis=(1, 2))
    assert weights.tolist() == [25] * 3
    for index, trained in enumerate(state.trained):
        for name in LAYERS:
            assert (trained[f"mask/{name}"][torch.from_numpy(~first[name][index])] == 0).all()


def test_masks_are_those_of_the_step_that_is_best_on_the_validation_split() -> None:
    of = task(gcn(), steps=12, evaluate_every=2)
    state, seen = begin(of), {}

    def remember(now: Any) -> None:
        seen[now.step] = [{name: value.clone() for name, value in one.items()} for one in now.trained]

    train(of, state, SEEDS, 12, listeners=[Evaluations(2, 12), remember, lambda _: state.keep_best()])
    rows = [row for row in state.history if row["split"] == "validation" and row["step"]]
    for index, kept in enumerate(state.best):
        accuracies = {int(row["step"]): float(row["accuracy"]) for row in rows if row["replicate"] == index}
        step = max(accuracies, key=lambda step: (accuracies[step], -step))
        assert all(torch.equal(value, seen[step][index][name]) for name, value in kept.items())
    masks = state.stacked_masks()["edges"]
    assert (masks[0] == soft_mask().mask(state.best[0], DRAW)["edges"].numpy()).all()


def test_what_is_evaluated_is_the_network_that_is_trained() -> None:
    of = task(gcn())
    state = searched(of, begin(of, seeds=[0]))
    effective = state.weights_below[0] | soft_mask().effective(state.weights_below[0], state.trained[0], DRAW)
    module = gcn().eval()
    scores = torch.func.functional_call(module, effective, (torch.arange(12, 24),))
    accuracy = (scores.argmax(dim=1) == torch.arange(12, 24) % 3).float().mean().item()
    assert state.evaluate("test")["accuracy"] == [pytest.approx(accuracy)]


@pytest.mark.parametrize(
    ("layers", "idle"),
    [
        (("edges", "output.weight"), {}),
        (("hidden.weight", "output.weight"), {"edge_penalty": "no edges have masks"}),
        (("edges",), {"weight_penalty": "only edges have masks"}),
    ],
)
def test_a_penalty_needs_masks_to_act_on(layers: tuple[str, ...], idle: dict[str, str]) -> None:
    assert SoftMask(layers=layers, left=3, kinds=LAYERS).without_effect() == idle


@pytest.mark.parametrize("options", [{"edge_penalty": -0.1}, {"weight_penalty": -1.0}])
def test_penalties_below_zero_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ParametrizationError, match=r"edge_penalty .* and weight_penalty .* must be at least 0"):
        soft_mask(**options)
