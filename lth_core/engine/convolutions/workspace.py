"""Memory for the values of a network of convolutions and their gradients, which a cohort's replicates use in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from lth_core.engine.convolutions.network import BatchNorm, Convolution, ConvolutionNetwork, Linear, Step, Sum, operands
from lth_core.runtime.memory import zeros

if TYPE_CHECKING:
    from jaxtyping import Float

LANES = 16
"""Examples of a chunk, which lie beside one another: as many as the kernels' vectors have numbers."""


@dataclass(frozen=True)
class Maps:
    """Where the maps of one value lie: chunks of channels of rows of pixels, in a border, each pixel LANES numbers."""

    chunks: int
    channels: int
    rows: int
    columns: int
    border: tuple[int, int]

    @property
    def row(self) -> int:
        """Return how many numbers a row has."""
        return (self.columns + 2 * self.border[1]) * LANES

    @property
    def plane(self) -> int:
        """Return how many numbers a channel of a chunk has."""
        return (self.rows + 2 * self.border[0]) * self.row

    @property
    def chunk(self) -> int:
        """Return how many numbers a chunk has."""
        return self.channels * self.plane

    def at(self, row: int, column: int) -> int:
        """Return the index of a pixel in the first plane; the border's are negative."""
        return (row + self.border[0]) * self.row + (column + self.border[1]) * LANES

    def layout(self, examples: int) -> np.ndarray:
        """Say it as map_kernels.py takes it."""
        sizes = (self.channels, self.rows, self.columns, self.chunk, self.plane, self.row, self.at(0, 0))
        return np.array([*sizes, examples], np.int64)

    def zeros(self) -> Float[np.ndarray, " numbers"]:
        """Make maps of zeros; nothing else is ever written into their borders."""
        return zeros(self.chunks * self.chunk)


class Workspace:
    """All values of a network, for at most `capacity` examples, and their gradients."""

    def __init__(self, network: ConvolutionNetwork, examples: int):
        self.network = network
        self.chunks = -(-examples // LANES)
        self.maps = [
            Maps(self.chunks, *shape, border) for shape, border in zip(network.shapes, borders(network), strict=True)
        ]
        self.values = [maps.zeros() for maps in self.maps]
        norms = {step.path: network.shapes[step.source][0] for step in network.steps if isinstance(step, BatchNorm)}
        self.moments = {path: np.empty((2, channels), np.float32) for path, channels in norms.items()}
        """Mean of a batch norm's inputs and inverse of their standard deviation, by its path."""
        units = [prod(network.shapes[step.source]) for step in network.steps if isinstance(step, Linear)]
        self.nothing = np.zeros(max([*units, *(shape[0] for shape in network.shapes)]), np.float32)
        self.kept = np.ones(2 * LANES, np.float32)
        """Ones, then 1 for each example of a last chunk that is not full, and 0 for what fills it up."""
        self.examples = 0
        self.turns = list(turns(self))

    @property
    def capacity(self) -> int:
        return self.chunks * LANES

    @property
    def used(self) -> int:
        """Return how many chunks hold the present examples."""
        return -(-self.examples // LANES)

    def hold(self, examples: int) -> None:
        """Say how many examples there are, from 1 to `capacity`."""
        self.examples = examples
        self.kept[LANES:] = np.arange(LANES) < examples % LANES


def borders(network: ConvolutionNetwork) -> list[tuple[int, int]]:
    """Return how many pixels of zeros are around the maps of each value: rows and columns.

    As many as the convolutions reach that take a value, and those that make it, with its gradient. What a sum or a
    batch norm combines pixel by pixel has the same border.
    """
    widest, group = np.zeros((len(network.shapes), 2), int), np.arange(len(network.shapes))
    for step in network.steps:
        if isinstance(step, Convolution):
            widest[step.source] = np.maximum(widest[step.source], step.padding)
            reach = [_gradient_reach(step, network, axis) for axis in range(2)]
            widest[step.target] = np.maximum(widest[step.target], reach)
        elif isinstance(step, BatchNorm | Sum):
            for value in operands(step):
                group[group == group[value]] = group[step.target]
    of_groups = [widest[group == one].max(axis=0) for one in group]
    return [(int(rows), int(columns)) for rows, columns in of_groups]


def _gradient_reach(step: Convolution, network: ConvolutionNetwork, axis: int) -> int:
    """How far beyond its results a convolution reads their gradient, for the gradient by its inputs."""
    side, results = network.shapes[step.source][axis + 1], network.shapes[step.target][axis + 1]
    stride, padding, reach = step.stride[axis], step.padding[axis], 0
    for first in range(min(stride, side)):
        last = (side - 1 - first) // stride
        for tap in range(step.kernel[axis]):
            if (first + padding - tap) % stride == 0:
                at = (first + padding - tap) // stride
                reach = max(reach, -at, at + last - (results - 1))
    return reach


# ---------------------------------------------------------------- gradients


@dataclass(frozen=True)
class Passed:
    """The gradient by a sum, which goes to one of its operands as it is."""

    value: int
    to: np.ndarray
    add: bool
    masked: bool


@dataclass(frozen=True)
class Turn:
    """One step of the way back: where its gradients lie. `by_source` is None where nobody needs it.

    With `add`, what other steps have given is there already; with `masked`, these were the last, and the gradient is 0
    where the ReLU that made the value is not active.
    """

    step: Step
    by_target: np.ndarray
    by_source: np.ndarray | None
    add: bool = False
    masked: bool = False
    passed: list[Passed] = field(default_factory=list)


def turns(workspace: Workspace) -> Iterator[Turn]:
    """Go back through the network; memory of what is no longer needed takes the next gradients."""
    network, is_relu = workspace.network, workspace.network.is_relu
    left = [sum(value in operands(step) for step in network.steps) for value in range(len(network.shapes))]
    unused: dict[Maps, list[np.ndarray]] = {maps: [] for maps in workspace.maps}
    gradients: dict[int, np.ndarray] = {}

    def memory(value: int) -> np.ndarray:
        return unused[workspace.maps[value]].pop() if unused[workspace.maps[value]] else workspace.maps[value].zeros()

    gradients[len(left) - 1] = memory(len(left) - 1)
    for step in reversed(network.steps):
        by_target, taken, passed = gradients.pop(step.target), False, []
        computed = not isinstance(step, Sum)
        for value in operands(step)[1 if computed else 0 :]:
            add = value in gradients
            left[value] -= 1
            if value:
                to = gradients.setdefault(value, by_target) if add or not taken else memory(value)
                gradients[value], taken = to, taken or not add
                passed.append(Passed(value, to, add, is_relu[value] and not left[value]))
        passed.sort(key=lambda one: one.to is by_target)  # once the others have been given theirs, it may be masked
        by_source, add = None, step.source in gradients
        if computed:
            left[step.source] -= 1
            in_place = isinstance(step, BatchNorm) and not passed and not add
            if step.source:
                by_source = gradients.get(step.source, by_target if in_place else None)
                by_source = memory(step.source) if by_source is None else by_source
                gradients[step.source], taken = by_source, taken or in_place
        masked = computed and is_relu[step.source] and not left[step.source]
        unused[workspace.maps[step.target]] += [workspace.values[step.target], *([] if taken else [by_target])]
        yield Turn(step, by_target, by_source, add and computed, masked, passed)
