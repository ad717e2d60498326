"""Optimizers: torch's own update functions, with their state in plain tensors.

torch.optim's classes compute the same numbers (tested), but the first of them to be built imports torch's compiler,
which costs each job most of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from lth_core.config import Optimizer as Settings

ADAPTIVE = ("adam", "adamw")
Slots = dict[str, list[Tensor]]
"""An optimizer's state: tensors by name, one per parameter or one for all."""


class Optimizer:
    """Updates tensors in place, elementwise, so that replicates do not touch each other.

    `state` maps slot names to tensors, one per parameter or one for all: the next update depends on them and on the
    gradients. Where some gradients may be missing, each parameter counts its own steps.
    """

    def __init__(self, settings: Settings, parameters: Sequence[Tensor], may_be_missing: bool = False):
        self.settings = settings
        self.parameters = list(parameters)
        slots = {"adam": ["mean", "square"], "adamw": ["mean", "square"], "rmsprop": ["square"], "sgd": []}
        momentum = ["momentum"] if settings.momentum else []
        self.state: Slots = {
            slot: [torch.zeros_like(p) for p in self.parameters] for slot in slots[settings.name] + momentum
        }
        if settings.name in ADAPTIVE:
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
        if chosen:
            UPDATES[self.settings.name](self.settings, parameters, present, slots, learning_rate)


def _adam(
    settings: Settings, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, rate: float | Tensor
) -> None:
    """Kingma & Ba 2015, or with decoupled weight decay Loshchilov & Hutter 2019."""
    torch._foreach_add_(slots["step"], 1)  # pyright: ignore[reportPrivateImportUsage]
    # What torch.optim.adam.adam calls, which takes a fifth of the time to come to it.
    fused = torch._fused_adam_ if settings.name == "adam" else torch._fused_adamw_  # pyright: ignore[reportPrivateImportUsage]
    fused(
        parameters,
        gradients,
        slots["mean"],
        slots["square"],
        [],
        slots["step"] * (len(parameters) // len(slots["step"])),
        amsgrad=False,
        beta1=settings.betas[0],
        beta2=settings.betas[1],
        eps=settings.epsilon,
        lr=rate,  # pyright: ignore[reportArgumentType] (a number or a tensor)
        weight_decay=settings.weight_decay,
        maximize=False,
    )


def _rmsprop(
    settings: Settings, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, rate: float | Tensor
) -> None:
    """Tieleman & Hinton 2012, with epsilon outside of the root."""
    on_gpu = parameters[0].is_cuda
    rmsprop(
        parameters,
        gradients,
        slots["square"],
        [],
        slots.get("momentum", []),
        [torch.zeros((), device=parameters[0].device)] * len(parameters),  # torch counts steps, to no purpose
        foreach=on_gpu,
        capturable=on_gpu and isinstance(rate, Tensor),
        lr=rate,  # pyright: ignore[reportArgumentType] (a number or a tensor)
        alpha=settings.smoothing,
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
        centered=False,
    )


def _sgd(
    settings: Settings, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, rate: float | Tensor
) -> None:
    momenta: list[Tensor | None] = [*slots["momentum"]] if settings.momentum else [None] * len(parameters)
    sgd(
        parameters,
        gradients,
        momenta,
        fused=True,
        lr=rate,  # pyright: ignore[reportArgumentType] (the fused one takes a tensor, too)
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
        dampening=0.0,
        maximize=False,
    )


UPDATES: dict[str, Callable[[Settings, list[Tensor], list[Tensor], Slots, float | Tensor], None]] = {
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _rmsprop,
    "sgd": _sgd,
}
