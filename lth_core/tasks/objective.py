"""What is minimised and measured: a registered objective with its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lth_core import registry
from lth_core.config import Choice
from lth_core.metrics import Metric
from lth_core.tasks.generation import Generation


@dataclass(frozen=True)
class Objective:
    """A registered objective: what is minimised and measured of every example."""

    name: str
    function: Callable[..., dict[str, Tensor]]
    options: Mapping[str, Any]
    """Those of the config; the function has them."""
    metrics: tuple[Metric, ...]
    gradient: Callable[..., Tensor] | None = None
    """The gradient of every replicate's mean loss by its outputs, where the objective has it derived by hand."""
    smooths: bool = False
    """Whether it takes `label_smoothing`."""
    generation: Generation | None = None
    """How images are drawn from what is trained, where they can be."""

    @classmethod
    def of(cls, choice: Choice) -> Objective:
        """Look up what the config names. Raises UnknownName."""
        facts, known = registry.objective.facts(choice.name), registry.objective
        function = partial(known.get(choice.name), **choice.options)
        smooths, generates = known.uses(choice.name, "label_smoothing"), facts.get("generates")
        about = facts["metrics"], facts.get("gradient"), smooths
        return cls(choice.name, function, choice.options, *about, _made(generates, choice) if generates else None)

    def __call__(self, outputs: Tensor, batch: Any, label_smoothing: float = 0.0) -> dict[str, Tensor]:
        """Compute "loss" and every metric of every example. Raises what the function raises."""
        if self.smooths and label_smoothing:
            return self.function(outputs=outputs, batch=batch, label_smoothing=label_smoothing)
        return self.function(outputs=outputs, batch=batch)


def _made(generates: Callable[..., Generation], choice: Choice) -> Generation:
    """Make the generation of an objective, with those options of the objective that it takes."""
    taken = inspect.signature(generates).parameters
    return generates(**{name: value for name, value in choice.options.items() if name in taken})


@torch.enable_grad()
def gradient_of(losses: Callable[[Tensor, Any], Tensor], outputs: Tensor, batch: Any) -> Tensor:
    """Compute the gradient of every replicate's mean loss by its outputs (R, B, ...), by autograd.

    It is 0 for what pads a shorter batch.
    """
    leaf = outputs.detach().requires_grad_()
    pieces = [batch.replicate(index) for index in range(len(outputs))]
    means = [losses(of[: len(piece.inputs)], piece).mean() for of, piece in zip(leaf, pieces, strict=True)]
    return torch.autograd.grad(torch.stack(means).sum(), leaf)[0]
