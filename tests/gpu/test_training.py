"""The same training on a GPU as on a CPU, up to rounding: skipped where there is no GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lth_core.engine.cohort import Cohort
from lth_core.models.layout import channels_last
from lth_core.training.loop import noise_seeds, train
from lth_core.training.resume import Resume
from lth_core.training.state import start_state
from tests.engine.test_precision import SGD, Residual, plain
from tests.support.gpu import DEVICE, needs_a_gpu
from tests.support.small_trainings import (
    OPTIMIZERS,
    SEEDS,
    OwnForward,
    convolutional,
    dense,
    initial,
    linear,
    run,
    same_bits,
    sparse_mask,
)
from tests.training.test_resume import Cut, train_with

pytestmark = needs_a_gpu

ADAM = {"name": "adam", "learning_rate": 0.01}
STACKED = [dense, linear, plain, Residual]
IN_TURN = [convolutional, OwnForward]  # each replicate draws its own noise


def without_dropout(network: Any) -> torch.nn.Module:
    """The network without noise, which every device draws for itself."""
    module = network()
    for layer in module.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    return module


def close(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray], rtol: float = 1e-3) -> None:
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=rtol, atol=rtol / 10, err_msg=name)


@pytest.mark.parametrize("network", STACKED)
def test_these_networks_are_computed_all_at_once(on_gpu: Any, network: Any) -> None:
    assert start_state(on_gpu(network()), initial(network), {}).cohort.together


@pytest.mark.parametrize("network", IN_TURN)
def test_networks_that_draw_noise_take_turns(on_gpu: Any, graphs: list, network: Any) -> None:
    assert not start_state(on_gpu(network()), initial(network), {}).cohort.together
    run(on_gpu(network()), initial(network), {})
    assert not graphs


@pytest.mark.parametrize("network", [dense, linear, convolutional, plain, Residual])
def test_ten_steps_equal_those_on_a_cpu(make_task: Any, on_gpu: Any, network: Any) -> None:
    weights = initial(network)
    mask = sparse_mask(weights, network)
    expected = run(make_task(without_dropout(network), steps=10), weights, mask)
    actual = run(on_gpu(without_dropout(network), steps=10), weights, mask)
    close(actual.weights, expected.weights)
    for row, other in zip(actual.history, expected.history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-3)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", [linear, Residual])
def test_every_optimizer_takes_the_rate_of_every_step(
    make_task: Any, on_gpu: Any, graphs: list, network: Any, optimizer: dict
) -> None:
    """A rate that was recorded as a number would stay that of the fourth step."""
    recipe = {"steps": 12, "schedule": {"name": "cosine", "warmup_steps": 6}, "optimizer": optimizer}
    weights = initial(network)
    expected = run(make_task(network(), **recipe), weights, {}).weights
    close(run(on_gpu(network(), **recipe), weights, {}).weights, expected)
    assert graphs[0].replay is not None


@pytest.mark.parametrize("network", [*STACKED, *IN_TURN])
def test_pruned_weights_stay_zero_and_training_repeats_its_bits(on_gpu: Any, network: Any) -> None:
    weights = initial(network)
    mask = sparse_mask(weights, network)
    first, second = (run(on_gpu(network()), weights, mask) for _ in range(2))
    assert all(not first.weights[name][~kept].any() for name, kept in mask.items())
    assert same_bits(first.weights, second.weights) and first.history == second.history


@pytest.mark.parametrize("network", [linear, Residual, convolutional])
def test_frozen_weights_keep_their_bits_whatever_they_are(on_gpu: Any, network: Any) -> None:
    task, weights = on_gpu(network()), initial(network)
    mask = sparse_mask(weights, network)
    trained = train(task, start_state(task, weights, mask), SEEDS, task.recipe.steps).weights
    for name, kept in mask.items():
        assert np.array_equal(trained[name][~kept], weights[name][~kept])
        assert (trained[name][kept] != weights[name][kept]).mean() > 0.9


@pytest.mark.parametrize("network", [dense, linear, plain, Residual, OwnForward])
def test_a_cohort_gives_each_replicate_what_it_would_get_alone(on_gpu: Any, network: Any) -> None:
    together = run(on_gpu(network(), steps=10), initial(network), {})
    for index, seed in enumerate(SEEDS):
        alone = run(on_gpu(network(), steps=10), initial(network, [seed]), {}, seeds=[seed])
        close({name: value[index : index + 1] for name, value in together.weights.items()}, alone.weights)


@pytest.mark.parametrize("optimizer", [SGD, ADAM])
@pytest.mark.parametrize("network", [*STACKED, *IN_TURN])
def test_a_resumed_training_has_the_bits_of_an_undisturbed_one(
    on_gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Any, optimizer: dict
) -> None:
    """It is cut among replays of a graph, and begins with steps that are none."""
    task, weights = on_gpu(network(), optimizer=optimizer), initial(network)
    mask = sparse_mask(weights, network)
    _, undisturbed = train_with(task, weights, mask, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, mask, Resume(tmp_path / "trained", "x"), cut_at=13)
    first, resumed = train_with(task, weights, mask, Resume(tmp_path / "trained", "x"))
    assert first == 13 and same_bits(resumed.weights, undisturbed.weights)
    assert resumed.history == undisturbed.history


@pytest.mark.parametrize("network", IN_TURN)
def test_the_generator_of_the_gpu_is_neither_used_nor_moved(on_gpu: Any, network: Any) -> None:
    torch.cuda.manual_seed(1)
    before = torch.cuda.get_rng_state()
    first = run(on_gpu(network()), initial(network), {}).weights
    assert torch.equal(torch.cuda.get_rng_state(), before)
    torch.cuda.manual_seed(2)
    assert same_bits(run(on_gpu(network()), initial(network), {}).weights, first)


# ---------------------------------------------------------------- evaluation


@pytest.mark.parametrize("network", [*STACKED, *IN_TURN])
def test_evaluation_is_that_on_a_cpu_and_changes_nothing(make_task: Any, on_gpu: Any, network: Any) -> None:
    weights = initial(network)
    tensors = {name: torch.from_numpy(value.copy()) for name, value in weights.items()}
    expected = Cohort(make_task(network()), tensors).evaluate("test")
    cohort = Cohort(on_gpu(network()), {name: value.to(DEVICE) for name, value in tensors.items()})
    for name, actual in cohort.evaluate("test").items():
        assert actual == pytest.approx(expected[name], rel=1e-4)
    for name, value in weights.items():
        assert np.array_equal((cohort.parameters | cohort.buffers)[name].cpu().numpy(), value)


@pytest.mark.parametrize("network", [*STACKED, *IN_TURN])
def test_evaluations_between_replays_change_nothing(on_gpu: Any, network: Any) -> None:
    weights = initial(network)
    silent = run(on_gpu(network()), weights, {}, evaluate=False).weights
    assert same_bits(run(on_gpu(network(), evaluate_every=1), weights, {}).weights, silent)


# ---------------------------------------------------------------- bfloat16


@pytest.mark.parametrize("network", STACKED)
def test_in_bf16_training_learns_and_all_that_is_kept_is_float32(on_gpu: Any, network: Any) -> None:
    trained = run(on_gpu(network(), optimizer=SGD, precision="bf16", steps=60, evaluate_every=60), initial(network), {})
    assert all(value.dtype in (np.float32, np.int64) for value in trained.weights.values())
    losses = [row["loss"] for row in trained.history if row["split"] == "train"]
    assert np.mean(losses[3:]) < np.mean(losses[:3])


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("network", [plain, Residual])
def test_stacked_gradients_are_those_in_turn_at_each_precision(
    on_gpu: Any, monkeypatch: pytest.MonkeyPatch, network: Any, precision: str
) -> None:
    """Those in bfloat16 are another arithmetic: under vmap it could be left out without a word."""

    def gradients(precision: str) -> list[torch.Tensor]:
        tensors = {name: torch.from_numpy(value.copy()).to(DEVICE) for name, value in initial(network).items()}
        task = on_gpu(network(), precision=precision)
        cohort = Cohort(task, tensors)
        (batch,) = task.minibatches(SEEDS, 0, 3, 4)
        return [value for value in cohort.gradients(batch, noise_seeds(SEEDS, 0, 3)) if value is not None]

    stacked, exact = gradients(precision), gradients("float32")
    monkeypatch.setattr("lth_core.engine.cohort.all_at_once", lambda device: False)
    in_turn = gradients(precision)
    bound = 1e-4 if precision == "float32" else 0.1
    for index, gradient in enumerate(stacked):
        expected = torch.stack(in_turn[index :: len(stacked)])
        assert (gradient - expected).norm() <= bound * expected.norm()
        if precision == "bf16":
            assert gradient.dtype == torch.float32
            assert (gradient - exact[index]).norm() > 1e-4 * exact[index].norm()


def test_in_bf16_images_have_their_channels_last(on_gpu: Any) -> None:
    task = on_gpu(plain(), precision="bf16")
    (batch,) = task.minibatches(SEEDS, 0, 0, 1)
    assert task.channels_last and batch.inputs.stride() == channels_last(batch.inputs).stride()


# ---------------------------------------------------------------- data


@pytest.mark.parametrize("augment", ["none", "crop-flip"])
def test_minibatches_are_those_on_a_cpu(make_task: Any, on_gpu: Any, augment: str) -> None:
    expected, actual = (make(linear(), augment=augment).minibatches(SEEDS, 0, 4, 9) for make in (make_task, on_gpu))
    for batch, other in zip(actual, expected, strict=True):
        assert batch.inputs.device.type == DEVICE.type
        assert torch.equal(batch.targets.cpu(), other.targets)
        torch.testing.assert_close(batch.inputs.cpu(), other.inputs.contiguous())
