"""Layers that look at a minibatch compute in several processes what they compute in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.engine.synchronized import SharingError, synchronized
from lth_core.runtime.shares import ALONE, Share
from tests.support.process_groups import BF16_ROUNDING, in_processes


def normalized(layer: nn.Module, inputs: torch.Tensor, seed: int = 0) -> list[np.ndarray]:
    """Outputs in training, the gradients of a weighted sum of them, the statistics, and outputs in evaluation."""
    inputs = inputs.clone().requires_grad_()
    torch.manual_seed(seed)
    outputs = layer.train()(inputs)
    (outputs * torch.arange(outputs.shape[-1])).sum().backward()
    actual = [outputs, inputs.grad, *(parameter.grad for parameter in layer.parameters()), *layer.buffers()]
    return [value.detach().clone().numpy() for value in [*actual, layer.eval()(inputs)]]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.BatchNorm1d(3), (8, 3)),
        (lambda: nn.BatchNorm1d(3), (8, 3, 5)),
        (lambda: nn.BatchNorm2d(3, momentum=None), (8, 3, 4, 5)),
        (lambda: nn.BatchNorm3d(3, affine=False, eps=0.1, momentum=0.3), (8, 3, 2, 2, 3)),
        (lambda: nn.Dropout(0.4), (8, 7)),
        (lambda: nn.Dropout2d(0.4), (8, 3, 4, 5)),
    ],
)
def test_a_layer_computes_what_torchs_does_for_the_whole_minibatch(layer: Any, shape: tuple[int, ...]) -> None:
    inputs = 50 + torch.from_numpy(np.random.default_rng(0).normal(size=shape))  # far from 0, where variances are lost
    whole = normalized(layer().double(), inputs)

    def work(share: Share) -> list[np.ndarray]:
        return normalized(synchronized(nn.Sequential(layer().double()), share), inputs[share.slice])

    together = in_processes(2, work)
    parameters = len(list(layer().parameters()))
    for index, expected in enumerate(whole):
        parts = [actual[index] for actual in together]
        if index in (0, 1, len(whole) - 1):  # of each example
            joined = np.empty_like(expected)
            joined[0::2], joined[1::2] = parts
        else:  # gradients by parameters add up, statistics are those of all
            joined = sum(parts) if index < 2 + parameters else parts[1]
        np.testing.assert_allclose(joined, expected, rtol=1e-9, atol=1e-9)


def test_in_bf16_a_batch_norm_computes_what_torchs_does_in_the_same_precision() -> None:
    random = torch.Generator().manual_seed(0)
    inputs, gradient = torch.randn(2, 16, 3, 4, 5, generator=random).bfloat16()

    def normed(layer: nn.Module, share_slice: slice) -> list[torch.Tensor]:
        """Outputs, and the gradients of the inputs, the scales and the shifts."""
        given = inputs[share_slice].clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = layer(given)
        outputs.backward(gradient[share_slice])
        return [outputs.detach(), given.grad, *(parameter.grad for parameter in layer.parameters())]

    def work(share: Share) -> list[tuple[torch.dtype, np.ndarray]]:
        actual = normed(synchronized(nn.Sequential(nn.BatchNorm2d(3)), share), share.slice)
        return [(value.dtype, value.float().numpy()) for value in actual]

    whole, parts = normed(nn.BatchNorm2d(3), slice(None)), in_processes(2, work)
    # What is rounded on both sides together: the normalized inputs, the products with the gradient, the results.
    for index, roundings in enumerate((3, 4, 2, 2)):
        assert {part[index][0] for part in parts} == {whole[index].dtype}
        expected, (first, second) = whole[index].float().numpy(), (part[index][1] for part in parts)
        joined = first + second if index > 1 else np.stack([first, second], axis=1).reshape(expected.shape)
        assert np.linalg.norm(joined - expected) <= roundings * BF16_ROUNDING * np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.AlphaDropout(0.1), r"layer 'part\.0' cannot be shared: train in one process \(processes: 1\)"),
        (nn.BatchNorm1d(3, track_running_stats=False), r"layer 'part\.0' has no running statistics"),
    ],
)
def test_layers_that_cannot_be_shared_are_refused(layer: nn.Module, message: str) -> None:
    module = nn.Sequential()
    module.add_module("part", nn.Sequential(layer))
    assert synchronized(module, ALONE) is module and module[0][0] is layer
    with pytest.raises(SharingError, match=message):
        synchronized(module, Share(0, 2))
