"""Layers that look at a whole minibatch, where each of several processes has a share of it.

`synchronized` replaces batch norms and dropouts by layers that compute what one process would with all examples, on
any device (PyTorch's SyncBatchNorm is for GPUs only). Parameters and buffers keep their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from lth_core.runtime.shares import Share

if TYPE_CHECKING:
    from jaxtyping import Float

MULTIPLYING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Dropouts that multiply their inputs by random numbers."""


class SharingError(ValueError):
    """A network that several processes cannot train together, in one line."""


def synchronized(module: nn.Module, share: Share) -> nn.Module:
    """Change a network, in place, for processes that each have a share of a minibatch; leave it as it is for one alone.

    Numbers that other modules draw in their forward pass are the same in all processes. Raises SharingError for layers
    that cannot be synchronized.
    """
    layers = list(module.named_modules(remove_duplicate=False)) if share.processes > 1 else []
    for path, layer in layers:
        new = _replacement(path, layer, share)
        if new and not path:
            return new
        if new:
            parent, _, name = path.rpartition(".")
            setattr(module.get_submodule(parent), name, new)
    return module


def _replacement(path: str, layer: nn.Module, share: Share) -> nn.Module | None:
    if isinstance(layer, _BatchNorm):
        if layer.running_mean is None:
            raise SharingError(f"layer '{path}' has no running statistics: train in one process (processes: 1)")
        return SynchronizedBatchNorm.of(layer)
    if isinstance(layer, _DropoutNd):
        if not isinstance(layer, MULTIPLYING):
            raise SharingError(f"layer '{path}' cannot be shared: train in one process (processes: 1)")
        return SharedDropout(layer, share)
    return None


class SharedDropout(nn.Module):
    """The noise that the examples of a share get in the whole minibatch."""

    def __init__(self, layer: nn.Module, share: Share):
        super().__init__()
        self.layer, self.share = layer, share

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        minibatch = inputs.new_ones(len(inputs) * self.share.processes, *inputs.shape[1:])
        return inputs * self.layer(minibatch)[self.share.slice]


class SynchronizedBatchNorm(_BatchNorm):
    """Batch norm with the statistics of all processes' examples, of which each process has equally many."""

    # There always are running statistics, which an ordinary one may lack.
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    @classmethod
    def of(cls, layer: _BatchNorm) -> SynchronizedBatchNorm:
        """Build one with the parameters and buffers of an ordinary batch norm."""
        new = cls(layer.num_features, layer.eps, layer.momentum, affine=False)
        new.weight, new.bias, new.training = layer.weight, layer.bias, layer.training
        for name, buffer in layer.named_buffers():
            setattr(new, name, buffer)
        return new

    def forward(self, inputs: Float[Tensor, "batch channels *positions"]) -> Float[Tensor, "batch channels *positions"]:
        if not self.training:
            learnt = (self.running_mean, self.running_var, self.weight, self.bias)
            return nn.functional.batch_norm(inputs, *learnt, eps=self.eps)
        mean, variance, count = _moments(inputs)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            rate = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.to(self.running_mean), rate)
            self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var), rate)
        outputs = _Normalized.apply(inputs, mean, (variance + self.eps).rsqrt())
        if self.weight is None:
            return outputs
        scaled = torch.addcmul(_by_channel(self.bias, inputs), outputs, _by_channel(self.weight, inputs))
        return scaled.to(inputs.dtype)  # under autocast, as BatchNorm2d's


@torch.no_grad()
def _moments(
    inputs: Float[Tensor, "batch channels *positions"],
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"], int]:
    """Mean and variance over all processes' inputs, and the number of values that each is made of."""
    moments = torch.stack(torch.var_mean(_precise(inputs), _others(inputs), correction=0)[::-1])
    by_process = moments.new_empty(distributed.get_world_size(), *moments.shape)
    distributed.all_gather_into_tensor(by_process.flatten(0, 1), moments)
    means, variances = by_process.unbind(1)
    count = len(by_process) * inputs.numel() // inputs.shape[1]
    return means.mean(0), variances.mean(0) + means.var(0, correction=0), count


class _Normalized(torch.autograd.Function):
    """(inputs - mean) * scale, with the gradient through the mean and the scale (1 / deviation) of all processes.

    Ioffe & Szegedy 2015, section 3. Only the outputs are kept for the backward pass.
    """

    @staticmethod
    def forward(context: Any, inputs: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        outputs = (inputs - _by_channel(mean, inputs)).mul_(_by_channel(scale, inputs)).to(inputs.dtype)
        context.save_for_backward(outputs, scale)
        return outputs

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        outputs, scale = context.saved_tensors
        axes = _others(gradient)
        means = torch.stack([_precise(gradient).mean(axes), _precise(gradient * outputs).mean(axes)])
        distributed.all_reduce(means)
        shift, slope = means / distributed.get_world_size()
        centred = (gradient - _by_channel(shift, gradient)).sub_(outputs * _by_channel(slope, gradient))
        return centred.mul_(_by_channel(scale, gradient)).to(gradient.dtype), None, None


def _precise(values: Tensor) -> Tensor:
    """In float32 where they have a lower precision."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _others(values: Tensor) -> list[int]:
    """All axes but that of the channels."""
    return [axis for axis in range(values.ndim) if axis != 1]


def _by_channel(
    values: Float[Tensor, " channels"], like: Float[Tensor, "batch channels *positions"]
) -> Float[Tensor, "1 channels *ones"]:
    """Values per channel, to be multiplied with others."""
    return values.view(1, -1, *[1] * (like.ndim - 2))
