"""The state of a search for masks: what is trained in place of the weights, on the loop that trains weights.

A step puts the effective weights into the cohort, takes its gradient by them, and follows it back to what is trained.
So whatever computes a network's gradient (by hand, by autograd, all replicates at once, several processes) serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from lth_core.engine.module_network import Gradient
from lth_core.randomness import random_generator, torch_seed
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task
from lth_core.training.history import SPLITS
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
    parametrizations: list[Parametrization]
    """One for each replicate: they differ in the mask of the level before."""
    seeds: Sequence[int]
    weights_below: list[Replicate]
    """All parameters of each replicate, as they started."""
    trained: list[Replicate]
    """What is trained of each replicate."""
    best: list[Replicate]
    """What was trained of each replicate where its validation metric was best, if weights are trained, too."""
    best_values: Tensor
    """(R,) the metric there, as a gain."""
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
        remaining: Tensors | None = None,
    ) -> SearchState:
        """Start a search from the stacked weights (R, ...) of the seeds; `together` is that of `Cohort`.

        `remaining`: the masks (R, ...) of the level before. Raises ParametrizationError.
        """
        begun = start_state(with_gradients(task, parametrization.layers), weights, {}, together=together)
        cohort, generators = begun.cohort, [random_generator(seed, "search", "start") for seed in seeds]
        below = [{key: value[r].clone() for key, value in cohort.parameters.items()} for r in range(cohort.size)]
        parametrizations = [parametrization] * cohort.size
        if remaining:
            masks = {key: torch.from_numpy(value).to(task.device) for key, value in remaining.items()}
            parametrizations = [
                replace(parametrization, remaining={key: value[r] for key, value in masks.items()})
                for r in range(cohort.size)
            ]
        trained = [
            one.start(weights, rng) for one, weights, rng in zip(parametrizations, below, generators, strict=True)
        ]
        for one in trained:
            check_tensors(name, "what it trains", one, None, "float32")
        optimizer = Optimizer(task.recipe.optimizer, [v for one in trained for v in one.values()], may_be_missing=True)
        ordinary: dict[str, Any] = {item.name: getattr(begun, item.name) for item in fields(begun)}
        ordinary["optimizer"] = optimizer
        state = cls(
            **ordinary,
            name=name,
            parametrizations=parametrizations,
            seeds=seeds,
            weights_below=below,
            trained=trained,
            best=[{key: value.clone() for key, value in one.items()} for one in trained],
            best_values=torch.full((cohort.size,), -torch.inf, dtype=torch.float64),
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
            penalties = [how.penalty(one) for how, one in zip(self.parametrizations, leaves, strict=True)]
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
        effective = self.parametrizations[index].effective(below, trained or self.trained[index], draw)
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

    @property
    def trains_weights(self) -> bool:
        """Tell whether weights are trained together with their masks."""
        return self.parametrizations[0].trains_weights

    @torch.no_grad()
    def keep_best(self) -> None:
        """Keep what is trained where an evaluation of this step is the best so far: a listener, after evaluations.

        The start counts as none; of equal ones the first is kept.
        """
        if not self.trains_weights or self.step == self.first_step or not self.is_logged:
            return
        metric = self.cohort.task.metrics[0]
        for row in self.history[-len(SPLITS) * self.cohort.size :]:
            index = int(row["replicate"])
            value = float(metric.gain(float(row[metric.name]), 0.0)) if row["split"] == "validation" else -torch.inf
            if value > self.best_values[index]:
                self.best_values[index] = value
                for name, kept in self.best[index].items():
                    kept.copy_(self.trained[index][name])

    @torch.no_grad()
    def masks(self) -> list[Replicate]:
        """Return the mask of every replicate that what is trained stands for: booleans by name."""
        masks, layers = [], self.parametrizations[0].layers
        for index, trained in enumerate(self.best if self.trains_weights else self.trained):
            mask = self.parametrizations[index].mask(trained, self._draw(index, "mask"))
            shapes = {name: self.weights_below[index][name].shape for name in layers}
            check_tensors(self.name, "mask", mask, shapes, "bool", needed=layers)
            masks.append(mask)
        return masks

    @torch.no_grad()
    def put_subnetworks(self) -> None:
        """Put the subnetworks of the masks into the cohort, to be evaluated or stored."""
        subnetworks = [
            below | how.subnetwork(below, mask)
            for how, below, mask in zip(self.parametrizations, self.weights_below, self.masks(), strict=True)
        ]
        self._put(subnetworks)

    def evaluate(self, split: str) -> dict[str, list[float]]:
        """Measure on a split every replicate's subnetwork, or the network that is trained."""
        if self.trains_weights:
            self._put([below | self._effective(index) for index, below in enumerate(self.weights_below)])
        else:
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
        return {name: np.stack([mask[name].cpu().numpy() for mask in masks]) for name in masks[0]}

    # ------------------------------------------------------------ what is saved

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that the next step depends on, each by another name."""
        slots = self.optimizer.state.items()
        kept = {"trained": self.trained} | ({"best": self.best} if self.trains_weights else {})
        return {
            **{
                f"{what}/{index}/{name}": value
                for what, replicates in kept.items()
                for index, one in enumerate(replicates)
                for name, value in one.items()
            },
            **({"best_values": self.best_values} if self.trains_weights else {}),
            **{f"buffers/{name}": value for name, value in self.cohort.buffers.items()},
            **{f"optimizer/{slot}/{index}": value for slot, values in slots for index, value in enumerate(values)},
        }


def with_gradients(task: Task, layers: Sequence[str]) -> Task:
    """Return a task with a network that has gradients by all `layers`: those that are frozen have masks, too."""
    if all(task.module.get_parameter(name).requires_grad for name in layers):
        return task
    module = deepcopy(task.module)
    for name in layers:
        module.get_parameter(name).requires_grad_()
    return replace(task, module=module)  # pyright: ignore[reportArgumentType] (tasks are dataclasses)
