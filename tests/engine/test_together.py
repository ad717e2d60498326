"""Replicates computed all at once, as on a GPU, get what they get in turn. Here on a CPU, and the graph is played."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.engine.cohort import Cohort
from lth_core.engine.cuda_graph import GraphedStep
from lth_core.training.loop import noise_seeds
from lth_core.training.resume import Resume
from tests.engine.test_precision import SGD, Residual, plain
from tests.support.small_trainings import (
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
from tests.support.zoo import ZOO
from tests.training.test_resume import Cut, train_with

CPU = torch.device("cpu")


def batch_norm_first() -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(36, 3))


STACKED = [dense, linear, plain, Residual, batch_norm_first]
IN_TURN = [convolutional, OwnForward, ZOO["numpy_noise"], ZOO["stochastic_depth"]]
"""Each replicate draws its own noise."""


def at_once(device: Any) -> bool:
    return True


def do(work: Callable[[], None]) -> None:
    work()


played = partial(GraphedStep, record=lambda work: work, aside=do)
"""A graph whose replay is the work itself."""


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr("lth_core.engine.cohort.all_at_once", at_once)
    monkeypatch.setattr("lth_core.training.loop.GraphedStep", played)
    return monkeypatch


def cohort(task: Any, network: Any) -> Cohort:
    return Cohort(task, {name: torch.from_numpy(value.copy()) for name, value in initial(network).items()})


@pytest.mark.parametrize(
    "network, precision", [*((n, "float32") for n in STACKED), (linear, "bf16"), (Residual, "bf16")]
)
def test_gradients_and_statistics_are_those_in_turn(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any, precision: str
) -> None:
    task = make_task(network(), precision=precision)
    (batch,) = task.minibatches(SEEDS, 0, 3, 4)
    in_turn = cohort(task, network)
    monkeypatch.setattr("lth_core.engine.cohort.all_at_once", at_once)
    stacked = cohort(task, network)
    assert stacked.together and not in_turn.together
    assert len(stacked.trained) * len(SEEDS) == len(in_turn.trained)
    # one replicate after the other -> one tensor after the other
    actual = in_turn.gradients(batch, noise_seeds(SEEDS, 0, 3))
    expected = [torch.stack(actual[index :: len(stacked.trained)]) for index in range(len(stacked.trained))]
    close = {"rtol": 1e-5, "atol": 1e-6} if precision == "float32" else {"rtol": 0.05, "atol": 0.01}
    for gradient, value in zip(stacked.gradients(batch, []), expected, strict=True):
        torch.testing.assert_close(gradient, value, **close)
        assert gradient.dtype == torch.float32 and gradient.is_contiguous()
    for name, value in in_turn.buffers.items():
        torch.testing.assert_close(stacked.buffers[name], value, **close)
        assert not torch.equal(value, torch.from_numpy(initial(network)[name]))


@pytest.mark.parametrize("network", STACKED)
def test_evaluation_is_that_in_turn_and_changes_nothing(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any
) -> None:
    task = make_task(network())
    expected = cohort(task, network).evaluate("test")
    monkeypatch.setattr("lth_core.engine.cohort.all_at_once", at_once)
    stacked = cohort(task, network)
    for name, actual in stacked.evaluate("test").items():
        assert actual == pytest.approx(expected[name], rel=1e-5)
    for name, value in initial(network).items():
        assert torch.equal((stacked.parameters | stacked.buffers)[name], torch.from_numpy(value))


@pytest.mark.parametrize("network", [plain, Residual, batch_norm_first])
def test_ten_steps_are_those_in_turn(make_task: Any, together: pytest.MonkeyPatch, network: Any) -> None:
    task, weights = make_task(network(), SGD, steps=10), initial(network)
    mask = sparse_mask(weights, network)
    actual = run(task, weights, mask)
    together.undo()
    expected = run(task, weights, mask)
    for name, value in expected.weights.items():
        np.testing.assert_allclose(actual.weights[name], value, rtol=1e-5, atol=1e-6)
        assert name not in mask or not actual.weights[name][~mask[name]].any()
    losses = [[row["loss"] for row in trained.history] for trained in (actual, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("network", IN_TURN)
def test_modules_that_draw_noise_take_turns(make_task: Any, together: pytest.MonkeyPatch, network: Any) -> None:
    task, weights = make_task(network(), steps=5), initial(network)
    assert not cohort(task, network).together
    actual = run(task, weights, {}).weights
    together.undo()
    assert same_bits(actual, run(task, weights, {}).weights)


def test_modules_that_decide_by_their_values_take_turns(make_task: Any, together: pytest.MonkeyPatch) -> None:
    class Deciding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(36, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            outputs = self.output(images.flatten(1))
            return outputs if outputs.max() > 0 else -outputs

    assert not cohort(make_task(Deciding()), Deciding).together


class Unstackable(nn.Module):
    """Raises an error of that type for tensors of vmap, as code that looks into tensors does."""

    def __init__(self, error: type[Exception], always: bool = False, learning: bool = False):
        super().__init__()
        self.output, self.error, self.always, self.learning = nn.Linear(36, 3), error, always, learning

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        batched = torch._C._functorch.is_batchedtensor(self.output.weight)
        if self.always or (batched and torch.is_grad_enabled() >= self.learning):
            raise self.error("what the module says")
        return self.output(images.flatten(1))


ERRORS = [ValueError, TypeError, AttributeError, IndexError, NotImplementedError, AssertionError, RuntimeError]


@pytest.mark.parametrize("learning", [False, True])
@pytest.mark.parametrize("error", ERRORS)
def test_modules_that_vmap_cannot_compute_take_turns(
    make_task: Any, together: pytest.MonkeyPatch, error: type[Exception], learning: bool
) -> None:
    network = partial(Unstackable, error, learning=learning)
    task, weights = make_task(network(), steps=5), initial(network)
    assert not cohort(task, network).together
    actual = run(task, weights, {}).weights
    together.undo()
    assert same_bits(actual, run(task, weights, {}).weights)


@pytest.mark.parametrize("error", ERRORS)
def test_errors_of_a_module_that_have_nothing_to_do_with_vmap_are_raised(
    make_task: Any, together: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    network = partial(Unstackable, error, always=True)
    with pytest.raises(error, match=r"^what the module says$"):
        run(make_task(network(), steps=5), initial(network), {})


@pytest.mark.parametrize("arguments", [lambda x: float(x.detach().sum()), lambda x: x.detach().numpy()])
def test_modules_that_read_numbers_take_turns(
    make_task: Any, together: pytest.MonkeyPatch, arguments: Callable[[torch.Tensor], Any]
) -> None:
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(36, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            arguments(self.output.weight)
            return self.output(images.flatten(1))

    assert not cohort(make_task(Reading()), Reading).together


def test_a_lack_of_memory_is_said_and_not_taken_for_a_reason_to_take_turns(
    make_task: Any, together: pytest.MonkeyPatch
) -> None:
    class Large(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(36, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        cohort(make_task(Large()), Large)


@pytest.mark.parametrize("optimizer", [SGD, {"name": "adam", "learning_rate": 0.01}])
def test_a_resumed_training_has_the_bits_of_an_undisturbed_one(
    make_task: Any, tmp_path: Path, together: pytest.MonkeyPatch, optimizer: dict
) -> None:
    task, weights = make_task(Residual(), optimizer), initial(Residual)
    _, undisturbed = train_with(task, weights, {}, Resume(tmp_path / "never", "x"))
    together.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, {}, Resume(tmp_path / "trained", "x"), cut_at=13)
    first, resumed = train_with(task, weights, {}, Resume(tmp_path / "trained", "x"))
    assert first == 13 and same_bits(resumed.weights, undisturbed.weights)
