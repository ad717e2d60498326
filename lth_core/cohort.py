"""A cohort: one module evaluated with the stacked weights of R replicates.

Small dense networks are stacked into one batched computation (torch.func.vmap); others are looped, which is faster for
convolutions on a CPU and the only way for batch norm and dropout, whose state and noise belong to one replicate.
Both give each replicate the numbers that it would have alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lth_core.models.layers import stackable
from lth_core.tasks import Batch, Task


class Cohort:
    """Gradients and evaluation of R replicates whose tensors all have a leading replicate axis.

    `weights` maps the module's parameter and buffer names to tensors (R, ...). Batch norm updates its statistics in
    place while `gradients` runs.
    """

    def __init__(self, task: Task, weights: dict[str, Tensor]):
        self.task = task
        self.module = task.module.to(task.device)
        names = [name for name, _ in self.module.named_parameters()]
        self.parameters = {name: weights[name].requires_grad_() for name in names}
        self.buffers = {name: weights[name] for name, _ in self.module.named_buffers()}
        self.size = len(next(iter(self.parameters.values())))
        self.stacked = self.size > 1 and stackable(self.module)
        self.noisy = any(isinstance(m, nn.modules.dropout._DropoutNd) for m in self.module.modules())

    def gradients(self, batch: Batch, noise_seeds: Sequence[int]) -> None:
        """Set `.grad` of every parameter to the gradient of its replicate's mean loss on its own minibatch."""
        self.module.train()
        if self.stacked:
            outputs = vmap(self._outputs)(self.parameters, self.buffers, batch.inputs)
            losses, _ = self.task.losses(outputs.flatten(0, 1), batch.flattened())
            for parameter in self.parameters.values():
                parameter.grad = None
            (losses.sum() * (self.size / losses.numel())).backward()
            return
        columns = [self._gradients_of(r, batch.replicate(r), noise_seeds[r]) for r in range(self.size)]
        for parameter, gradients in zip(self.parameters.values(), zip(*columns, strict=True), strict=True):
            parameter.grad = gradients[0][None] if self.size == 1 else torch.stack(gradients)

    def _gradients_of(self, index: int, batch: Batch, noise_seed: int) -> tuple[Tensor, ...]:
        if self.noisy:
            torch.manual_seed(noise_seed)
        parameters = {name: value.detach()[index].requires_grad_() for name, value in self.parameters.items()}
        outputs = self._outputs(parameters, {name: value[index] for name, value in self.buffers.items()}, batch.inputs)
        losses, _ = self.task.losses(outputs, batch)
        return torch.autograd.grad(losses.mean(), list(parameters.values()))

    def _outputs(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return functional_call(self.module, {**parameters, **buffers}, (inputs,))

    @torch.no_grad()
    def evaluate(self, split: str) -> tuple[list[float], list[float]]:
        """Mean loss and accuracy of every replicate on a split; changes nothing."""
        self.module.eval()
        loss = torch.zeros(self.size, dtype=torch.float64)
        right = torch.zeros(self.size, dtype=torch.float64)
        examples = 0
        for batch in self.task.evaluation_batches(split):
            for index, outputs in enumerate(self._shared_outputs(batch.inputs)):
                losses, hits = self.task.losses(outputs, batch)
                loss[index] += losses.double().sum().cpu()
                right[index] += hits.sum().cpu()
            examples += len(batch.inputs)
        return (loss / examples).tolist(), (right / examples).tolist()

    def _shared_outputs(self, inputs: Tensor) -> Sequence[Tensor]:
        """Every replicate's outputs for the same inputs."""
        if self.stacked:
            return vmap(self._outputs, in_dims=(0, 0, None))(self.parameters, self.buffers, inputs)
        return [
            self._outputs(
                {name: value[r] for name, value in self.parameters.items()},
                {name: value[r] for name, value in self.buffers.items()},
                inputs,
            )
            for r in range(self.size)
        ]
