"""Training in simulated 8 bits: every operand of a product is rounded to one of 255 values, up or down at random.

After Yang et al. 2019 (SWALP, arXiv 1904.11943), with which You et al. 2020 search for early birds. A tensor has one
scale, its largest absolute value over 127. Values are rounded up with the probability that keeps their mean (stochastic
rounding). In linear layers and convolutions these are the inputs and weights on the way forward, the gradients by
outputs on the way back, and the gradients by weights that come of them. Sums are float32, as those of 8-bit hardware
are 32 bits wide; so are the weights between steps and momentum, which are 8 bits wide in SWALP, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LARGEST = 127
"""Of the whole numbers that values are rounded to, in both directions."""
PRODUCTS = {
    functional.linear,
    *(functional.conv1d, functional.conv2d, functional.conv3d),
    *(functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d),
}


def rounded(values: Tensor) -> Tensor:
    """Round values to multiples of their largest absolute value over 127, at random, so that means are kept.

    Draws from torch's global generator of the device. Values that are not finite become nan, all of a tensor.
    """
    scale = (values.abs().amax() / LARGEST).clamp_min(torch.finfo(values.dtype).tiny)
    return (values / scale).add_(torch.rand_like(values)).floor_().clamp_(-LARGEST, LARGEST) * scale


class _Rounding(torch.autograd.Function):
    """Round values on the way forward, their gradient on the way back, or both."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, forth: bool, back: bool) -> Tensor:
        ctx.back = back
        return rounded(values) if forth else values.view_as(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        return rounded(gradient) if ctx.back else gradient, None, None


class EightBits(TorchFunctionMode):
    """While this mode is active, linear layers and convolutions compute with 8 bits, and their gradients will."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func not in PRODUCTS:
            return func(*args, **named)
        named |= zip(("input", "weight"), args[:2], strict=False)
        inputs = _Rounding.apply(named.pop("input"), True, False)
        weights = _Rounding.apply(named.pop("weight"), True, True)
        return _Rounding.apply(func(inputs, weights, *args[2:], **named), False, True)
