"""A cohort: the stacked weights of R replicates, each computed as if it were alone.

Networks of linear layers have their gradients computed by hand (linear_network.py), all others by autograd. On a CPU
the replicates take turns, which is fastest there; on a GPU linear networks are computed together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call

from lth_core.linear_network import LinearNetwork
from lth_core.tasks import Batch, Task


class Cohort:
    """Gradients and evaluation of R replicates.

    `parameters` and `buffers` map the module's names to tensors (R, ...). A part is what is computed at a time: one
    replicate's views of the parameters, or all of them. `trained` lists the tensors of all parts, `gradients` theirs.
    """

    def __init__(self, task: Task, weights: dict[str, Tensor]):
        self.task = task
        self.module = task.module.to(task.device)
        self.parameters = {name: weights[name] for name, _ in self.module.named_parameters()}
        self.buffers = {name: weights[name] for name, _ in self.module.named_buffers()}
        self.size = len(next(iter(self.parameters.values())))
        self.linear = LinearNetwork.of(self.module)
        self.together = self.linear is not None and task.device.type != "cpu"
        self.parts = [self.parameters] if self.together else [self._replicate(r) for r in range(self.size)]
        self.trained = [tensor for part in self.parts for tensor in part.values()]

    def _replicate(self, index: int) -> dict[str, Tensor]:
        return {name: value[index] for name, value in self.parameters.items()}

    # ------------------------------------------------------------ gradients

    def gradients(self, batch: Batch, noise_seeds: Sequence[int]) -> list[Tensor]:
        """The gradient of each replicate's mean loss on its own minibatch, one per tensor of `trained`.

        Batch norm updates its statistics (`buffers`) in place.
        """
        if self.linear:
            return self._linear_gradients(batch)
        self.module.train()
        found = [self._autograd(r, batch.replicate(r), noise_seeds[r]) for r in range(self.size)]
        return [gradient for gradients in found for gradient in gradients]

    def _linear_gradients(self, batch: Batch) -> list[Tensor]:
        inputs = batch.inputs.flatten(2)
        pieces = [inputs] if self.together else inputs.unbind()
        values = [self.linear.activations(part, piece) for part, piece in zip(self.parts, pieces, strict=True)]
        outputs = values[0][-1] if self.together else torch.stack([activations[-1] for activations in values])
        by_outputs = self.task.output_gradient(outputs, batch)
        by_piece = [by_outputs] if self.together else by_outputs.unbind()
        found = []
        for part, activations, gradient in zip(self.parts, values, by_piece, strict=True):
            gradients = self.linear.gradients(part, activations, gradient)
            found += [gradients[name] for name in part]
        return found

    def _autograd(self, index: int, batch: Batch, noise_seed: int) -> tuple[Tensor, ...]:
        torch.default_generator.manual_seed(noise_seed)  # for dropout, or whatever else the module draws
        if self.task.device.type == "cuda":
            torch.cuda.manual_seed(noise_seed)
        part = {name: value.detach().requires_grad_() for name, value in self.parts[index].items()}
        losses, _ = self.task.losses(self._outputs(part, index, batch.inputs), batch)
        return torch.autograd.grad(losses.mean(), list(part.values()), materialize_grads=True)

    def _outputs(self, parameters: dict[str, Tensor], index: int, inputs: Tensor) -> Tensor:
        buffers = {name: value[index] for name, value in self.buffers.items()}
        return functional_call(self.module, {**parameters, **buffers}, (inputs,))

    # ------------------------------------------------------------ evaluation

    @torch.no_grad()
    def evaluate(self, split: str) -> tuple[list[float], list[float]]:
        """Mean loss and accuracy of every replicate on a split; changes nothing.

        A replicate with a weight that is not finite has no loss (nan), one without a finite loss has no accuracy.
        """
        self.module.eval()
        loss = torch.zeros(self.size, dtype=torch.float64)
        right = torch.zeros(self.size, dtype=torch.float64)
        examples = 0
        for batch in self.task.evaluation_batches(split):
            for index in range(self.size):
                losses, hits = self.task.losses(self._evaluated(index, batch.inputs), batch)
                loss[index] += losses.double().sum().cpu()
                right[index] += hits.sum().cpu()
            examples += len(batch.inputs)
        loss, right, examples = self.totals(loss, right, examples)
        loss = (loss / examples).where(self.finite(), math.nan)
        return loss.tolist(), (right / examples).where(loss.isfinite(), math.nan).tolist()

    def finite(self) -> Tensor:
        """Whether all weights of a replicate are finite: booleans (R,), on the CPU."""
        weights = [value.detach().reshape(self.size, -1) for value in self.parameters.values()]
        finite = torch.stack([value.sum(dim=1) for value in weights]).isfinite().all(dim=0)  # quick, but may overflow
        if not finite.all():
            finite = torch.stack([value.isfinite().all(dim=1) for value in weights]).all(dim=0)
        return finite.cpu()

    def totals(self, loss: Tensor, right: Tensor, examples: int) -> tuple[Tensor, Tensor, int]:
        """Sums over the evaluated examples: of losses (R,), of right predictions (R,), and their number."""
        return loss, right, examples

    def _evaluated(self, index: int, inputs: Tensor) -> Tensor:
        """One replicate's outputs."""
        replicate = self._replicate(index)
        if self.linear:
            return self.linear.activations(replicate, inputs.flatten(1))[-1]
        return self._outputs(replicate, index, inputs)
