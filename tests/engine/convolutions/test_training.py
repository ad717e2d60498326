"""Training convolutions on the kept weights alone: the numbers of masked dense training, and bits that do not vary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core.engine.convolutions import choice
from lth_core.storage.tensors import Tensors
from lth_core.training.resume import Resume
from lth_core.training.state import start_state
from tests.support.small_trainings import OPTIMIZERS, SEEDS, initial, run, same_bits
from tests.training.test_resume import Cut, train_with


class Small(nn.Module):
    """A residual network for images of 1x6x6."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.second, self.inner = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.third, self.last = nn.Conv2d(8, 6, 3, stride=2), nn.Linear(24, 3)

    def forward(self, images: Tensor) -> Tensor:
        images = torch.relu(self.norm(self.first(images)))
        images = torch.relu(self.inner(self.second(images)) + images)
        return self.last(torch.relu(self.third(images)).flatten(1))


class Frozen(Small):
    """The same with a frozen layer."""

    def __init__(self) -> None:
        super().__init__()
        self.second.weight.requires_grad_(False)


def masks(weights: Tensors) -> Tensors:
    """Of the convolutions, another one per replicate; a whole filter of each is pruned.

    All others keep several weights: the gradient of one alone before a batch norm, which undoes what scales a filter,
    is nothing but rounding, of which Adam would make whole steps.
    """
    random, pruned = np.random.default_rng(1), {}
    for name, value in weights.items():
        if value.ndim == 5:
            scores = random.random(value.shape).reshape(*value.shape[:2], -1)
            kept = scores <= np.sort(scores)[..., [max(4, round(0.12 * scores.shape[2])) - 1]]
            kept[:, 1] = False
            pruned[name] = kept.reshape(value.shape)
    return pruned


@pytest.mark.parametrize("augment", ["none", "crop-flip"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", [Small, Frozen])
def test_training_equals_masked_dense_training(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: type[nn.Module], optimizer: dict, augment: str
) -> None:
    task, weights = make_task(network(), optimizer, steps=10, batch_size=20, augment=augment), initial(network)
    mask = masks(weights)
    sparse = run(task, weights, mask)
    monkeypatch.setattr(choice, "DENSEST", -1.0)
    dense = run(task, weights, mask)
    for name, value in dense.weights.items():
        np.testing.assert_allclose(sparse.weights[name], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())
        if name in mask:
            assert not sparse.weights[name][~mask[name]].any()
    if network is Frozen:
        assert same_bits(
            {"w": sparse.weights["second.weight"]}, {"w": weights["second.weight"] * mask["second.weight"]}
        )
    for ours, theirs in zip(sparse.history, dense.history, strict=True):
        assert {**ours, "loss": 0, "accuracy": 0} == {**theirs, "loss": 0, "accuracy": 0}
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)


def test_each_replicate_of_a_cohort_is_trained_as_if_alone(make_task: Any) -> None:
    task, weights = make_task(Small(), batch_size=20), initial(Small)
    mask = masks(weights)
    together = run(task, weights, mask)
    for index, seed in enumerate(SEEDS):
        alone = run(task, *({n: v[[index]] for n, v in part.items()} for part in (weights, mask)), seeds=[seed])
        assert same_bits(alone.weights, {name: value[[index]] for name, value in together.weights.items()})


def test_training_twice_gives_the_same_bits_and_evaluation_changes_nothing(make_task: Any) -> None:
    weights = initial(Small)
    mask = masks(weights)
    often, never = make_task(Small(), batch_size=20, evaluate_every=1), make_task(Small(), batch_size=20)
    first = run(often, weights, mask)
    assert first.history == run(often, weights, mask).history
    assert same_bits(first.weights, run(never, weights, mask, evaluate=False).weights)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_cut_and_resumed_equals_undisturbed(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: dict
) -> None:
    task, weights = make_task(Small(), optimizer, batch_size=20), initial(Small)
    mask = masks(weights)
    _, undisturbed = train_with(task, weights, mask, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, mask, Resume(tmp_path / "trained", "x"), cut_at=13)
    first, resumed = train_with(task, weights, mask, Resume(tmp_path / "trained", "x"))
    assert first == 13
    assert same_bits(resumed.weights, undisturbed.weights)
    assert resumed.history == undisturbed.history


def test_a_saved_state_of_the_other_path_is_not_picked_up(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, weights = make_task(Small(), batch_size=20), initial(Small)
    mask = masks(weights)
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    resume = Resume(tmp_path / "trained", "x")
    resume.seconds = 0
    resume.save_when_due(start_state(task, masked, mask))
    assert resume.restore(start_state(task, masked, mask))
    monkeypatch.setattr(choice, "DENSEST", -1.0)
    assert not resume.restore(start_state(task, masked, mask))


def test_whoever_looks_during_training_sees_the_weights_of_that_step(make_task: Any) -> None:
    task, weights = make_task(Small(), steps=3, batch_size=20, evaluate_every=1), initial(Small)
    mask = masks(weights)
    seen: dict[int, Tensors] = {}

    def look(state: Any) -> None:
        assert state.cohort.convolutions
        seen[state.step] = {name: value.numpy().copy() for name, value in state.cohort.parameters.items()}

    run(task, weights, mask, listeners=[look])
    for step in (1, 3):
        ended = run(make_task(Small(), steps=step, batch_size=20, evaluate_every=1), weights, mask)
        assert same_bits(seen[step], {name: ended.weights[name] for name in seen[step]})


def test_a_replicate_that_has_diverged_leaves_the_others_their_bits(make_task: Any) -> None:
    task, weights = make_task(Small(), batch_size=20), initial(Small)
    mask = masks(weights)
    lost = {name: value.copy() for name, value in weights.items()}
    lost["last.bias"][1] = np.nan
    sound, beside = run(task, weights, mask), run(task, lost, mask)
    for name, value in sound.weights.items():
        assert same_bits({name: value[[0, 2]]}, {name: beside.weights[name][[0, 2]]})
    assert np.isnan(beside.weights["last.bias"][1]).all()
