"""The kept weights alone are trained where few multiplications are left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.engine.cohort import Cohort
from lth_core.engine.convolutions import choice
from lth_core.engine.convolutions.choice import DENSEST, LINEAR, NEAR, PRICES, pays
from lth_core.engine.convolutions.reading import read_network
from tests.support.small_trainings import initial


def small() -> nn.Module:
    """A convolution of 100 weights on 16 pixels, and a linear layer of 40 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


def chosen(kept: float, examples: int) -> bool:
    network = read_network(small(), (1, 6, 6))
    assert network is not None
    weights = {name: value.detach() for name, value in small().named_parameters()}
    masks = {name: np.zeros((2, *weights[name].shape), bool) for name in ("0.weight", "4.weight")}
    masks["0.weight"].flat[: round(kept * 72)] = True  # 36 weights of each replicate, times 16 pixels
    masks["4.weight"][:] = True  # 12, times 1
    return pays(network, weights, masks, examples)


def test_the_share_of_multiplications_decides() -> None:
    bound = (DENSEST * (36 * 16 + 12) - LINEAR * 12) / (36 * 16 * PRICES[NEAR])
    assert chosen(bound - 1 / 72, 16) and not chosen(bound + 1 / 72, 16)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(("channels", "price"), [(64, 1.25), (65, 1.5), (256, 1.5), (257, 2.0), (512, 2.0)])
def test_what_is_left_of_layers_of_many_channels_counts_more(channels: int, price: float, norm: bool) -> None:
    layers = [nn.Conv2d(channels, 8, 1), *([nn.BatchNorm2d(8)] if norm else []), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    network, price = read_network(nn.Sequential(*layers), (channels, 6, 6)), 1.0 if norm and channels <= 64 else price
    assert network is not None
    masks, most = np.zeros((1, 8, channels, 1, 1), bool), int(8 * channels * DENSEST / price)
    masks.flat[:most] = True
    weights = {"0.weight": torch.zeros(8, channels, 1, 1)}
    assert pays(network, weights, {"0.weight": masks}, 16)
    masks.flat[: most + 1] = True
    assert not pays(network, weights, {"0.weight": masks}, 16)


@pytest.mark.parametrize(("units", "expected"), [(10, True), (100, True), (500, False)])
def test_linear_layers_that_are_not_pruned_count(units: int, expected: bool) -> None:
    """With 500 units, a step on the kept weights takes 1.2 times as long as a masked dense one."""
    convolutions = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 64, 3, padding=1), nn.ReLU()]
    linear = [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16384, units), nn.ReLU(), nn.Linear(units, 10)]
    module = nn.Sequential(*convolutions, *linear)
    network = read_network(module, (3, 32, 32))
    assert network is not None
    weights = {name: value.detach() for name, value in module.named_parameters()}
    masks = {name: np.arange(weights[name].numel()).reshape(1, *weights[name].shape) % 33 == 0 for name in weights}
    assert pays(network, weights, {name: masks[name] for name in ("0.weight", "2.weight")}, 64) == expected
    assert pays(network, weights, masks, 64)


def test_examples_by_which_a_batch_is_padded_count() -> None:
    assert chosen(DENSEST / 2, 16) and not chosen(DENSEST / 2, 4)


def sparse(make_task: Any, module: nn.Module, weights: dict[str, torch.Tensor], **recipe: Any) -> bool:
    masks = {"0.weight": np.zeros((3, 4, 1, 3, 3), bool)}
    return bool(Cohort(make_task(module, batch_size=16, **recipe), weights, masks).convolutions)


def test_it_is_for_single_precision_and_masks(make_task: Any) -> None:
    weights = {name: torch.from_numpy(value) for name, value in initial(small).items()}
    assert sparse(make_task, small(), weights)
    assert not sparse(make_task, small(), weights, precision="bf16")
    assert not sparse(make_task, small(), {name: value.double() for name, value in weights.items()})
    assert not Cohort(make_task(small(), batch_size=16), weights).convolutions


def test_the_bound_is_one_number(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {name: torch.from_numpy(value) for name, value in initial(small).items()}
    monkeypatch.setattr(choice, "DENSEST", -1.0)
    assert not sparse(make_task, small(), weights)
