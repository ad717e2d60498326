"""The state of a search for masks: what is trained in place of the weights, on the loop that trains weights.

A step puts the effective weights into the cohort, takes its gradient by them, and follows it back to what is trained.
So whatever computes a network's gradient (by hand, by autograd, all replicates at once, several processes) serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from lth_core.engine.module_network import Gradient
from lth_core.randomness import random_generator, torch_seed
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task
from lth_core.training.optimizers import Optimizer
from lth_core.training.parametrization import Parametrization, check_tensors
from lth_core.training.state import TrainingState, start_state

Replicate = dict[str, Tensor]


@dataclass(kw_only=True)
class SearchState(TrainingState):
    """A search in progress: the optimizer updates `trained`; `weights_below` stay what they are.

    The cohort holds the effective weights of a step, or those of the subnetworks that are evaluated.
    """

    name: str
    """Of the parametrization, for messages."""
    parametrization: Parametrization
    seeds: Sequence[int]
    weights_below: list[Replicate]
    """All parameters of each replicate, as they started."""
    trained: list[Replicate]
    """What is trained of each replicate."""
    may_be_recorded: ClassVar[bool] = False

    @classmethod
    def begin(
        cls,
        task: Task,
        name: str,
        parametrization: Parametrization,
        weights: Tensors,
        seeds: Sequence[int],
        together: bool | None = None,
    ) -> SearchState:
        """Start a search from the stacked weights (R, ...) of the seeds; `together` is that of `Cohort`.

        Raises ParametrizationError.
        """
        begun = start_state(task, weights, {}, together=together)
        cohort, generators = begun.cohort, [random_generator(seed, "search", "start") for seed in seeds]
        below = [{key: value[r].clone() for key, value in cohort.parameters.items()} for r in range(cohort.size)]
        trained = [parametrization.start(one, rng) for one, rng in zip(below, generators, strict=True)]
        for one in trained:
            check_tensors(name, "what it trains", one, None, "float32")
        optimizer = Optimizer(task.recipe.optimizer, [v for one in trained for v in one.values()], may_be_missing=True)
        ordinary: dict[str, Any] = {item.name: getattr(begun, item.name) for item in fields(begun)}
        ordinary["optimizer"] = optimizer
        state = cls(
            **ordinary,
            name=name,
            parametrization=parametrization,
            seeds=seeds,
            weights_below=below,
            trained=trained,
        )
        state._effective(0)
        state.masks()
        return state

    # ------------------------------------------------------------ a step

    @property
    def parts(self) -> int:
        """Count the replicates: what is trained of each has tensors of its own."""
        return self.cohort.size

    def gradients(self, batch: Batch, noise: Sequence[int]) -> list[Gradient]:
        """Compute the gradient of each replicate's loss, and of its penalty, by what is trained of it."""
        with torch.enable_grad():
            leaves = [{name: v.detach().requires_grad_() for name, v in one.items()} for one in self.trained]
            effective = [self._effective(r, one) for r, one in enumerate(leaves)]
            penalties = [self.parametrization.penalty(one) for one in leaves]
        self._put([self.weights_below[r] | one for r, one in enumerate(effective)])
        gradients: list[Gradient] = []
        by_weights = self._by_replicate(self.cohort.gradients(batch, noise))
        for one, weights, by_name, penalty in zip(leaves, effective, by_weights, penalties, strict=True):
            known = {name: value for name, value in weights.items() if by_name.get(name) is not None}
            outputs, by_outputs = [*known.values()], [by_name[name] for name in known]
            if penalty is not None:
                outputs, by_outputs = [*outputs, penalty], [*by_outputs, torch.ones_like(penalty)]
            gradients += torch.autograd.grad(outputs, [*one.values()], by_outputs, allow_unused=True)
        return gradients

    def _effective(self, index: int, trained: Replicate | None = None) -> Replicate:
        """A replicate's effective weights in the present step."""
        below, draw = self.weights_below[index], self._draw(index, "step", self.step)
        effective = self.parametrization.effective(below, trained or self.trained[index], draw)
        shapes = {name: value.shape for name, value in below.items()}
        check_tensors(self.name, "effective weights", effective, shapes, "float32")
        return effective

    def _by_replicate(self, gradients: Sequence[Gradient]) -> list[dict[str, Gradient]]:
        """The cohort's gradients by replicate and name."""
        names, cohort = self.cohort.trainable, self.cohort
        if cohort.together:
            named = dict(zip(names, gradients, strict=True))
            return [{k: None if v is None else v[r] for k, v in named.items()} for r in range(cohort.size)]
        starts = range(0, len(gradients), len(names))
        return [dict(zip(names, gradients[start : start + len(names)], strict=True)) for start in starts]

    def _draw(self, index: int, *key: int | str) -> Generator:
        generator = Generator(self.cohort.task.device)
        return generator.manual_seed(torch_seed(self.seeds[index], "search", *key))

    @torch.no_grad()
    def _put(self, replicates: Sequence[Replicate]) -> None:
        """Put weights into the cohort."""
        for index, weights in enumerate(replicates):
            for name, value in weights.items():
                self.cohort.parameters[name][index].copy_(value)

    # ------------------------------------------------------------ what is found

    @torch.no_grad()
    def masks(self) -> list[Replicate]:
        """Return the mask of every replicate that what is trained stands for: booleans by name."""
        masks, layers = [], self.parametrization.layers
        for index, trained in enumerate(self.trained):
            mask = self.parametrization.mask(trained, self._draw(index, "mask"))
            shapes = {name: self.weights_below[index][name].shape for name in layers}
            check_tensors(self.name, "mask", mask, shapes, "bool", needed=layers)
            masks.append(mask)
        return masks

    @torch.no_grad()
    def put_subnetworks(self) -> None:
        """Put the subnetworks of the masks into the cohort, to be evaluated or stored."""
        subnetworks = [
            below | self.parametrization.subnetwork(below, mask)
            for below, mask in zip(self.weights_below, self.masks(), strict=True)
        ]
        self._put(subnetworks)

    def evaluate(self, split: str) -> dict[str, list[float]]:
        """Measure every replicate's subnetwork on a split."""
        self.put_subnetworks()
        return self.cohort.evaluate(split)

    def weights(self) -> Tensors:
        """Return the subnetworks' weights and stored buffers (R, ...), by name."""
        self.put_subnetworks()
        return super().weights()

    def finite(self) -> list[bool]:
        """Tell of each replicate whether all that is trained of it is finite."""
        return [all(bool(value.isfinite().all()) for value in one.values()) for one in self.trained]

    def stacked_masks(self) -> Tensors:
        """Return the masks (R, ...), by name."""
        masks = self.masks()
        return {name: np.stack([mask[name].cpu().numpy() for mask in masks]) for name in self.parametrization.layers}

    # ------------------------------------------------------------ what is saved

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that the next step depends on, each by another name."""
        slots = self.optimizer.state.items()
        trained = ((index, name, value) for index, one in enumerate(self.trained) for name, value in one.items())
        return {
            **{f"trained/{index}/{name}": value for index, name, value in trained},
            **{f"buffers/{name}": value for name, value in self.cohort.buffers.items()},
            **{f"optimizer/{slot}/{index}": value for slot, values in slots for index, value in enumerate(values)},
        }
