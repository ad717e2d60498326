"""One replicate's network as a function of its weights, for criteria that compute with it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from lth_core.engine.cohort import Cohort
from lth_core.models.inputs import TokenShape
from lth_core.models.tensors import call, load_tensors, names_of_layers, stored_tensors
from lth_core.pruning.probe import Precision, Weights
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task


class ProbeError(ValueError):
    """Something that cannot be computed with a network, in one line."""


@dataclass(frozen=True)
class NetworkProbe:
    """The `Probe` that criteria are given: of a task's module with one replicate's stored `values` in it."""

    task: Task
    seed: int
    values: Tensors
    mask: Mapping[str, Tensor] = field(default_factory=dict)
    dtype: torch.dtype = torch.float32
    at_most: int | None = None
    """Examples that batches are cut to where only is looked whether scores can be computed."""
    _modules: dict[torch.dtype, nn.Module] = field(default_factory=dict, repr=False)
    """By precision, and shared by all rounds."""

    def under(self, mask: Tensors) -> NetworkProbe:
        """Return the same network under a mask (booleans by weight name, of the weights' shapes)."""
        tensors = {name: torch.tensor(kept, device=self.task.device) for name, kept in mask.items()}
        return replace(self, mask=tensors)

    def in_precision(self, precision: Precision) -> NetworkProbe:
        """Return the same network with all numbers in a precision."""
        return replace(self, dtype={"float32": torch.float32, "float64": torch.float64}[precision])

    @property
    def module(self) -> nn.Module:
        """A copy of the task's module in evaluation mode: its buffers are those of `values`."""
        if self.dtype not in self._modules:
            module = copy.deepcopy(self.task.module).to(self.task.device).eval()
            load_tensors(module, self.values)
            self._modules[self.dtype] = module.to(self.dtype)
        return self._modules[self.dtype]

    @property
    def weights(self) -> dict[str, Tensor]:
        """Return all parameters by name as they are scored, with the mask applied."""
        return self._masked({name: parameter.detach() for name, parameter in self.module.named_parameters()})

    def batches(self, examples_per_class: int, size: int) -> list[Any]:
        """Draw training examples: see `Probe`."""
        networks = None
        if self.task.acts:
            stored = {name: tensor.detach()[None].clone() for name, tensor in stored_tensors(self.module).items()}
            stored |= {name: value[None] for name, value in self.weights.items()}
            networks = Cohort(self.task, {name: _as(torch.float32, value) for name, value in stored.items()})
        drawn = self.task.scored_batches(self.seed, examples_per_class, size, self.at_most, networks)
        return [self._in_precision(batch) for batch in drawn]

    def inputs_of_ones(self) -> Tensor:
        """Make one example whose inputs are all 1. Raises ProbeError where inputs are tokens."""
        if isinstance(self.task.input_shape, TokenShape):
            raise ProbeError("inputs of ones are numbers, and this network takes tokens: use another criterion")
        return torch.ones(1, *self.task.input_shape, dtype=self.dtype, device=self.task.device)

    def outputs(self, weights: Weights, inputs: Tensor) -> Tensor:
        """Compute the network's outputs (B, ...) of inputs (B, ...)."""
        with self._differentiable():
            return call(self.module, self._masked(weights), inputs.clone(), names_of_layers(self.module))

    def loss(self, weights: Weights, batch: Any, temperature: float = 1.0) -> Tensor:
        """Compute the task's mean loss of a batch, of outputs divided by a temperature."""
        return self.task.losses(self.outputs(weights, batch.inputs) / temperature, batch).mean()

    @torch.enable_grad()
    def gradient(self, weights: Weights, batch: Any, temperature: float = 1.0) -> dict[str, Tensor]:
        """Compute the gradient of the loss by the prunable weights."""
        leaves = self._leaves(weights)
        return _derivative(self.loss({**weights, **leaves}, batch, temperature), leaves)

    @torch.enable_grad()
    def hessian_product(
        self, weights: Weights, batch: Any, vector: Weights, temperature: float = 1.0
    ) -> dict[str, Tensor]:
        """Compute H v as the gradient of <g, v>, where g is that of the loss. Raises ProbeError."""
        leaves = self._leaves(weights)
        gradient = _derivative(self.loss({**weights, **leaves}, batch, temperature), leaves, again=True)
        product = torch.stack([(gradient[name] * vector[name]).sum() for name in leaves]).sum()
        if product.requires_grad:
            try:  # the whole graph: a gradient by chosen leaves would be 0 behind what has no second derivative
                product.backward()
            except RuntimeError as error:
                if not re.search("is not implemented|differentiate twice", str(error)):
                    raise
                reason = str(error).splitlines()[0]
                raise ProbeError(f"the network has no second derivatives ({reason}): use another criterion") from error
        return {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}

    # ------------------------------------------------------------ parts

    def _leaves(self, weights: Weights) -> dict[str, Tensor]:
        return {name: weights[name].detach().requires_grad_() for name in self.mask}

    def _masked(self, weights: Weights) -> dict[str, Tensor]:
        return {name: value * self.mask[name] if name in self.mask else value for name, value in weights.items()}

    def _in_precision(self, batch: Any) -> Any:
        values = {item.name: getattr(batch, item.name) for item in fields(batch)}
        return replace(
            batch, **{name: value.to(self.dtype) for name, value in values.items() if value.is_floating_point()}
        )

    @contextmanager
    def _differentiable(self) -> Iterator[None]:
        """Compute attention and, on a GPU, recurrent layers by operations that can be differentiated twice."""
        with ExitStack() as stack:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if any(isinstance(layer, nn.RNNBase) for layer in self.module.modules()):
                stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            yield


def _derivative(value: Tensor, leaves: Mapping[str, Tensor], again: bool = False) -> dict[str, Tensor]:
    """The gradient by every leaf, 0 where the value does not depend on it; `again`: to be differentiated itself."""
    if not value.requires_grad:
        return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
    gradients = torch.autograd.grad(value, [*leaves.values()], create_graph=again, materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True))


def _as(dtype: torch.dtype, value: Tensor) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value
