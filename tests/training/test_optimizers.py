"""Optimizers: the numbers of torch.optim's classes, without importing what these import."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from lth_core.config import Optimizer as Settings
from lth_core.training.optimizers import Optimizer
from tests.support.small_trainings import OPTIMIZERS

KINDS: dict[str, Any] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
NAMES_IN_TORCH = {"epsilon": "eps", "smoothing": "alpha"}
SHAPES = [(2, 5, 3), (4,)]


def reference(settings: dict[str, Any], parameters: list[torch.Tensor], fused: bool = True) -> torch.optim.Optimizer:
    """Torch's own optimizer of these settings; AdamW decays weights by default there, but not here."""
    options = {NAMES_IN_TORCH.get(key, key): value for key, value in settings.items() if key != "learning_rate"}
    kind = KINDS[options.pop("name")]
    return kind(
        parameters, lr=1.0, **{"weight_decay": 0.0, **options}, **({} if kind is KINDS["rmsprop"] else {"fused": fused})
    )


def drawn() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=random) for shape in SHAPES]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("settings", OPTIMIZERS)
def test_optimizers_equal_those_of_torch(settings: dict, fused: bool) -> None:
    """Of the two ways in which torch computes each, the fused one has the same bits; the other rounds otherwise."""
    ours, theirs = drawn(), [value.requires_grad_() for value in drawn()]
    optimizer, expected = Optimizer(Settings(**settings), ours), reference(settings, theirs, fused)
    for step in range(6):
        rate = 0.1 / (step + 1)
        for value in theirs:
            value.grad = value.detach().cos() + step
        optimizer.update([value.grad.clone() for value in theirs if value.grad is not None], rate)
        expected.param_groups[0]["lr"] = rate
        expected.step()
        for actual, value in zip(ours, theirs, strict=True):
            torch.testing.assert_close(actual, value.detach(), rtol=0 if fused else 1e-6, atol=0 if fused else 1e-7)


@pytest.mark.parametrize("settings", OPTIMIZERS)
def test_a_rate_in_a_tensor_is_the_same_rate(settings: dict) -> None:
    ours, others = drawn(), drawn()
    optimizers = [Optimizer(Settings(**settings), values) for values in (ours, others)]
    for _ in range(3):
        gradients = [value.cos() for value in ours]
        for optimizer, rate in zip(optimizers, (0.25, torch.tensor(0.25)), strict=True):
            optimizer.update(gradients, rate)
    assert all(map(torch.equal, ours, others))


@pytest.mark.parametrize("settings", OPTIMIZERS)
def test_parameters_without_a_gradient_stay_as_they_are_with_their_state(settings: dict) -> None:
    """Whatever the weight decay; the one that comes to its first gradient later does its first step then."""
    ours, late = drawn(), drawn()
    optimizer = Optimizer(Settings(**settings), ours, may_be_missing=True)
    optimizer.update([ours[0].cos(), None], 0.1)
    assert torch.equal(ours[1], late[1]) and not torch.equal(ours[0], late[0])
    optimizer.update([None, ours[1].cos()], 0.1)
    Optimizer(Settings(**settings), late, may_be_missing=True).update([None, late[1].cos()], 0.1)
    assert torch.equal(ours[1], late[1])


@pytest.mark.parametrize("settings", OPTIMIZERS)
def test_everything_that_the_next_update_depends_on_is_in_the_state(settings: dict) -> None:
    ours = drawn()
    optimizer = Optimizer(Settings(**settings), ours)
    optimizer.update([value.cos() for value in ours], 0.1)
    others = [value.clone() for value in ours]
    successor = Optimizer(Settings(**settings), others)
    for slot, values in optimizer.state.items():
        for mine, value in zip(successor.state[slot], values, strict=True):
            mine.copy_(value)
    for one, values in ((optimizer, ours), (successor, others)):
        one.update([value.sin() for value in values], 0.1)
    assert all(map(torch.equal, ours, others))


def test_no_update_imports_torchs_compiler() -> None:
    program = (
        "import sys, torch\n"
        "from lth_core.config import Optimizer as Settings\n"
        "from lth_core.training.optimizers import UPDATES, Optimizer\n"
        "for name in UPDATES:\n"
        "    Optimizer(Settings(name=name, learning_rate=1), [torch.ones(2)]).update([torch.ones(2)], 0.1)\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
