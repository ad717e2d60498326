"""The kept weights alone are trained where few multiplications are left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.engine.cohort import Cohort
from lth_core.engine.convolutions import choice
from lth_core.engine.convolutions.choice import DENSEST, FAR, pays
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
    bound = (DENSEST * (36 * 16 + 12) - 12) / (36 * 16)
    assert chosen(bound - 1 / 72, 16) and not chosen(bound + 1 / 72, 16)


def test_layers_of_many_channels_count_half_as_much_again() -> None:
    network = read_network(nn.Sequential(nn.Conv2d(65, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (65, 6, 6))
    assert network is not None
    masks = np.zeros((1, 8, 65, 1, 1), bool)
    masks.flat[: int(520 * DENSEST / FAR)] = True
    weights = {"0.weight": torch.zeros(8, 65, 1, 1)}
    assert pays(network, weights, {"0.weight": masks}, 16)
    masks.flat[: int(520 * DENSEST / FAR) + 1] = True
    assert not pays(network, weights, {"0.weight": masks}, 16)


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
