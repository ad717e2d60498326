"""Permutation symmetries: the groups of known networks, the same function after permuting, None for all else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from lth_core.config import Initialization
from lth_core.models import symmetries as module_under_test
from lth_core.models.initialization import initialize
from lth_core.models.inputs import TokenShape
from lth_core.models.layers import prunable_weights
from lth_core.models.symmetries import Group, TensorAxis, symmetries
from lth_core.registry import model
from tests.models.test_catalogue import NAMES, build

SHAPE = (3, 16, 16)
MAKE_IMAGES = ("denoiser", "gan", "vae")
OPTIONS = {"lenet": {"hidden": [7, 5]}, "resnet18": {}, "resnet50": {}}


def thin(name: str) -> nn.Module:
    """A built-in network, with few units where that can be chosen."""
    return build(name, SHAPE, **OPTIONS.get(name, {"width": 0.5 if name.startswith("resnet") else 0.1}))


def random_weights(network: nn.Module, seed: int = 0) -> dict[str, np.ndarray]:
    """theta_0 with statistics and biases that are not all equal."""
    random = np.random.default_rng(seed)
    weights = initialize(lambda: network, Initialization(weights="kaiming-normal", batchnorm="uniform"), seed)
    return {
        name: random.uniform(0.5, 1.5, value.shape).astype(np.float32) if value.ndim == 1 else value.copy()
        for name, value in weights.items()
    }


def shuffled(weights: dict[str, np.ndarray], groups: list[Group], seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    for group in groups:
        weights = group.permute(weights, random.permutation(group.size))
    return weights


def outputs(network: nn.Module, weights: dict[str, np.ndarray], inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        tensors = {name: torch.as_tensor(value) for name, value in weights.items()}
        return functional_call(network.eval(), tensors, (inputs,))


# ---------------------------------------------------------------- known networks


def test_the_units_of_a_layer_lie_in_its_rows_its_bias_and_the_next_layers_columns():
    first, second = symmetries(build("lenet", (1, 4, 4), hidden=[6, 5]), (1, 4, 4))
    assert first == Group(6, (TensorAxis("fc1.bias", 0), TensorAxis("fc1.weight", 0), TensorAxis("fc2.weight", 1)))
    assert second == Group(5, (TensorAxis("fc2.bias", 0), TensorAxis("fc2.weight", 0), TensorAxis("fc3.weight", 1)))


def test_a_channel_that_is_flattened_lies_in_as_many_columns_as_it_has_pixels():
    groups = symmetries(build("conv-2", (1, 8, 8)), (1, 8, 8))
    assert TensorAxis("fc1.weight", 1, repeats=16) in groups[1].axes  # 4x4 pixels after pooling


def test_batch_norm_is_permuted_with_its_statistics():
    axes = symmetries(build("vgg-11", SHAPE, width=0.1), SHAPE)[0].axes
    norm = {f"bn1.{name}" for name in ("weight", "bias", "running_mean", "running_var")}
    assert {along.tensor for along in axes} == {"conv1.weight", "conv2.weight", *norm}


def test_residual_blocks_share_the_units_of_their_stage():
    groups = symmetries(build("resnet-20"), SHAPE)
    stages = [group for group in groups if any(along.tensor.endswith("0.bn2.bias") for along in group.axes)]
    assert len(groups) == 3 + 9 and [group.size for group in stages] == [16, 32, 64]
    assert {along.tensor for along in stages[0].axes if along.axis == 1} == {
        *(f"stages.stage1.{block}.conv1.weight" for block in range(3)),
        *("stages.stage2.0.conv1.weight", "stages.stage2.0.shortcut.conv.weight"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_network_is_traced_and_computes_the_same_after_permuting(name: str):
    network = thin(name)
    groups = symmetries(network, SHAPE)
    weights = random_weights(network)
    moved = shuffled(weights, groups)
    inputs = torch.rand(2, *SHAPE)
    first, second = outputs(network, weights, inputs), outputs(network, moved, inputs)
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4 * float(first.abs().max()))
    unmoved = {layer for layer in prunable_weights(network) if np.array_equal(weights[layer], moved[layer])}
    assert not unmoved  # all layers take part
    last = prunable_weights(network)[-1].replace("weight", "bias")
    assert np.array_equal(weights[last], moved[last])  # classes stay where they are


def test_a_network_without_hidden_units_has_no_groups():
    assert symmetries(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), (1, 4, 4)) == []


# ---------------------------------------------------------------- networks of users


class Own(nn.Module):
    """A forward of its own: view, functional pooling, a residual sum, a mean over pixels, a layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.inner, self.outer = nn.Conv2d(6, 4, 1), nn.Conv2d(4, 6, 1)
        self.hidden, self.again, self.output = nn.Linear(24, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, images):
        hidden = functional.max_pool2d(functional.relu(self.norm(self.conv(images))), 4)
        hidden = hidden + 0.5 * self.outer(functional.gelu(self.inner(hidden)))
        hidden = functional.dropout(self.hidden(hidden.view(hidden.size(0), -1)).relu(), 0.5, self.training)
        return self.output(self.again(self.again(hidden)))


def test_a_users_network_is_understood():
    network = Own()
    groups = symmetries(network, (1, 8, 8))
    assert sorted(group.size for group in groups) == [4, 6, 8]
    weights = random_weights(network)
    moved, inputs = shuffled(weights, groups), torch.rand(2, 1, 8, 8)
    assert not np.array_equal(weights["again.weight"], moved["again.weight"])
    torch.testing.assert_close(outputs(network, weights, inputs), outputs(network, moved, inputs))


def test_units_side_by_side_lie_in_the_columns_from_where_they_begin():
    network = Forward(lambda hidden, _: torch.cat([hidden, hidden.relu()], dim=1), 12)
    (group,) = symmetries(network, (1, 4, 4))
    assert [along for along in group.axes if along.axis == 1] == [
        TensorAxis("second.weight", 1, first=0),
        TensorAxis("second.weight", 1, first=6),
    ]


def test_depthwise_convolutions_keep_channels_and_repeat_them():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 2, groups=4), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 3)
    )
    (group,) = symmetries(network, (1, 4, 4))
    assert group.size == 4
    assert {TensorAxis("1.weight", 0, repeats=2), TensorAxis("4.weight", 1, repeats=2)} <= {*group.axes}


def test_of_a_network_that_is_understood_in_part_the_other_units_are_listed():
    """Units that a softmax mixes stay, those of the layer before it do not."""

    def between(hidden, module):
        return module.inner(hidden.relu()).softmax(dim=1)

    network = Forward(between)
    network.inner = nn.Linear(6, 6)
    assert symmetries(network, (1, 4, 4)) is None
    (group,) = symmetries(network, (1, 4, 4), partly=True)
    assert group.axes == (TensorAxis("first.bias", 0), TensorAxis("first.weight", 0), TensorAxis("inner.weight", 1))


@pytest.mark.parametrize("tied", [False, True])
def test_in_a_transformer_those_are_the_mlps_width_and_the_heads(tied: bool):
    network = model.get("transformer")(7, 6, layers=1, heads=2, width=8, tied=tied)
    heads, hidden = symmetries(network, TokenShape((6,)), partly=True)
    assert (heads.size, heads.heads) == (2, ("blocks.0.heads",))
    rows = [TensorAxis("blocks.0.attention.weight", 0, repeats=4, first=first) for first in (0, 8, 16)]
    assert {*rows, TensorAxis("blocks.0.projection.weight", 1, repeats=4)} <= {*heads.axes}
    assert hidden.size == 32 and TensorAxis("blocks.0.mlp.2.weight", 1) in hidden.axes


def test_the_network_is_left_as_it_was():
    network = Own().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    symmetries(network, (1, 8, 8))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


class Forward(nn.Module):
    """Two layers with any function between them."""

    def __init__(self, between: Any, features: int = 6) -> None:
        super().__init__()
        self.first, self.between, self.second = nn.Linear(16, 6), between, nn.Linear(features, 3)
        self.scale = nn.Parameter(torch.linspace(1, 2, 6))

    def forward(self, images):
        return self.second(self.between(self.first(images.flatten(1)), self))


def branching(hidden, module):
    return hidden if hidden.sum() > 0 else -hidden


UNKNOWN = {
    "a function of all units": Forward(lambda hidden, _: hidden.softmax(dim=1)),
    "a sum over units": Forward(lambda hidden, _: hidden.cumsum(dim=1)),
    "units picked by number": Forward(lambda hidden, _: hidden[:, 2:5], 3),
    "a parameter of its own": Forward(lambda hidden, module: hidden * module.scale),
    "layer norm": Forward(lambda hidden, _: functional.layer_norm(hidden, (6,))),
    "pooling over units": Forward(lambda hidden, _: functional.max_pool1d(hidden, 3, 1, 1)),
    "units that become pixels": Forward(lambda hidden, _: hidden.view(-1, 2, 3).mean(dim=2), 2),
    "a choice by value": Forward(branching),
    "units side by side, then added to others": Forward(
        lambda hidden, _: torch.cat([hidden[:, :2], hidden[:, 2:]], dim=1) + hidden
    ),
    "grouped convolution": nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 2, groups=2), nn.Flatten(), nn.Linear(4, 3)
    ),
    "transposed convolution": nn.Sequential(nn.ConvTranspose2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 3)),
    "recurrence": nn.Sequential(nn.Flatten(2), nn.LSTM(16, 4)),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_understood_has_no_known_symmetries(case: str):
    shape = (1, 4, 4)
    assert symmetries(UNKNOWN[case], shape) is None


def test_groups_that_change_the_function_are_refused(monkeypatch: pytest.MonkeyPatch):
    network = build("lenet", (1, 4, 4), hidden=[6, 5])
    right = symmetries(network, (1, 4, 4))
    for wrong in ([Group(6, right[0].axes[:2])], [Group(6, (*right[0].axes, TensorAxis("fc3.bias", 0)))]):
        monkeypatch.setattr(module_under_test, "trace_units", lambda *_, wrong=wrong: wrong)
        assert symmetries(network, (1, 4, 4)) is None


def test_a_group_permutes_units_with_all_their_entries():
    group = Group(3, (TensorAxis("w", 1, repeats=2), TensorAxis("b", 0)))
    weights = {"w": np.array([[0, 1, 10, 11, 20, 21]]), "b": np.array([0, 1, 2]), "other": np.ones(3)}
    moved = group.permute(weights, np.array([2, 0, 1]))
    assert moved["w"].tolist() == [[20, 21, 0, 1, 10, 11]] and moved["b"].tolist() == [2, 0, 1]
    assert weights["b"].tolist() == [0, 1, 2] and moved["other"] is weights["other"]


@pytest.mark.parametrize("name", MAKE_IMAGES)
def test_networks_that_make_images_are_understood_or_left_alone(name: str):
    network = model.call(name, {"input_shape": (1, 4, 4)}, {})
    shape = (16 + network.extra_inputs,)
    groups = symmetries(network, shape)
    assert (groups is None) == (name != "denoiser")  # the others draw from what they compute, or play two parts
    weights, inputs = random_weights(network), torch.rand(3, *shape)
    moved = shuffled(weights, groups or [])
    first, second = outputs(network, weights, inputs), outputs(network, moved, inputs)
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4 * float(first.abs().max()))


def test_every_registered_network_of_the_project_for_images_is_tested():
    built_in = {name for name in model.names() if model.get(name).__module__.startswith("lth_core.")}
    assert {*NAMES, *MAKE_IMAGES} == {name for name in built_in if model.uses(name, "input_shape")}
