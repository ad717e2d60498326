"""Penultimate features: what a classifier's output layer takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lth_core.models.layers import prunable_layers
from lth_core.models.requirements import require


def output_layer(module: nn.Module, input_shape: Sequence[int]) -> nn.Module:
    """Find the layer that computes the scores. Raises ModelError unless it is one layer."""
    kinds = prunable_layers(module, input_shape)
    names = [name for name, kind in kinds.items() if kind == "output" and name.endswith(".weight")]
    require(len(names) == 1, f"it has {len(names)} output layers: penultimate features are what a single one takes")
    return module.get_submodule(names[0].removesuffix(".weight"))


@torch.no_grad()
def features_and_scores(
    module: nn.Module, layer: nn.Module, images: Tensor, piece: int = 1000
) -> tuple[Tensor, Tensor]:
    """Compute what a layer takes (N, features), and the module's scores (N, classes), of images (N, C, H, W).

    The module is put into evaluation mode, and looks at `piece` images at a time.
    """
    taken: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0].flatten(1)))
    try:
        module.eval()
        scores = [module(part) for part in images.split(piece)]
    finally:
        handle.remove()
    return torch.cat(taken), torch.cat(scores)
