"""The state of a training: the weights of a cohort, its optimizer, the step and the history so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from lth_core.engine.cohort import Cohort
from lth_core.engine.distributed import cohort_of
from lth_core.engine.module_network import Gradient
from lth_core.models.tensors import stored_tensors
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task
from lth_core.training.optimizers import Optimizer
from lth_core.training.penalty import penalized, penalties
from lth_core.training.resume import State

Row = dict[str, float | int | str]
"""One entry of a history, by column; `replicate` and `step` are always there."""


@dataclass(frozen=True)
class FrozenWeights:
    """The weights of one tensor that training leaves alone: those that are pruned, or frozen at other values."""

    trained: Tensor
    """1 where weights are trained, 0 elsewhere, in the tensor's shape and type."""
    values: Tensor | None
    """The weights that are not trained, 0 elsewhere; None where all of them are 0, as those that are pruned."""

    @classmethod
    def of(cls, weights: Tensor, mask: Tensor) -> FrozenWeights:
        """Freeze `weights` where `mask` is False, at their present values."""
        trained = mask.to(weights.device, weights.dtype)
        values = torch.where(mask.to(weights.device), 0, weights.detach())
        return cls(trained, values if values.any() else None)

    def restore(self, weights: Tensor) -> None:
        """Put them back, in place."""
        weights.mul_(self.trained)
        if self.values is not None:
            weights.add_(self.values)


@dataclass
class TrainingState(State):
    """A training in progress: everything that the next step depends on, and the history so far."""

    cohort: Cohort
    optimizer: Optimizer
    frozen: dict[str, FrozenWeights]
    """What to restore after an update, by tensor."""
    first_step: int
    step: int
    history: list[Row] = field(default_factory=list)
    penalties: list[Tensor | None] = field(default_factory=list)
    """What multiplies the signs of the trained values in the gradient of a penalty, if there is one (penalty.py)."""
    may_be_recorded: ClassVar[bool] = True
    """Whether a step may become a CUDA graph: it never waits for the GPU, and depends on no value of Python."""

    @property
    def parts(self) -> int:
        """Count what is computed at a time: gradients come part by part."""
        return len(self.cohort.parts)

    def gradients(self, batch: Batch, noise: Sequence[int]) -> Sequence[Gradient]:
        """Compute the gradients of what the optimizer updates, a penalty's with them.

        `noise` seeds what modules draw.
        """
        return penalized(self.cohort.trained, self.cohort.gradients(batch, noise), self.penalties)

    def evaluate(self, split: str) -> dict[str, list[float]]:
        """Measure every replicate on a split, as `Cohort.evaluate` does."""
        return self.cohort.evaluate(split)

    @property
    def is_logged(self) -> bool:
        """Tell whether the history has rows of the present step, as it has after a resumption."""
        return bool(self.history) and self.history[-1]["step"] == self.step

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that the next step depends on, each by another name."""
        slots = self.optimizer.state.items()
        return {
            **{f"weights/{index}": value for index, value in enumerate(self.cohort.trained)},
            **{f"buffers/{name}": value for name, value in self.cohort.changing_buffers.items()},
            **{f"optimizer/{slot}/{index}": value for slot, values in slots for index, value in enumerate(values)},
        }

    def weights(self) -> Tensors:
        """Return the present weights and stored buffers (R, ...), by name."""
        tensors = {**self.cohort.parameters, **self.cohort.buffers}
        return {name: tensors[name].detach().cpu().numpy() for name in stored_tensors(self.cohort.module)}

    def finite(self) -> list[bool]:
        """Tell of each replicate whether all of its present weights are finite."""
        return self.cohort.finite().tolist()


def start_state(
    task: Task,
    weights: Tensors,
    mask: Tensors,
    first_step: int = 0,
    together: bool | None = None,
    narrow: bool = True,
) -> TrainingState:
    """Start a training that is about to do `first_step`, from copies of the stacked weights (R, ...).

    The mask (R, ...) is False where weights keep the values that they have; weights without a mask are all trained.
    `together` is that of `Cohort`. `narrow`: whole channels may be taken out, because the mask stays as it is.
    """
    tensors = {name: torch.from_numpy(value).to(task.device, copy=True) for name, value in weights.items()}
    frozen = {name: FrozenWeights.of(tensors[name], torch.from_numpy(kept)) for name, kept in mask.items()}
    pruned = all(weights.values is None for weights in frozen.values())
    cohort = cohort_of(task, tensors, mask if pruned else None, together, narrow)
    if cohort.on_kept_weights:  # there is nothing to restore
        frozen = {}
    optimizer = Optimizer(task.recipe.optimizer, cohort.trained, may_be_missing=not cohort.by_hand)
    return TrainingState(cohort, optimizer, frozen, first_step, first_step, penalties=penalties(cohort))
