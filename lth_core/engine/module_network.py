"""Networks of any modules: outputs and gradients by autograd, one replicate at a time or all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import vmap

from lth_core.engine.eight_bits import EightBits
from lth_core.engine.precision import Float32Norms
from lth_core.models.tensors import call, names_of_layers
from lth_core.tasks.base import Batch, Task

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

Weights = Mapping[str, Tensor]
Gradient = Tensor | None
"""Of the shape of its parameter; None where the loss does not depend on it, so that the optimizer leaves it alone."""


@dataclass(frozen=True)
class ModuleNetwork:
    """A task's module. `parameters` and `buffers` are its tensors by name: one replicate's or, stacked, (R, ...).

    Whatever the module writes into its buffers, in place or by assigning others, is in `buffers` after a call.
    """

    task: Task
    module: nn.Module

    def outputs(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "batch ..."]
    ) -> Float[Tensor, "batch ..."]:
        """Compute one replicate's outputs."""
        return call(self.module, {**parameters, **buffers}, inputs, self._names)

    @cached_property
    def _names(self) -> dict[str, str]:
        return names_of_layers(self.module)

    @cached_property
    def trainable(self) -> frozenset[str]:
        """Return the names of the parameters that training changes."""
        return frozenset(name for name, parameter in self.module.named_parameters() if parameter.requires_grad)

    @torch.enable_grad()
    def gradients(self, parameters: Weights, buffers: Weights, batch: Batch) -> list[Gradient]:
        """Compute the gradient of one replicate's mean loss by every parameter, at the recipe's precision.

        Those that the module freezes are left out; it is None for those that the loss does not reach.
        """
        leaves = self.leaves(parameters)
        outputs = self.training_outputs(leaves, buffers, batch.inputs)
        return gradients_of(self.task.losses(_exact(outputs), batch).mean(), leaves)

    @torch.enable_grad()
    def training_outputs(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "batch ..."]
    ) -> Float[Tensor, "batch ..."]:
        """Compute one replicate's outputs at the recipe's precision.

        Those in 8 bits are rounded with draws from torch's global generator, their gradients, too.
        """
        with self._autocast(), EightBits() if self.task.recipe.rounds_at_random else nullcontext():
            return self.outputs(parameters, buffers, inputs)

    def leaves(self, parameters: Weights) -> dict[str, Tensor]:
        """Parameters from which gradients are taken where the module's own require them."""
        return {name: value.detach().requires_grad_(name in self.trainable) for name, value in parameters.items()}

    # ------------------------------------------------------------ all replicates at once

    def stacked_outputs(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "batch ..."]
    ) -> Float[Tensor, "replicate batch ..."]:
        """Compute the outputs of every replicate on the same inputs."""
        return vmap(self.outputs, in_dims=(0, 0, None))(parameters, buffers, inputs.clone())  # modules may change them

    def stacked_outputs_of(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "replicate batch ..."]
    ) -> Float[Tensor, "replicate batch ..."]:
        """Compute the outputs of every replicate on inputs of its own."""
        return vmap(self.outputs)(parameters, buffers, inputs.clone())

    @torch.enable_grad()
    def stacked_gradients(self, parameters: Weights, buffers: Weights, batch: Batch) -> list[Gradient]:
        """Compute what `gradients` does of every replicate on its own minibatch. Convolutions become grouped ones."""
        leaves = self.leaves(parameters)
        outputs = self.stacked_training_outputs(leaves, buffers, batch.inputs)
        by_outputs = self.task.output_gradient(_exact(outputs.detach()), batch)
        return gradients_of(outputs, leaves, by_outputs.to(outputs.dtype))

    @torch.enable_grad()
    def stacked_training_outputs(
        self, parameters: Weights, buffers: Weights, inputs: Shaped[Tensor, "replicate batch ..."]
    ) -> Float[Tensor, "replicate batch ..."]:
        """Compute the outputs of every replicate on inputs of its own, at the recipe's precision."""
        with self._autocast(), Float32Norms() if self._in_bfloat16 else nullcontext():
            return vmap(self.outputs)(parameters, buffers, inputs)

    # ------------------------------------------------------------ precision

    @property
    def _in_bfloat16(self) -> bool:
        return self.task.recipe.precision == "bf16"

    def _autocast(self) -> torch.autocast:
        # Products and convolutions on copies in bfloat16; their gradients come back in float32, as the weights are.
        return torch.autocast(self.task.device.type, torch.bfloat16, enabled=self._in_bfloat16, cache_enabled=False)


def _exact(outputs: Tensor) -> Tensor:
    """Losses are float32."""
    return outputs.float() if outputs.dtype == torch.bfloat16 else outputs


def gradients_of(loss: Tensor, leaves: Weights, by_outputs: Tensor | None = None) -> list[Gradient]:
    """Compute the gradient by every leaf that requires one."""
    trained = [leaf for leaf in leaves.values() if leaf.requires_grad]
    gradients = torch.autograd.grad(loss, trained, by_outputs, allow_unused=True)
    # Those of convolutions may come channels last, but optimizers go through memory in the order of the weights.
    return [None if gradient is None else gradient.contiguous() for gradient in gradients]
