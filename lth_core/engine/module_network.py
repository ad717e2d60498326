"""Networks of any modules: outputs and gradients by autograd, one replicate at a time or all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from lth_core.tasks.base import Batch, Task

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class ModuleNetwork:
    """The module of a task. `parameters` and `buffers` are its tensors by name: one replicate's or, stacked, (R, ...).

    Batch norm writes its statistics into `buffers` while the module is in training mode.
    """

    task: Task

    def outputs(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "batch ..."]
    ) -> Float[Tensor, "batch ..."]:
        """Compute one replicate's outputs."""
        return functional_call(self.task.module, {**parameters, **buffers}, (inputs,))

    @torch.enable_grad()
    def gradients(self, parameters: Weights, buffers: Weights, batch: Batch) -> list[Float[Tensor, "..."]]:
        """Compute the gradient of one replicate's mean loss by every parameter, at the recipe's precision."""
        trained = _leaves(parameters)
        with self._autocast():
            outputs = self.outputs(trained, buffers, batch.inputs)
        losses, _ = self.task.losses(_exact(outputs), batch)
        return _gradients(losses.mean(), trained)

    # ------------------------------------------------------------ all replicates at once

    @torch.no_grad()
    def stacks(self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "batch ..."]) -> bool:
        """Tell whether all replicates can be computed at once; `inputs` are any.

        Not so where the module draws noise, which every replicate has from its own seed, decides by its values, or does
        anything else that vmap cannot follow. Raises torch.OutOfMemoryError.
        """
        stacked = inputs.expand(len(next(iter(parameters.values()))), *inputs.shape)
        copies = {name: value.clone() for name, value in buffers.items()}
        try:
            self.task.module.train()
            self._training_outputs(_leaves(parameters), copies, stacked)
            self.task.module.eval()
            self.stacked_outputs(parameters, copies, inputs)
        except torch.OutOfMemoryError:
            raise
        except Exception:  # of any type, for modules meet vmap's tensors; their own errors are raised in turn, too
            return False
        return True

    def stacked_outputs(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "batch ..."]
    ) -> Float[Tensor, "replicate batch ..."]:
        """Compute the outputs of every replicate on the same inputs."""
        return vmap(self.outputs, in_dims=(0, 0, None))(parameters, buffers, inputs)

    @torch.enable_grad()
    def stacked_gradients(
        self, parameters: Weights, buffers: Weights, batch: Batch
    ) -> list[Float[Tensor, "replicate ..."]]:
        """Compute what `gradients` does of every replicate on its own minibatch. Convolutions become grouped ones."""
        trained = _leaves(parameters)
        outputs = self._training_outputs(trained, buffers, batch.inputs)
        by_outputs = self.task.output_gradient(_exact(outputs.detach()), batch)
        return _gradients(outputs, trained, by_outputs.to(outputs.dtype))

    @torch.enable_grad()
    def _training_outputs(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "replicate batch ..."]
    ) -> Float[Tensor, "replicate batch ..."]:
        """Compute the outputs of every replicate on inputs of its own, at the recipe's precision."""
        with self._autocast():
            return vmap(self.outputs)(parameters, buffers, inputs)

    # ------------------------------------------------------------ precision

    def _autocast(self) -> torch.autocast:
        # Products and convolutions on copies in bfloat16; their gradients come back in float32, as the weights are.
        return torch.autocast(
            self.task.device.type, torch.bfloat16, enabled=self.task.recipe.precision == "bf16", cache_enabled=False
        )


def _exact(outputs: Tensor) -> Tensor:
    """Losses are float32."""
    return outputs.float() if outputs.dtype == torch.bfloat16 else outputs


def _leaves(parameters: Weights) -> dict[str, Tensor]:
    return {name: value.detach().requires_grad_() for name, value in parameters.items()}


def _gradients(loss: Tensor, trained: Weights, by_outputs: Tensor | None = None) -> list[Tensor]:
    gradients = torch.autograd.grad(loss, list(trained.values()), by_outputs, materialize_grads=True)
    # Those of convolutions may come channels last, but optimizers go through memory in the order of the weights.
    return [gradient.contiguous() for gradient in gradients]
