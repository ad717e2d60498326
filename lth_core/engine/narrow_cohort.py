"""A cohort whose masks take out whole channels, trained as the smaller networks that are left, on a CPU.

What is removed computes nothing, so a step costs what one of a small network does. Weights, optimizer states and the
statistics of batch norm are those of masked training, up to rounding. What a removed channel has besides its masked
weights (a bias, scale and shift of batch norm) has a gradient of 0 there, as its outputs are not read, and weight decay
alone changes it: so it does here. Its running statistics, which nothing reads either, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lth_core.engine.cohort import Cohort
from lth_core.engine.module_network import Gradient
from lth_core.engine.narrow import Narrowed, narrowed
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Shaped


def narrow_cohort(task: Task, weights: dict[str, Tensor], pruned: Tensors) -> NarrowCohort | None:
    """Make the cohort, given its tensors (R, ...) and masks; None where there are no smaller networks, or no need."""
    size = len(next(iter(weights.values())))
    replicates = [{name: value[index] for name, value in weights.items()} for index in range(size)]
    networks = narrowed(task, replicates, pruned)
    return NarrowCohort(task, weights, networks) if networks else None


class NarrowCohort(Cohort):
    """Every replicate is a cohort of its own, of a smaller network."""

    def __init__(self, task: Task, weights: dict[str, Tensor], networks: Sequence[Narrowed]):
        super().__init__(task, weights, together=False)
        cohorts = [
            Cohort(network.task, network.tensors(part | buffers), together=False, on_kernels=network.on_kernels)
            for network, part, buffers in zip(networks, self.parts, map(self._buffers, range(self.size)), strict=True)
        ]
        self.networks, self.cohorts = networks, cohorts
        self.aside = [network.values_aside(part) for network, part in zip(networks, self.parts, strict=True)]
        self.no_gradient = [torch.zeros_like(values) for values in self.aside]
        pairs = zip(self.cohorts, self.aside, strict=True)
        self.trained = [tensor for cohort, values in pairs for tensor in (*cohort.trained, values)]

    @property
    def on_kept_weights(self) -> bool:
        return True

    @property
    def by_hand(self) -> bool:
        return all(cohort.by_hand for cohort in self.cohorts)

    @property
    def parameters(self) -> dict[str, Float[Tensor, "replicate ..."]]:
        """Return the present parameters by name, those of the smaller networks written into the whole ones."""
        for network, cohort, values, part in zip(self.networks, self.cohorts, self.aside, self.parts, strict=True):
            network.write(cohort.parameters, part)
            network.write_aside(values, part)
        return self._parameters

    @property
    def buffers(self) -> dict[str, Shaped[Tensor, "replicate ..."]]:
        """Return the present buffers by name."""
        for index, (network, cohort) in enumerate(zip(self.networks, self.cohorts, strict=True)):
            network.write(cohort.buffers, {name: value[index] for name, value in self._whole_buffers.items()})
        return self._whole_buffers

    @buffers.setter
    def buffers(self, whole: dict[str, Tensor]) -> None:
        self._whole_buffers, self.networks, self.cohorts = whole, [], []

    @property
    def changing_buffers(self) -> dict[str, Tensor]:
        return {f"{r}/{name}": value for r, cohort in enumerate(self.cohorts) for name, value in cohort.buffers.items()}

    def gradients(self, batch: Batch, noise_seeds: Sequence[int]) -> list[Gradient]:
        gradients: list[Gradient] = []
        for index, (cohort, zeros) in enumerate(zip(self.cohorts, self.no_gradient, strict=True)):
            gradients += [*cohort.gradients(batch.alone(index), noise_seeds[index : index + 1]), zeros]
        return gradients

    def finite(self) -> Bool[Tensor, " replicate"]:
        return torch.cat([cohort.finite() for cohort in self.cohorts])

    def at_present(self) -> Callable[[Tensor], Tensor]:
        return self.outputs_of

    def outputs_of(self, inputs: Shaped[Tensor, "replicate batch ..."]) -> Float[Tensor, "replicate batch ..."]:
        return torch.cat([cohort.outputs_of(of[None]) for cohort, of in zip(self.cohorts, inputs, strict=True)])

    def _outputs(self, inputs: Shaped[Tensor, "batch ..."], noise: int = 0) -> Iterable[Float[Tensor, "batch ..."]]:
        return [outputs for cohort in self.cohorts for outputs in cohort._outputs(inputs, noise)]
