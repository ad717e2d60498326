"""Networks of convolutions that the engine computes by hand, and what autograd says of them in double precision."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lth_core.engine.convolutions.reading import read_network
from lth_core.engine.convolutions.replicate import SparseConvolutions
from lth_core.engine.convolutions.workspace import Workspace
from lth_core.storage.tensors import Tensors

IMAGE = (2, 11, 9)


def plain() -> nn.Module:
    """As Conv-2: biases, no batch norm, pooling that leaves a row and a column over, several linear layers."""
    convolutions = [nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 5, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 12), nn.ReLU(), nn.Linear(12, 3))


def normalized() -> nn.Module:
    """As VGG: batch norms, pooling of values that a ReLU follows only then, the mean over all pixels."""
    first = [nn.Conv2d(2, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2), nn.ReLU()]
    second = [nn.Conv2d(5, 7, 3, padding=1, bias=False), nn.BatchNorm2d(7, momentum=None), nn.ReLU()]
    return nn.Sequential(*first, *second, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(7, 3))


class Residual(nn.Module):
    """As ResNet: strides, shortcuts of a 1x1 convolution and of none, sums of what was and was not normalized."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 5, stride=(1, 2), padding=2)
        self.second, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.down, self.narrow = nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.Conv2d(4, 6, 1, stride=2, bias=False)
        self.down_norm, self.narrow_norm = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
        self.last = nn.Linear(6, 3)

    def forward(self, images: Tensor) -> Tensor:
        images = functional.relu(self.first(images))
        images = functional.relu(self.norm(self.second(images)) + images)
        images = torch.relu(self.down_norm(self.down(images)) + self.narrow_norm(self.narrow(images)))
        return self.last(images.mean((2, 3)))


class Tangled(nn.Module):
    """Values that several steps take in every way, batch norm before a convolution, kernels of unequal sides."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.first = nn.BatchNorm2d(2), nn.Conv2d(2, 4, (3, 1), padding=(1, 0))
        self.inner, self.second = nn.BatchNorm2d(4), nn.Conv2d(4, 4, (1, 3), padding=(0, 1))
        self.valid, self.hidden, self.last = nn.Conv2d(4, 5, 2), nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, images: Tensor) -> Tensor:
        before = self.first(self.norm(images))
        active = functional.relu(self.inner(before))
        both = self.second(active) + before
        both = functional.relu(both) + both + active
        pooled = functional.max_pool2d(both, 2)
        kept = self.valid(functional.relu(pooled))
        means = kept.mean(dim=[2, 3]) + torch.flatten(functional.adaptive_avg_pool2d(functional.relu(kept), 1), 1)
        return self.last(functional.relu(self.hidden(means)))


class Renamed(nn.Module):
    """Values that are changed in place under their last names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.alias, self.nothing, self.relu = nn.Identity(), nn.Dropout(0.0), nn.ReLU(inplace=True)
        self.last = nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        active = self.relu(self.alias(self.first(images)))
        both = self.nothing(self.second(active))
        both += active
        return self.last(both.mean((2, 3)))


NETWORKS = {"plain": plain, "normalized": normalized, "residual": Residual, "tangled": Tangled, "renamed": Renamed}


def pruned(module: nn.Module, density: float) -> Tensors:
    """Set random weights of convolutions and linear layers to 0, in place, and return their masks.

    Biases and scales are random, too: at 0, rounding would decide which ReLUs are active after a pruned filter.
    """
    masks = {}
    for name, weight in module.named_parameters():
        if weight.ndim > 1:
            kept = torch.rand(weight.shape) < density
            weight.data *= kept
            masks[name] = kept.numpy()
        else:
            weight.data += 0.3 * torch.randn(weight.shape)
    return masks


def replicate(
    module: nn.Module, masks: Tensors, examples: int, shape: tuple[int, int, int] = IMAGE
) -> SparseConvolutions:
    """Make what is tested of a module, with copies of its tensors."""
    network = read_network(module, shape)
    assert network is not None
    weights = {name: value.detach().clone() for name, value in module.named_parameters()}
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    return SparseConvolutions(Workspace(network, examples), module, weights, buffers, masks)


def by_autograd(module: nn.Module, images: Tensor, labels: Tensor) -> tuple[Any, nn.Module]:
    """The outputs, and a copy of the module in double precision that has gradients and new running statistics."""
    exact = copy.deepcopy(module).double().train()
    for part in exact.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(_keep_terms)
    with _Kinks() as kinks:
        outputs = exact(images.double())
    exact.nearest_kink = kinks.nearest
    functional.cross_entropy(outputs, labels).backward()
    return outputs.detach(), exact


class _Kinks(TorchFunctionMode):
    """Watches how near the inputs of ReLUs come to 0, in proportion to the largest of them."""

    nearest = 1.0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in (functional.relu, torch.relu, Tensor.relu):
            sizes = args[0].detach().abs()
            inside = sizes[sizes > 1e-12 * sizes.max()]  # what is 0 but for rounding has no weights before it
            if len(inside):
                self.nearest = min(self.nearest, float(inside.min() / inside.max()))
        return function(*args, **(kwargs or {}))


def near_a_kink(module: Any) -> bool:
    """Tell whether rounding may put a value of `by_autograd` on the other side of a ReLU, where gradients jump."""
    return module.nearest_kink < 1e-6


def _keep_terms(part: Any, _: object, outputs: Tensor) -> None:
    """Keep how large the terms are that the gradient of a convolution's biases is the sum of."""

    def keep(by_outputs: Tensor) -> None:
        part.terms = by_outputs.abs().sum((0, 2, 3))

    outputs.register_hook(keep)


def bias_terms(module: nn.Module, name: str) -> float:
    """The largest sum of absolute terms of a bias's gradient in `by_autograd`; 0 of what is no convolution's bias.

    Rounding is in proportion to them: before a batch norm, which takes a bias out, they cancel, and it is all that is
    left.
    """
    owner, _, kind = name.rpartition(".")
    part: Any = module.get_submodule(owner)
    return float(part.terms.max()) if kind == "bias" and isinstance(part, nn.Conv2d) else 0.0


def fill_gradient(network: SparseConvolutions, outputs: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
    """Fill the gradient of the mean cross-entropy: by name, that of the kept weights."""
    leaf = outputs.clone().requires_grad_()
    functional.cross_entropy(leaf, labels).backward()
    assert leaf.grad is not None
    network.fill_gradient(leaf.grad)
    return {name: torch.from_numpy(value) for name, value in network.steps.gradients.items()}
