"""Batch norms of images with channels last are as precise as their inputs, and nn.BatchNorm2d in everything else."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

from lth_core.engine.batch_norm import PreciseBatchNorm, precise


def images(channels: int, mean: float = 0.0, side: int = 9, examples: int = 10) -> Tensor:
    random = torch.Generator().manual_seed(0)
    values = torch.randn(examples, channels, side, side, generator=random) + mean
    return values.contiguous(memory_format=torch.channels_last)


def layer(channels: int, **options: float | None) -> nn.BatchNorm2d:
    torch.manual_seed(1)
    plain = nn.BatchNorm2d(channels, **options)  # pyright: ignore[reportArgumentType]
    for parameter in plain.parameters():
        parameter.data.normal_()
    return plain


def computed(norm: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Outputs, gradients and statistics after one call."""
    inputs = inputs.detach().requires_grad_()
    outputs = norm(inputs)
    upstream = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(2)).to(outputs.dtype)
    gradients = torch.autograd.grad(outputs, [inputs, *norm.parameters()], upstream)
    return {
        "outputs": outputs,
        **dict(zip(("inputs", "weight", "bias"), gradients, strict=True)),
        **dict(norm.named_buffers()),
    }


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"momentum": 0.3, "eps": 0.1}])
@pytest.mark.parametrize("mean", [0.0, 10.0, 1000.0])
@pytest.mark.parametrize("channels", [16, 48, 8, 10, 40])  # of 8 and 10 channels, rows of several pixels
def test_it_computes_what_double_precision_does(channels: int, mean: float, options: dict[str, float | None]) -> None:
    plain, inputs = layer(channels, **options), images(channels, mean, examples=16)
    exact = computed(copy.deepcopy(plain).double(), inputs.double())
    for name, actual in computed(precise(plain), inputs).items():
        scale = exact[name].abs().max().clamp(min=1e-3)
        # inputs themselves are rounded in proportion to their mean
        error = ((actual.double() - exact[name].double()).abs().max() / scale).item()
        assert error < 1e-6 * max(1.0, mean), name


@pytest.mark.parametrize("first", [1, 3, 60])
@pytest.mark.parametrize("channels", [16, 24, 200])
def test_it_is_as_precise_where_examples_differ(channels: int, first: int) -> None:
    """The mean of what comes first says little of the others."""
    plain, inputs = layer(channels), images(channels, side=8, examples=64)
    inputs = 0.01 * inputs
    inputs[first:] += 100.0
    exact = computed(copy.deepcopy(plain).double(), inputs.double())
    for name, actual in computed(precise(plain), inputs).items():
        scale = exact[name].abs().max().clamp(min=1e-3)
        assert ((actual.double() - exact[name].double()).abs().max() / scale).item() < 1e-5, name


def test_inputs_that_are_all_the_same_have_no_variance() -> None:
    norm = precise(layer(16, momentum=1.0))
    norm(images(16) * 0 + 0.1)
    torch.testing.assert_close(norm.running_var, torch.zeros(16), atol=1e-12, rtol=0)


@pytest.mark.parametrize("channels", [8, 16, 20])
def test_it_is_more_precise_than_torch(channels: int) -> None:
    plain, inputs = layer(channels), images(channels, 3.0, side=32, examples=64)
    exact = computed(copy.deepcopy(plain).double(), inputs.double())["weight"]
    errors = [(computed(norm, inputs)["weight"] - exact).abs().max() for norm in (copy.deepcopy(plain), precise(plain))]
    assert errors[1] < errors[0] / 10


def test_it_keeps_names_and_type() -> None:
    module = nn.Sequential(nn.Conv2d(3, 16, 1), nn.BatchNorm2d(16), nn.BatchNorm1d(4))
    names = list(module.state_dict())
    assert precise(module) is module and list(module.state_dict()) == names
    assert isinstance(module[1], nn.BatchNorm2d) and type(module[1]) is PreciseBatchNorm
    assert type(module[2]) is nn.BatchNorm1d


@pytest.mark.parametrize(
    "inputs",
    [
        images(16).contiguous(),
        images(12),
        images(16).double(),
        images(16)[:, :, :1, :1],
    ],
)
def test_torch_computes_what_the_kernels_do_not_take(inputs: Tensor) -> None:
    plain = layer(inputs.shape[1]).to(inputs.dtype)
    expected = computed(copy.deepcopy(plain), inputs)
    for name, actual in computed(precise(plain), inputs).items():
        torch.testing.assert_close(actual, expected[name], msg=name)


def test_evaluation_is_torchs() -> None:
    plain, inputs = layer(16), images(16)
    computed(plain, inputs)
    expected = plain.eval()(inputs)
    assert torch.equal(precise(plain).eval()(inputs), expected)


def test_one_value_per_channel_is_refused_as_torch_does() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        precise(layer(16))(images(16, side=1, examples=1))


def test_several_networks_at_once_are_torchs() -> None:
    norm, inputs = precise(layer(16)), torch.stack([images(16), images(16, 2.0)])
    buffers = {name: torch.stack([value] * 2) for name, value in norm.named_buffers()}

    def outputs(statistics: dict[str, Tensor], batch: Tensor) -> Tensor:
        return torch.func.functional_call(norm, statistics, (batch,))

    together = vmap(outputs)(buffers, inputs)
    torch.testing.assert_close(together[1], layer(16)(inputs[1]), rtol=1e-4, atol=1e-4)
