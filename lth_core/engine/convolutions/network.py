"""Networks of convolutions as a list of steps. Every value is a map (channels, rows, columns) for each example.

What a linear layer takes and gives are maps, too.
"""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, int, int]
"""Channels, rows and columns."""


@dataclass(frozen=True)
class Step:
    """How a value, given by its number, comes from another one."""

    source: int
    target: int


@dataclass(frozen=True)
class Weighted(Step):
    """A layer with a weight, and perhaps a bias (their names), then ReLU if asked for."""

    weight: str
    bias: str | None
    relu: bool


@dataclass(frozen=True)
class Convolution(Weighted):
    """A 2-D convolution; of the two numbers of each, the first is that of rows."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class Linear(Weighted):
    """A linear layer on all numbers of a map, channel by channel and row by row."""


@dataclass(frozen=True)
class BatchNorm(Step):
    """Batch norm by the layer at `path`, then another value added and ReLU, if asked for."""

    path: str
    added: int | None
    relu: bool


@dataclass(frozen=True)
class Sum(Step):
    """A value and another one; or ReLU of one alone."""

    added: int | None
    relu: bool


@dataclass(frozen=True)
class MaxPool(Step):
    """The largest of every window; windows do not overlap."""

    window: tuple[int, int]


@dataclass(frozen=True)
class Average(Step):
    """The mean over all pixels."""


@dataclass(frozen=True)
class ConvolutionNetwork:
    """The steps from the images, which are value 0, to the outputs, the last one; each value has a shape."""

    steps: tuple[Step, ...]
    shapes: tuple[Shape, ...]

    @property
    def weighted(self) -> list[Weighted]:
        """List the convolutions and linear layers."""
        return [step for step in self.steps if isinstance(step, Weighted)]

    @property
    def convolutions(self) -> list[Convolution]:
        """List the convolutions."""
        return [step for step in self.steps if isinstance(step, Convolution)]

    @property
    def parameters(self) -> list[str]:
        """Name all parameters that are used."""
        layers = [name for step in self.weighted for name in (step.weight, step.bias) if name]
        paths = [step.path for step in self.steps if isinstance(step, BatchNorm)]
        return layers + [f"{path}.{name}".lstrip(".") for path in paths for name in ("weight", "bias")]

    @property
    def is_relu(self) -> list[bool]:
        """Tell of every value whether it comes from a ReLU."""
        relu = {step.target for step in self.steps if getattr(step, "relu", False)}
        return [value in relu for value in range(len(self.shapes))]


def operands(step: Step) -> list[int]:
    """List the values that a step takes."""
    added = getattr(step, "added", None)
    return [step.source] if added is None else [step.source, added]
