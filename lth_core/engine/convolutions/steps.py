"""The steps of a network of convolutions, forward and backward, as calls of the kernels.

numba is imported with the kernels, when a network is computed in this way for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.engine.convolutions.network import BatchNorm, MaxPool, Step, Sum, Weighted
from lth_core.engine.convolutions.patterns import Pattern
from lth_core.engine.convolutions.workspace import LANES, Turn, Workspace

TILE = 8
"""Pixels that the kernels of layers compute at a time."""
Work = Callable[[int, int], object]
"""Computes the chunks from one number to another."""


@dataclass(frozen=True)
class Stage:
    """What is to be done of a step: something for all examples at once, if anything, then work on chunks of them."""

    works: list[Work]
    before: Callable[[], object] | None = None
    at_least: int = 1
    """Chunks that fill a tile of pixels, where maps are narrow."""


@dataclass(frozen=True)
class Steps:
    """The steps of one replicate, given its values and their gradients by name, which the calls read and fill."""

    workspace: Workspace
    patterns: Mapping[str, tuple[Pattern, list[Pattern]]]
    values: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]
    norms: Mapping[str, nn.BatchNorm2d]
    buffers: Mapping[str, Tensor]

    # ------------------------------------------------------------ forward

    def forward(self, step: Step, training: bool) -> list[Stage]:
        """Say how to compute the value of a step."""
        from lth_core.engine.convolutions import layer_kernels, map_kernels

        work = self.workspace
        source, target = work.values[step.source], work.values[step.target]
        layout, layout_to = self._layout(step.source), self._layout(step.target)
        if isinstance(step, Weighted):
            pattern, _ = self.patterns[step.weight]
            start = self.values[step.bias] if step.bias else work.nothing
            arrays = (pattern.layout, pattern.indptr, pattern.distances, self.values[step.weight], source, start)
            call = partial_of(layer_kernels.convolve, *arrays, target, pattern.targets, step.relu, False, False, source)
            return [Stage([call], at_least=at_least(pattern))]
        if isinstance(step, BatchNorm):
            return self._normalize(map_kernels, step, training)
        if isinstance(step, Sum):
            added = source if step.added is None else work.values[step.added]
            options = (step.added is not None, step.relu, False)
            return [Stage([partial_of(map_kernels.combine, layout, source, added, target, *options, source)])]
        if isinstance(step, MaxPool):
            return [Stage([partial_of(map_kernels.max_pool, layout, layout_to, *step.window, source, target)])]
        return [Stage([partial_of(map_kernels.average, layout, layout_to, source, target)])]

    def _normalize(self, kernels: Any, step: BatchNorm, training: bool) -> list[Stage]:
        work, path = self.workspace, f"{step.path}.".lstrip(".")
        layout, source = self._layout(step.source), work.values[step.source]
        mean, deviation = work.moments[step.path] if training else np.empty_like(work.moments[step.path])
        weight, shift, scale = self.values[f"{path}weight"], self.values[f"{path}bias"], np.empty_like(mean)
        layer = self.norms[step.path]
        running = [self.buffers[f"{path}running_{what}"] for what in ("mean", "var")]
        sums = np.empty((2, work.used, len(mean)))

        def measure() -> None:
            pixels = prod(work.network.shapes[step.source][1:])
            counts = pixels * np.minimum(work.examples - LANES * np.arange(work.used), LANES)[:, None]
            number, (means, squares) = counts.sum(), sums
            mean[:] = (counts * means).sum(axis=0) / number
            squared = (squares + counts * (means - mean) ** 2).sum(axis=0)
            deviation[:] = 1 / np.sqrt(squared / number + layer.eps)
            scale[:] = weight * deviation
            self._track(layer, f"{path}num_batches_tracked", running, mean, squared / max(number - 1, 1))

        if not training:
            mean[:] = running[0].numpy()
            scale[:] = weight / np.sqrt(running[1].numpy().astype(np.float64) + layer.eps)
        added = source if step.added is None else work.values[step.added]
        arrays = (layout, source, work.values[step.target], work.kept, mean, scale, shift, added)
        normalize = Stage([partial_of(kernels.normalize, *arrays, step.added is not None, step.relu)])
        if not training:
            return [normalize]
        return [
            Stage([partial_of(kernels.moments, layout, source, work.kept, sums)]),
            replace(normalize, before=measure),
        ]

    def _track(self, layer: nn.BatchNorm2d, counter: str, running: list[Tensor], *moments: np.ndarray) -> None:
        """Update the running mean and variance, as torch does."""
        self.buffers[counter].add_(1)
        momentum = 1 / int(self.buffers[counter]) if layer.momentum is None else layer.momentum
        for average, present in zip(running, moments, strict=True):
            average.lerp_(torch.from_numpy(present.astype(np.float32)), momentum)

    def _layout(self, value: int) -> np.ndarray:
        return self.workspace.maps[value].layout(self.workspace.examples)

    # ------------------------------------------------------------ backward

    def backward(self, turn: Turn) -> list[Stage]:
        """Say how to compute the gradients of a step, given that by its value."""
        from lth_core.engine.convolutions import layer_kernels, map_kernels

        stages = self._computed(layer_kernels, map_kernels, turn)
        for passed in turn.passed:
            if passed.add or passed.masked or passed.to is not turn.by_target:
                layout, active = self._layout(passed.value), self.workspace.values[passed.value]
                arrays = (layout, turn.by_target, passed.to, passed.to, passed.add, False, passed.masked, active)
                stages.append(Stage([partial_of(map_kernels.combine, *arrays)]))
        return stages

    def _computed(self, layer_kernels: Any, map_kernels: Any, turn: Turn) -> list[Stage]:
        step, work = turn.step, self.workspace
        if isinstance(step, Weighted):
            return [self._weighted_backward(layer_kernels, map_kernels, step, turn)]
        if isinstance(step, BatchNorm):
            return self._normalize_backward(map_kernels, step, turn)
        if isinstance(step, Sum) or turn.by_source is None:
            return []
        source, target = work.values[step.source], work.values[step.target]
        layout, layout_to = self._layout(step.source), self._layout(step.target)
        if isinstance(step, MaxPool):
            arrays = (source, target, turn.by_target, turn.by_source, turn.add, turn.masked)
            works = [partial_of(map_kernels.max_pool_backward, layout, layout_to, *step.window, *arrays)]
            if turn.add and turn.masked:  # what no window covers, too
                mask = (turn.by_source, turn.by_source, turn.by_source, False, False, True, source)
                works.append(partial_of(map_kernels.combine, layout, *mask))
            return [Stage(works)]
        arrays = (source, turn.by_target, turn.by_source, turn.add, turn.masked)
        return [Stage([partial_of(map_kernels.average_backward, layout, layout_to, *arrays)])]

    def _normalize_backward(self, kernels: Any, step: BatchNorm, turn: Turn) -> list[Stage]:
        work, path = self.workspace, f"{step.path}.".lstrip(".")
        layout, source = self._layout(step.source), work.values[step.source]
        by_scale, by_shift = (self.gradients[f"{path}{what}"] for what in ("weight", "bias"))
        mean, deviation = work.moments[step.path]
        sums = np.empty((2, work.used, len(mean)))

        def add_up() -> None:
            by_shift[:], along = sums.sum(axis=1)
            by_scale[:] = along * deviation

        add = Stage([partial_of(kernels.normalize_sums, layout, source, turn.by_target, work.kept, mean, sums)])
        arrays = (
            layout,
            source,
            turn.by_target,
            turn.by_source,
            work.kept,
            mean,
            deviation,
            self.values[f"{path}weight"],
        )
        call = partial_of(kernels.normalize_backward, *arrays, by_scale, by_shift, turn.add, turn.masked)
        return [add, Stage([] if turn.by_source is None else [call], before=add_up)]

    def _weighted_backward(self, layer_kernels: Any, map_kernels: Any, step: Weighted, turn: Turn) -> Stage:
        work = self.workspace
        source, values = work.values[step.source], self.values[step.weight]
        pattern, backward = self.patterns[step.weight]
        works = []  # by inputs first: what is masked by them has them in the cache then
        for part in backward if turn.by_source is not None else []:
            arrays = (part.layout, part.indptr, part.distances, values[part.order], turn.by_target, work.nothing)
            options = (False, turn.add, turn.masked, source)
            works.append(partial_of(layer_kernels.convolve, *arrays, turn.by_source, part.targets, *options))
        arrays = (pattern.layout, pattern.indptr, pattern.distances, source, turn.by_target, pattern.targets)
        works.append(partial_of(layer_kernels.correlate, *arrays, self.gradients[step.weight]))
        if step.bias:
            bias = (self._layout(step.target), turn.by_target, work.kept, self.gradients[step.bias])
            works.append(partial_of(map_kernels.sum_channels, *bias))
        return Stage(works, at_least=at_least(pattern))


def partial_of(kernel: Callable[..., object], *arguments: object) -> Work:
    """Bind what follows the numbers of the chunks."""
    return lambda first, end: kernel(first, end, *arguments)


def at_least(pattern: Pattern) -> int:
    """Return how many chunks fill a tile of pixels, where maps are narrow."""
    return max(1, TILE // int(pattern.layout[1]))
