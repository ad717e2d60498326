"""Training as anyone writes it in PyTorch: the module itself, autograd and SGD. The proof compares with this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from lth_core.models.tensors import stored_tensors
from lth_core.randomness import seed_generators
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task

RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.1
"""Large enough that whatever is left out shows."""


def train_plainly(
    task: Task, module: nn.Module, batches: Sequence[Batch], noise: Sequence[int], mask: Mapping[str, np.ndarray]
) -> None:
    """Train one module, in place: a step for each batch and each seed of noise.

    What has no gradient is left alone. Weights are set to 0 where a mask is False. Raises what the module raises.
    """
    momenta: dict[nn.Parameter, Tensor] = {}
    for batch, seed in zip(batches, noise, strict=True):
        seed_all(seed)
        with torch.enable_grad():
            outputs = module.train()(batch.inputs.clone())
            module.zero_grad()
            task.losses(outputs, batch).mean().backward()
        reached = [parameter for parameter in module.parameters() if parameter.grad is not None]
        _descend(reached, [momenta.setdefault(parameter, torch.zeros_like(parameter)) for parameter in reached])
        with torch.no_grad():
            for name, kept in mask.items():
                module.get_parameter(name).mul_(torch.from_numpy(kept))


@torch.no_grad()
def _descend(parameters: list[nn.Parameter], momenta: Sequence[Tensor]) -> None:
    """Do the step of torch.optim.SGD, whose class would import torch's compiler."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    sgd(
        [*parameters],
        gradients,
        [*momenta],
        fused=True,
        lr=RATE,
        momentum=MOMENTUM,
        weight_decay=DECAY,
        dampening=0.0,
        nesterov=False,
        maximize=False,
    )


@torch.no_grad()
def evaluate_plainly(task: Task, module: nn.Module, batch: Batch) -> Tensor:
    """Compute the module's loss on every example."""
    seed_all(0)
    return task.measures(module.eval()(batch.inputs.clone()), batch)["loss"]


def observe(task: Task, module: nn.Module, batch: Batch) -> list[Tensor | None]:
    """Call the module twice in training and once in evaluation mode: outputs, gradients and stored tensors."""
    seed_all(0)
    observed: list[Tensor | None] = []
    for _ in range(2):
        with torch.enable_grad():
            outputs = module.train()(batch.inputs.clone())
            module.zero_grad()
            task.losses(outputs, batch).mean().backward()
        observed += [outputs.detach(), *(parameter.grad for parameter in module.parameters())]
    with torch.no_grad():
        observed.append(module.eval()(batch.inputs.clone()))
    return [*observed, *(tensor.detach().clone() for tensor in stored_tensors(module).values())]


def seed_all(seed: int) -> None:
    """Seed what a module on the CPU may draw from."""
    torch.default_generator.manual_seed(seed)
    seed_generators(seed)


def values_of(module: nn.Module) -> Tensors:
    """Copy what is stored of a module."""
    return {name: tensor.detach().numpy().copy() for name, tensor in stored_tensors(module).items()}
