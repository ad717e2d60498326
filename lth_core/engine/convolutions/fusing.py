"""Fusing: layers do the ReLU that alone follows them, and batch norms the sum, so that maps are gone through once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lth_core.engine.convolutions.network import BatchNorm, ConvolutionNetwork, Shape, Step, Sum, operands


def fused(network: ConvolutionNetwork) -> ConvolutionNetwork:
    """Return the same network in fewer steps."""
    uses = Counter(value for step in network.steps for value in operands(step))
    steps: list[Step] = []
    makers: dict[int, int] = {}
    """Value -> the position of the step that makes it."""
    for step in network.steps:
        position, fused = len(steps), step
        if isinstance(step, Sum):
            position, fused = _into_maker(step, steps, makers, uses)
        steps[position : position + 1] = [fused]
        makers[step.target] = position
    return _renumbered(steps, network.shapes)


def _into_maker(
    step: Sum, steps: Sequence[Step], makers: Mapping[int, int], uses: Mapping[int, int]
) -> tuple[int, Step]:
    """The position of the step that can do this one, too, and what it is then; else the step itself, at the end."""
    last = max((value for value in (step.source, step.added) if value is not None), key=lambda v: makers.get(v, -1))
    position = makers.get(last, -1)
    maker: Any = steps[position]
    if position >= 0 and uses[last] == 1 and not getattr(maker, "relu", True):
        if step.added is None:
            return position, replace(maker, target=step.target, relu=True)
        if isinstance(maker, BatchNorm) and maker.added is None:
            other = step.source if last == step.added else step.added
            return position, replace(maker, target=step.target, added=other)
    return len(steps), step


def _renumbered(steps: Sequence[Step], shapes: Sequence[Shape]) -> ConvolutionNetwork:
    """Number the values that are left."""
    left = [0, *(step.target for step in steps)]
    numbers: dict[int | None, int | None] = {value: number for number, value in enumerate(left)}
    numbers[None] = None
    renumbered = []
    for step in steps:
        changes = {name: numbers[getattr(step, name)] for name in ("source", "target", "added") if hasattr(step, name)}
        renumbered.append(replace(step, **changes))
    return ConvolutionNetwork(tuple(renumbered), tuple(shapes[value] for value in left))
