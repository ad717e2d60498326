"""Networks of linear layers: recognised exactly, and equal to autograd in outputs and gradients."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from lth_core.engine import linear_network
from lth_core.engine.linear_network import LinearNetwork, linear, worth_onednn


def network(*sizes: int, bias: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class OwnForward(nn.Sequential):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs) ** 2


def shared() -> nn.Sequential:
    layer = nn.Linear(5, 5)
    return nn.Sequential(layer, nn.ReLU(), layer)


def shared_bias() -> nn.Sequential:
    module = network(5, 5, 5)
    module[3].bias = module[1].bias
    return module


def hooked() -> nn.Sequential:
    module = network(5, 4)
    module[1].register_forward_hook(lambda layer, inputs, outputs: 2 * outputs)
    return module


@pytest.mark.parametrize(
    "module", [network(8, 4), network(8, 6, 4), network(8, 6, 5, 4, bias=False), network(8, 6, 4)[1:]]
)
def test_plain_sequences_of_linear_layers_and_relu_are_recognised(module: nn.Sequential) -> None:
    actual = LinearNetwork.of(module)
    assert actual is not None
    names = [name for layer in actual.layers for name in layer if name]
    assert names == [name for name, _ in module.named_parameters()]


@pytest.mark.parametrize(
    "module",
    [
        nn.Linear(4, 4),
        nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.1), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(4, 4), nn.ReLU()),
        nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)),
        nn.Sequential(nn.Flatten(0), nn.Linear(4, 4)),
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(4, 4)),
        OwnForward(nn.Linear(4, 4)),
        shared(),
        shared_bias(),
        hooked(),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))),
    ],
)
def test_anything_else_is_left_to_autograd(module: nn.Module) -> None:
    assert LinearNetwork.of(module) is None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("worth", [0, 10**12], ids=["oneDNN", "default"])
@pytest.mark.parametrize("replicates", [None, 3])
def test_outputs_and_gradients_equal_those_of_autograd(
    monkeypatch: pytest.MonkeyPatch, bias: bool, worth: int, replicates: int | None
) -> None:
    monkeypatch.setattr(linear_network, "WORTH_ONEDNN", worth)
    module = network(20, 30, 10, 4, bias=bias).double() if worth else network(20, 30, 10, 4, bias=bias)
    actual = LinearNetwork.of(module)
    inputs = torch.randn(7, 20, dtype=next(module.parameters()).dtype)
    outputs = module(inputs)
    towards = torch.randn_like(outputs)
    expected = torch.autograd.grad((outputs * towards).sum(), list(module.parameters()))

    def stacked(value: torch.Tensor) -> torch.Tensor:
        return value if replicates is None else torch.stack([value] * replicates)

    parameters = {name: stacked(value.detach()) for name, value in module.named_parameters()}
    activations = actual.activations(parameters, stacked(inputs))
    torch.testing.assert_close(activations[-1], stacked(outputs.detach()), rtol=1e-5, atol=1e-6)
    gradients = actual.gradients(parameters, activations, stacked(towards))
    for (name, _), gradient in zip(module.named_parameters(), expected, strict=True):
        torch.testing.assert_close(gradients[name], stacked(gradient), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("cpu_info", "worth"),
    [
        ("processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n", 1_500_000),
        ("processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n", 7_000_000),
        ("vendor_id\t: AuthenticAMD\n", 7_000_000),
        ("vendor_id\t: GenuineIntel\ncpu family\t: 6\n", math.inf),
        (None, math.inf),
    ],
)
def test_products_go_through_onednn_where_it_is_faster(tmp_path: Path, cpu_info: str | None, worth: float) -> None:
    if cpu_info:
        (tmp_path / "cpuinfo").write_text(cpu_info)
    assert worth_onednn(tmp_path / "cpuinfo") == worth


def test_onednn_is_exact_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_network, "WORTH_ONEDNN", 0)
    inputs, weight = torch.randn(64, 300), torch.randn(200, 300)
    exact = (inputs.double() @ weight.double().T).float()
    torch.testing.assert_close(linear(inputs, weight), exact, rtol=1e-5, atol=1e-4)
