"""Batch norm in training that is as precise as its inputs, for images with channels last on a CPU.

torch adds up all pixels of a channel in float32 there, one after the other, which costs up to two digits of the
gradients (with channels first it does not). Parameters, buffers and everything else are those of nn.BatchNorm2d.
"""

# torch gives the statistics of a batch norm types that are optional.
# pyright: reportOptionalMemberAccess=false, reportArgumentType=false
from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

LANES = 16
"""Channels that the kernels take at a time: of other numbers of channels several pixels make one row of them."""

if TYPE_CHECKING:
    from jaxtyping import Float


def precise(module: nn.Module) -> nn.Module:
    """Let all batch norms of a module compute precisely, in place; layers of other types stay as they are."""
    for layer in module.modules():
        if type(layer) is nn.BatchNorm2d:
            layer.__class__ = PreciseBatchNorm
    return module


class PreciseBatchNorm(nn.BatchNorm2d):
    """nn.BatchNorm2d, computed by batch_norm_kernels.py where these are for its inputs."""

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Tensor:
        if not (self.training and self.affine and self.track_running_stats and _suits(input, self.weight)):
            return super().forward(input)
        self.num_batches_tracked.add_(1)
        outputs, mean, variance = _Normalized.apply(input, self.weight, self.bias, self.eps)
        momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        count = input.numel() // input.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), momentum)
        return outputs


def _suits(images: Tensor, weight: Tensor) -> bool:
    """Whether the kernels take these images: several values in a channel, as torch demands, too."""
    plain = type(images) is Tensor and images.device.type == "cpu" and images.dtype == weight.dtype == torch.float32
    if not plain or images.ndim != 4 or images.numel() <= images.shape[1]:
        return False
    if images.numel() % (images.shape[1] * _pixels_of_row(images.shape[1])):
        return False
    try:
        return images.is_contiguous(memory_format=torch.channels_last)
    except RuntimeError:  # under vmap
        return False


def _pixels_of_row(channels: int) -> int:
    """The fewest pixels whose numbers are a multiple of LANES."""
    return LANES // gcd(channels, LANES)


class _Normalized(torch.autograd.Function):
    """Inputs of mean 0 and variance 1 in every channel, scaled and shifted; and the mean and variance that they had."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        from lth_core.engine import batch_norm_kernels

        pixels = _pixels_of_row(images.shape[1])
        means = np.empty((pixels, images.shape[1]), np.float32)
        variances = np.empty(means.shape)
        batch_norm_kernels.moments(_flat(images), means.size, means.reshape(-1), variances.reshape(-1))
        mean = means.astype(float).mean(0)
        variance = variances.mean(0) + ((means - mean) ** 2).mean(0)
        deviation = 1 / np.sqrt(variance + eps)
        mean, scale = mean.astype(np.float32), (weight.numpy() * deviation).astype(np.float32)
        outputs = torch.empty_like(images)
        by_row = (np.tile(values, pixels) for values in (mean, scale, bias.numpy()))
        batch_norm_kernels.normalize(_flat(images), _flat(outputs), *by_row)
        ctx.save_for_backward(images)
        ctx.mean, ctx.deviation, ctx.scale = mean, deviation, scale
        moments = torch.from_numpy(mean), torch.from_numpy(variance.astype(np.float32))
        ctx.mark_non_differentiable(*moments)
        return outputs, *moments

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        from lth_core.engine import batch_norm_kernels

        (images,) = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        count, pixels = images.numel() // images.shape[1], _pixels_of_row(images.shape[1])
        totals, alongs = (np.zeros((pixels, images.shape[1])) for _ in range(2))
        mean = np.tile(ctx.mean, pixels)
        batch_norm_kernels.sums(_flat(images), _flat(gradient), mean, totals.reshape(-1), alongs.reshape(-1))
        total, along = totals.sum(0), alongs.sum(0)
        offset, slope = (total / count, along * ctx.deviation**2 / count)
        by_images = torch.empty_like(images)
        by_row = (np.tile(array.astype(np.float32), pixels) for array in (ctx.scale, offset, slope))
        batch_norm_kernels.normalize_backward(_flat(images), _flat(gradient), _flat(by_images), mean, *by_row)
        by_weight, by_bias = (torch.from_numpy(a.astype(np.float32)) for a in (along * ctx.deviation, total))
        return by_images, by_weight, by_bias, None


def _flat(images: Tensor) -> Float[np.ndarray, " numbers"]:
    """The numbers of images with channels last, in their order in memory."""
    return images.detach().permute(0, 2, 3, 1).reshape(-1).numpy()
