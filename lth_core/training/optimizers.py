"""Optimizers: torch's own fused update functions, with their state in plain tensors.

torch.optim's classes compute the same numbers (tested), but the first of them to be built imports torch's compiler,
which costs each job most of a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from lth_core.config import Optimizer as Settings


class Optimizer:
    """Updates tensors in place, elementwise, so that replicates do not touch each other.

    `state` maps slot names to tensors, one per parameter or one for all: the next update depends on them and on the
    gradients.
    """

    def __init__(self, settings: Settings, parameters: Sequence[Tensor]):
        self.settings = settings
        self.parameters = list(parameters)
        slots = {"adam": ("mean", "square"), "sgd": ("momentum",) if settings.momentum else ()}[settings.name]
        self.state = {slot: [torch.zeros_like(p) for p in self.parameters] for slot in slots}
        if settings.name == "adam":
            self.state["step"] = [torch.zeros((), device=self.parameters[0].device)]

    def update(self, gradients: list[Tensor], learning_rate: float | Tensor) -> None:
        """Do one step along the gradients, one per parameter, at a learning rate."""
        if self.settings.name == "adam":
            (step,) = self.state["step"]
            step += 1
            # What torch.optim.adam.adam calls, which takes a fifth of the time to come to it.
            torch._fused_adam_(  # pyright: ignore[reportPrivateImportUsage]
                self.parameters,
                gradients,
                self.state["mean"],
                self.state["square"],
                [],
                [step] * len(self.parameters),
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                eps=1e-8,
                lr=learning_rate,
                weight_decay=self.settings.weight_decay,
                maximize=False,
            )
            return
        momenta: list[Tensor | None] = [*self.state["momentum"]] if self.settings.momentum else [None] * len(gradients)
        sgd(
            self.parameters,
            gradients,
            momenta,
            fused=True,
            lr=learning_rate,  # pyright: ignore[reportArgumentType] (the fused one takes a tensor, too)
            momentum=self.settings.momentum,
            nesterov=self.settings.nesterov,
            weight_decay=self.settings.weight_decay,
            dampening=0.0,
            maximize=False,
        )
