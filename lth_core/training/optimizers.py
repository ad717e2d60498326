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
    gradients. Where some gradients may be missing, each parameter counts its own steps.
    """

    def __init__(self, settings: Settings, parameters: Sequence[Tensor], may_be_missing: bool = False):
        self.settings = settings
        self.parameters = list(parameters)
        slots = {"adam": ("mean", "square"), "sgd": ("momentum",) if settings.momentum else ()}[settings.name]
        self.state = {slot: [torch.zeros_like(p) for p in self.parameters] for slot in slots}
        if settings.name == "adam":
            counters = len(self.parameters) if may_be_missing else 1
            self.state["step"] = [torch.zeros((), device=self.parameters[0].device) for _ in range(counters)]

    def update(self, gradients: Sequence[Tensor | None], learning_rate: float | Tensor) -> None:
        """Do one step along the gradients, one per parameter, at a learning rate.

        Parameters whose gradient is None stay as they are, with their state, whatever the weight decay.
        """
        chosen = [index for index, gradient in enumerate(gradients) if gradient is not None]
        parameters, present = [self.parameters[i] for i in chosen], [g for g in gradients if g is not None]
        slots = {
            slot: [values[i] for i in chosen] if len(values) == len(gradients) else values
            for slot, values in self.state.items()
        }
        if not chosen:
            return
        if self.settings.name == "adam":
            torch._foreach_add_(slots["step"], 1)  # pyright: ignore[reportPrivateImportUsage]
            # What torch.optim.adam.adam calls, which takes a fifth of the time to come to it.
            torch._fused_adam_(  # pyright: ignore[reportPrivateImportUsage]
                parameters,
                present,
                slots["mean"],
                slots["square"],
                [],
                slots["step"] * (len(chosen) // len(slots["step"])),
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                eps=1e-8,
                lr=learning_rate,
                weight_decay=self.settings.weight_decay,
                maximize=False,
            )
            return
        momenta: list[Tensor | None] = [*slots["momentum"]] if self.settings.momentum else [None] * len(chosen)
        sgd(
            parameters,
            present,
            momenta,
            fused=True,
            lr=learning_rate,  # pyright: ignore[reportArgumentType] (the fused one takes a tensor, too)
            momentum=self.settings.momentum,
            nesterov=self.settings.nesterov,
            weight_decay=self.settings.weight_decay,
            dampening=0.0,
            maximize=False,
        )
