"""Batch norm in training that is as precise as its inputs, for images with channels last on a CPU.

torch adds up all pixels of a channel in float32 there, one after the other, which costs up to two digits of the
gradients (with channels first it does not). Parameters, buffers and everything else are those of nn.BatchNorm2d.
"""

# torch gives the statistics of a batch norm types that are optional.
# pyright: reportOptionalMemberAccess=false, reportArgumentType=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

LANES = 16
"""Channels that the kernels take at a time."""

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
    if not plain or images.ndim != 4 or images.shape[1] % LANES or images.numel() <= images.shape[1]:
        return False
    try:
        return images.is_contiguous(memory_format=torch.channels_last)
    except RuntimeError:  # under vmap
        return False


class _Normalized(torch.autograd.Function):
    """Inputs of mean 0 and variance 1 in every channel, scaled and shifted; and the mean and variance that they had."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        from lth_core.engine import batch_norm_kernels

        channels = images.shape[1]
        mean, variance = np.empty(channels, np.float32), np.empty(channels)
        batch_norm_kernels.moments(_flat(images), channels, mean, variance)
        deviation = 1 / np.sqrt(variance + eps)
        scale = (weight.numpy() * deviation).astype(np.float32)
        outputs = torch.empty_like(images)
        batch_norm_kernels.normalize(_flat(images), _flat(outputs), mean, scale, bias.contiguous().numpy())
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
        count, channels = images.numel() // images.shape[1], images.shape[1]
        total, along = np.zeros(channels), np.zeros(channels)
        batch_norm_kernels.sums(_flat(images), _flat(gradient), ctx.mean, total, along)
        offset, slope = (total / count, along * ctx.deviation**2 / count)
        by_images = torch.empty_like(images)
        coefficients = (array.astype(np.float32) for array in (offset, slope))
        batch_norm_kernels.normalize_backward(
            _flat(images), _flat(gradient), _flat(by_images), ctx.mean, ctx.scale, *coefficients
        )
        by_weight, by_bias = (torch.from_numpy(a.astype(np.float32)) for a in (along * ctx.deviation, total))
        return by_images, by_weight, by_bias, None


def _flat(images: Tensor) -> Float[np.ndarray, " numbers"]:
    """The numbers of images with channels last, in their order in memory."""
    return images.detach().permute(0, 2, 3, 1).reshape(-1).numpy()
