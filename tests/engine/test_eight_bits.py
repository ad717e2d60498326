"""Simulated 8 bits: what is rounded, to which values, without bias, and from a seed of every step and replicate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lth_core.engine.cohort import Cohort
from lth_core.engine.eight_bits import EightBits, rounded
from lth_core.engine.narrow_cohort import NarrowCohort
from lth_core.training.resume import Resume
from lth_core.training.state import start_state
from tests.engine.test_precision import NETWORKS, SGD, Residual
from tests.support.small_trainings import SEEDS, initial, linear, run, same_bits, sparse_mask
from tests.training.test_penalty import normed, without_channels
from tests.training.test_resume import Cut, train_with

INT8 = "int8-simulated"


def is_8_bit(values: torch.Tensor) -> bool:
    """Whether all are whole multiples of the largest over 127."""
    multiples = values / values.abs().max() * 127
    return torch.allclose(multiples, multiples.round(), atol=1e-3)


# ---------------------------------------------------------------- rounding


def test_values_become_the_multiples_next_to_them() -> None:
    torch.manual_seed(0)
    values = torch.randn(1000)
    scale = values.abs().max() / 127
    actual = rounded(values)
    assert is_8_bit(actual) and ((actual - values).abs() < 1.0001 * scale).all()
    assert actual.abs().max() == pytest.approx(float(values.abs().max()))
    assert len(actual.unique()) > 100


def test_on_average_rounding_changes_nothing() -> None:
    """A value between two multiples goes up as often as keeps its mean: to the nearest one would be a bias."""
    torch.manual_seed(0)
    values = torch.tensor([127.0, 3.3, -0.01, -5.75])
    mean = torch.stack([rounded(values) for _ in range(20000)]).mean(0)
    torch.testing.assert_close(mean, values, atol=0.02, rtol=0)


def test_zeros_stay_zeros_and_what_diverged_is_not_hidden() -> None:
    assert not rounded(torch.zeros(4)).any() and not rounded(torch.tensor([1.0, 0.0]))[1]
    assert not rounded(torch.tensor([1.0, torch.inf])).isfinite().any()
    assert not rounded(torch.tensor([1.0, torch.nan])).isfinite().any()


# ---------------------------------------------------------------- which operands


@pytest.mark.parametrize("by_name", [False, True])
def test_all_operands_of_a_layers_products_have_8_bits(monkeypatch: pytest.MonkeyPatch, by_name: bool) -> None:
    """Products of whole numbers: what comes out is then a multiple of the product of two scales."""
    torch.manual_seed(0)
    inputs, weight = torch.randn(5, 7, requires_grad=True), torch.randn(3, 7, requires_grad=True)
    seen: list[torch.Tensor] = []

    def recorded(values: torch.Tensor) -> torch.Tensor:
        seen.append(rounded(values))
        return seen[-1]

    monkeypatch.setattr("lth_core.engine.eight_bits.rounded", recorded)
    with EightBits():
        outputs = functional.linear(input=inputs, weight=weight) if by_name else functional.linear(inputs, weight)
    torch.testing.assert_close(outputs, seen[0] @ seen[1].T)
    by_outputs = torch.randn(5, 3)
    by_inputs, by_weight = torch.autograd.grad(outputs, [inputs, weight], by_outputs)
    torch.testing.assert_close(by_inputs, seen[2] @ seen[1])
    assert len(seen) == 4 and all(is_8_bit(values) for values in seen)
    exact = seen[2].T @ seen[0]
    assert ((by_weight - exact).abs() <= 1.0001 * exact.abs().max() / 127).all() and is_8_bit(by_weight)


def test_convolutions_are_rounded_and_other_operations_are_not() -> None:
    torch.manual_seed(0)
    images, kernel = torch.rand(2, 3, 6, 6), torch.rand(4, 3, 3, 3)
    layers = {
        functional.conv2d: (images, kernel),
        functional.conv1d: (images[:, :, 0], kernel[..., 0]),
        functional.conv_transpose2d: (images, kernel.transpose(0, 1)),
    }
    for layer, operands in layers.items():
        with EightBits():
            coarse = layer(*operands)
        assert not torch.allclose(coarse, layer(*operands), rtol=1e-5)
        torch.testing.assert_close(coarse, layer(*operands), rtol=0.05, atol=0.05)
    with EightBits():
        assert torch.equal(functional.batch_norm(images, None, None, training=True), nn.BatchNorm2d(3)(images))


# ---------------------------------------------------------------- trainings


@pytest.mark.parametrize("network", [*NETWORKS, linear])
def test_a_training_learns_and_its_weights_stay_float32(make_task: Any, network: Any) -> None:
    weights = initial(network)
    trained, exact = (
        run(make_task(network(), SGD, steps=40, evaluate_every=40, precision=precision), weights, {})
        for precision in (INT8, "float32")
    )
    losses = [float(row["loss"]) for row in trained.history if row["split"] == "train"]
    assert np.mean(losses[len(SEEDS) :]) < np.mean(losses[: len(SEEDS)])
    for name, value in exact.weights.items():
        assert trained.weights[name].dtype == value.dtype
    assert any((trained.weights[name] != value).any() for name, value in exact.weights.items())
    matrix = next(value[0] for name, value in trained.weights.items() if value.ndim > 2)
    assert not is_8_bit(torch.from_numpy(matrix))


@pytest.mark.parametrize("network", [*NETWORKS, linear])
def test_it_repeats_its_bits_cut_and_resumed_too(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Any
) -> None:
    task, weights = make_task(network(), SGD, precision=INT8), initial(network)
    mask = sparse_mask(weights, network)
    _, undisturbed = train_with(task, weights, mask, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, mask, Resume(tmp_path / "trained", "x"), cut_at=7)
    first, resumed = train_with(task, weights, mask, Resume(tmp_path / "trained", "x"))
    assert first == 7 and same_bits(resumed.weights, undisturbed.weights)
    assert resumed.history == undisturbed.history


def test_a_cohort_equals_its_replicates(make_task: Any) -> None:
    task, weights = make_task(Residual(), SGD, steps=5, precision=INT8), initial(Residual)
    together = run(task, weights, {})
    for index, seed in enumerate(SEEDS):
        alone = run(task, {name: value[index : index + 1] for name, value in weights.items()}, {}, [seed])
        assert same_bits(alone.weights, {name: value[index : index + 1] for name, value in together.weights.items()})


def test_replicates_take_turns_and_whole_channels_stay_because_every_draw_counts(make_task: Any) -> None:
    weights = initial(normed)
    mask = without_channels(weights, (0, 1, 4))
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    for precision, narrow in ((INT8, False), ("float32", True)):
        state = start_state(make_task(normed(), SGD, batch_size=16, precision=precision), masked, mask)
        assert isinstance(state.cohort, NarrowCohort) is narrow
    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    assert not Cohort(make_task(normed(), precision=INT8), tensors).stacks()
    assert Cohort(make_task(normed()), tensors).stacks()


def test_networks_are_evaluated_in_float32(make_task: Any) -> None:
    tensors = {name: torch.from_numpy(value) for name, value in initial(Residual).items()}
    actual = [Cohort(make_task(Residual(), precision=p), tensors).evaluate("test") for p in (INT8, "float32")]
    assert actual[0] == actual[1]
