"""Training without whole channels: the numbers of masked training from the smaller networks, bits that do not vary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from lth_core.engine import narrow
from lth_core.engine.narrow_cohort import NarrowCohort
from lth_core.models.channels import removable_channels
from lth_core.models.layers import prunable_weights
from lth_core.pruning.channels import Channels, Span
from lth_core.storage.tensors import Tensors
from lth_core.tickets.rewinding import apply_mask
from lth_core.training.resume import Resume
from lth_core.training.state import start_state
from tests.support.small_trainings import OPTIMIZERS, SEEDS, initial, linear, run, same_bits
from tests.training.test_resume import Cut, train_with

SHAPE = (1, 6, 6)


class Residual(nn.Module):
    """A sum, whose channels two layers compute, with batch norms; smooth, so that rounding stays small."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.second, self.inner = nn.Conv2d(8, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.third, self.outer = nn.Conv2d(6, 8, 1, bias=False), nn.BatchNorm2d(8)
        self.last = nn.Linear(8 * 36, 3)

    def forward(self, images: Tensor) -> Tensor:
        images = self.activation(self.norm(self.first(images)))
        inner = self.activation(self.inner(self.second(images)))
        return self.last(self.activation(self.outer(self.third(inner)) + images).flatten(1))

    def activation(self, values: Tensor) -> Tensor:
        return values.tanh()


class Rectified(Residual):
    """The same with ReLU, as kernels compute it."""

    def activation(self, values: Tensor) -> Tensor:
        return values.relu()


class Noisy(Residual):
    def activation(self, values: Tensor) -> Tensor:
        return nn.functional.dropout(values.tanh(), 0.2, self.training)


def masks(network: Any, kept: float = 0.5, seeds: int = len(SEEDS)) -> Tensors:
    """Other channels of every group in each replicate, as many."""
    module = network()
    weights = dict(module.named_parameters())
    rng, replicates = np.random.default_rng(1), []
    for _ in range(seeds):
        mask = {name: np.ones(weights[name].shape, bool) for name in prunable_weights(module)}
        for listed in removable_channels(module, SHAPE):
            group = Channels(listed["size"], *([Span(*span) for span in listed[axis]] for axis in ("rows", "columns")))
            group.remove(mask, rng.permutation(group.size) < round(kept * group.size))
        replicates.append(mask)
    return {name: np.stack([mask[name] for mask in replicates]) for name in replicates[0]}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks are made smaller whatever it gains."""
    monkeypatch.setattr(narrow, "FEWEST", 1.0)
    monkeypatch.setattr(narrow, "DENSEST", 3.0)


def both(monkeypatch: pytest.MonkeyPatch, task: Any, weights: Tensors, mask: Tensors) -> tuple[Any, Any]:
    """A training as smaller networks, and the masked one."""
    start = apply_mask(weights, mask)
    assert isinstance(start_state(task, start, mask).cohort, NarrowCohort)
    smaller = run(task, weights, mask)
    monkeypatch.setattr("lth_core.engine.distributed.narrow_cohort", lambda *_: None)
    monkeypatch.setattr("lth_core.engine.convolutions.choice.DENSEST", -1.0)
    monkeypatch.setattr("lth_core.engine.sparse_network.DENSEST", -1.0)
    assert not start_state(task, start, mask).cohort.on_kept_weights
    return smaller, run(task, weights, mask)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", [Residual, Rectified, linear])
def test_training_equals_masked_training(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any, optimizer: dict
) -> None:
    task, weights, mask = make_task(network(), optimizer, steps=10, batch_size=20), initial(network), masks(network)
    smaller, masked = both(monkeypatch, task, weights, mask)
    for name, value in masked.weights.items():
        if "running" not in name:
            np.testing.assert_allclose(smaller.weights[name], value, rtol=1e-3, atol=1e-3 * np.abs(value).max())
        if name in mask:
            assert not smaller.weights[name][~mask[name]].any()
    for ours, theirs in zip(smaller.history, masked.history, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-3)


def test_statistics_are_those_of_masked_training_and_stay_for_removed_channels(
    make_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, weights, mask = make_task(Residual(), batch_size=20), initial(Residual), masks(Residual)
    smaller, masked = both(monkeypatch, task, weights, mask)
    kept = mask["first.weight"].any(axis=(2, 3, 4))
    for name in ("norm.running_mean", "norm.running_var", "outer.running_var"):
        np.testing.assert_allclose(smaller.weights[name][kept], masked.weights[name][kept], rtol=1e-3, atol=1e-5)
        np.testing.assert_array_equal(smaller.weights[name][~kept], weights[name][~kept])
    assert (smaller.weights["norm.num_batches_tracked"] == task.recipe.steps).all()


def test_with_clipped_gradients_too(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(Residual(), OPTIMIZERS[-1], steps=10, batch_size=20, clip_norm=0.1)
    smaller, masked = both(monkeypatch, task, initial(Residual), masks(Residual))
    for name, value in masked.weights.items():
        if "running" not in name:
            np.testing.assert_allclose(smaller.weights[name], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())


@pytest.mark.parametrize("network", [Residual, Rectified, linear])
def test_each_replicate_of_a_cohort_is_trained_as_if_alone(make_task: Any, network: Any) -> None:
    task, weights, mask = make_task(network(), batch_size=20), initial(network), masks(network)
    together = run(task, weights, mask)
    for index, seed in enumerate(SEEDS):
        alone = run(task, *({n: v[[index]] for n, v in part.items()} for part in (weights, mask)), seeds=[seed])
        assert same_bits(alone.weights, {name: value[[index]] for name, value in together.weights.items()})


@pytest.mark.parametrize("network", [Residual, Rectified])
def test_cut_and_resumed_equals_undisturbed(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Any
) -> None:
    task, weights, mask = make_task(network(), OPTIMIZERS[-1], batch_size=20), initial(network), masks(network)
    _, undisturbed = train_with(task, weights, mask, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, mask, Resume(tmp_path / "trained", "x"), cut_at=13)
    first, resumed = train_with(task, weights, mask, Resume(tmp_path / "trained", "x"))
    assert first == 13 and same_bits(resumed.weights, undisturbed.weights)
    assert resumed.history == undisturbed.history


def test_a_replicate_that_has_diverged_leaves_the_others_their_bits(make_task: Any) -> None:
    task, weights, mask = make_task(Residual(), batch_size=20), initial(Residual), masks(Residual)
    lost = {name: value.copy() for name, value in weights.items()}
    lost["last.bias"][0] = np.nan
    sound, other = run(task, weights, mask), run(task, lost, mask)
    assert all(same_bits({name: value[1:]}, {name: other.weights[name][1:]}) for name, value in sound.weights.items())
    assert np.isnan(other.weights["last.bias"][0]).all()


# ---------------------------------------------------------------- when networks are made smaller


def cohort(make_task: Any, network: Any, mask: Tensors) -> Any:
    weights = initial(network)
    return start_state(make_task(network(), batch_size=20), apply_mask(weights, mask), mask).cohort


def test_masks_that_do_more_than_take_out_channels_are_trained_as_before(make_task: Any) -> None:
    mask = masks(Residual)
    first = np.argwhere(mask["second.weight"][2])[0]
    mask["second.weight"][2][tuple(first)] = False
    assert not isinstance(cohort(make_task, Residual, mask), NarrowCohort)
    assert not isinstance(cohort(make_task, Residual, masks(Residual, 1.0)), NarrowCohort)


def test_modules_that_draw_random_numbers_are_trained_as_before(make_task: Any) -> None:
    assert not isinstance(cohort(make_task, Noisy, masks(Noisy)), NarrowCohort)


def test_so_are_those_that_would_gain_nothing(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    gains = {network: cohort(make_task, network, masks(network, 0.9)) for network in (Residual, Rectified, linear)}
    assert [isinstance(of, NarrowCohort) for of in gains.values()] == [False, False, True]


def test_few_channels_are_computed_by_kernels_and_many_by_torch(
    make_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for widest, expected in ((64, True), (2, False)):
        monkeypatch.setattr(narrow, "NEAR", widest)
        (network, *_) = cohort(make_task, Rectified, masks(Rectified)).networks
        assert network.on_kernels is expected
        assert network.task.module.first.out_channels == 4


def test_smaller_networks_that_compute_something_else_are_not_used(
    make_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = masks(Residual)
    assert isinstance(cohort(make_task, Residual, mask), NarrowCohort)
    right = narrow._unread
    monkeypatch.setattr(narrow, "_unread", lambda group, *rest: (right(group, *rest) + 1) % group.size)
    assert not isinstance(cohort(make_task, Residual, mask), NarrowCohort)
