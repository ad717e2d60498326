"""One replicate of a network of convolutions: outputs and gradients of its kept weights.

Steps between two batch norms, which look at all examples at once, are computed for a few chunks of examples at a time,
so that one finds in the cache what the step before has left there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.engine.convolutions.network import BatchNorm
from lth_core.engine.convolutions.patterns import patterns
from lth_core.engine.convolutions.steps import Stage, Steps
from lth_core.engine.convolutions.workspace import LANES, Workspace

if TYPE_CHECKING:
    from jaxtyping import Float


class SparseConvolutions:
    """One replicate: `trained` holds its kept weights and other parameters, `gradient` the loss's gradient by them."""

    trained: Float[Tensor, " values"]
    gradient: Float[Tensor, " values"]

    def __init__(
        self,
        workspace: Workspace,
        module: nn.Module,
        weights: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        mask: Mapping[str, np.ndarray],
    ):
        """From one replicate's tensors, which are 0 where a mask is False; buffers change in place."""
        self.workspace, network = workspace, workspace.network
        kept = {name: mask.get(name, np.ones(weights[name].shape, dtype=bool)) for name in network.parameters}
        names = [name for name, value in module.named_parameters() if value.requires_grad]
        self.flat_indices = {name: torch.from_numpy(np.flatnonzero(kept[name])) for name in names}
        self.trained = torch.cat([weights[name].flatten()[self.flat_indices[name]] for name in names])
        self.gradient = torch.zeros_like(self.trained)
        sizes = [len(self.flat_indices[name]) for name in names]
        self._slices = dict(zip(names, self.trained.split(sizes), strict=True))
        frozen = {name: weights[name].numpy()[kept[name]] for name in network.parameters if name not in names}
        values = frozen | {name: values.numpy() for name, values in self._slices.items()}
        parts = zip(names, self.gradient.split(sizes), strict=True)
        gradients = {name: np.zeros_like(value) for name, value in frozen.items()}
        gradients |= {name: gradient.numpy() for name, gradient in parts}
        maps = workspace.maps
        of_layers = {
            step.weight: patterns(step, maps[step.source], maps[step.target], kept[step.weight])
            for step in network.weighted
        }
        norms: dict[str, Any] = {
            step.path: module.get_submodule(step.path) for step in network.steps if isinstance(step, BatchNorm)
        }
        self.steps = Steps(workspace, of_layers, values, gradients, norms, buffers)

    def write_into(self, weights: Mapping[str, Tensor]) -> None:
        """Write the present values into the replicate's tensors, in place."""
        for name, values in self._slices.items():
            weights[name].view(-1).index_copy_(0, self.flat_indices[name], values)

    def outputs(
        self, images: Float[Tensor, "batch channels height width"], training: bool = True
    ) -> Float[Tensor, "batch outputs"]:
        """Compute the outputs of at most as many examples as the workspace holds.

        In training, batch norms go by the examples, and update their statistics (`buffers`).
        """
        from lth_core.engine.convolutions import map_kernels

        work = self.workspace
        work.hold(len(images))
        map_kernels.pack(work.maps[0].layout(len(images)), images.numpy(), work.values[0])
        self._run(stage for step in work.network.steps for stage in self.steps.forward(step, training))
        outputs = self._scores(work.values[-1]).transpose(0, 2, 1).reshape(work.used * LANES, -1)
        return torch.from_numpy(outputs[: len(images)].copy())

    def evaluated(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch outputs"]:
        """Compute the outputs of any number of examples out of training."""
        pieces = images.split(self.workspace.capacity)
        return torch.cat([self.outputs(piece, training=False) for piece in pieces])

    def fill_gradient(self, by_outputs: Float[Tensor, "batch outputs"]) -> None:
        """Fill `gradient`, given the loss's gradient by the outputs that were computed last."""
        work = self.workspace
        padded = np.zeros((work.used * LANES, by_outputs.shape[1]), np.float32)
        padded[: len(by_outputs)] = by_outputs.numpy()
        by_scores = self._scores(work.turns[0].by_target)
        by_scores[:] = padded.reshape(work.used, LANES, -1).transpose(0, 2, 1)
        if work.network.is_relu[-1]:
            by_scores[self._scores(work.values[-1]) <= 0] = 0
        self._run(stage for turn in work.turns for stage in self.steps.backward(turn))

    def _scores(self, maps: np.ndarray) -> Float[np.ndarray, "used outputs lanes"]:
        """The outputs, which are maps of one pixel."""
        last, work = self.workspace.maps[-1], self.workspace
        first = last.at(0, 0)
        return maps.reshape(work.chunks, last.channels, last.plane)[: work.used, :, first : first + LANES]

    def _run(self, stages: Iterable[Stage]) -> None:
        """Do stages in their order; between those that need all examples, chunk by chunk."""
        waiting: list[Stage] = []
        for stage in stages:
            if stage.before:
                self._work(waiting)
                stage.before()
                waiting = []
            waiting.append(stage)
        self._work(waiting)

    def _work(self, stages: list[Stage]) -> None:
        chunks, at_once = self.workspace.used, max([stage.at_least for stage in stages], default=1)
        for first in range(0, chunks, at_once):
            for stage in stages:
                for work in stage.works:
                    work(first, min(first + at_once, chunks))
