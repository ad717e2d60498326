"""The state of a training whose masks change: besides weights and optimizer the masks, and what they have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task
from lth_core.training.optimizers import Optimizer
from lth_core.training.penalty import penalties
from lth_core.training.state import FrozenWeights, Row, TrainingState, start_state
from lth_core.training.whole import Parts, put_together, taken_apart

COUNTER = "step"
"""The slot of an optimizer that counts steps: changes of masks leave it as it is."""


@dataclass
class SparsifiedState(TrainingState):
    """A training in progress whose masks change.

    What is saved of it are whole tensors, whichever way is trained: the kept weights alone, where these are few enough
    at present, or all weights, of which the pruned ones are put back to 0.
    """

    mask: dict[str, Tensor] = field(default_factory=dict)
    """Which weights are active, (R, ...) by name."""
    explored: dict[str, Tensor] = field(default_factory=dict)
    """Which weights have been active at any time of the training."""
    changes: list[Row] = field(default_factory=list)
    """One row per replicate for the first mask and for every change: `replicate`, `step`, `density` and

    - `moved`, the fraction of the weights active before that were pruned,
    - `explored`, the fraction of weights that have been active at any time: the in-time over-parametrization R_s (Liu
      et al. 2021, section 3).
    """

    @classmethod
    def start(cls, task: Task, weights: Tensors, mask: Tensors, first_step: int = 0) -> SparsifiedState:
        """Start a training that is about to do `first_step`, from the stacked weights (R, ...) and the first masks."""
        begun = start_state(task, weights, mask, first_step, narrow=False)
        masks = {name: torch.from_numpy(kept).to(task.device, copy=True) for name, kept in mask.items()}
        explored = {name: kept.clone() for name, kept in masks.items()}
        ordinary = {item.name: getattr(begun, item.name) for item in fields(begun)}
        state = cls(**ordinary, mask=masks, explored=explored)
        for replicate in range(state.cohort.size):
            state._add_row(replicate, moved=0.0)
        return state

    # ------------------------------------------------------------ changes

    @torch.no_grad()
    def change(self, mask: Mapping[str, Tensor]) -> None:
        """Prune and grow weights before the next step: from now on those are active that the masks (R, ...) keep.

        Weights that are active for the first time, or again after a step in which they were not, start from 0 with an
        optimizer's state of 0.
        """
        if all(torch.equal(kept, self.mask[name]) for name, kept in mask.items()):
            moved = [0.0] * self.cohort.size
        else:
            moved = self._moved(mask)
            weights, slots, counters = self.cohort.parameters, self._slots(), self._counters()
            for name, kept in mask.items():
                weights[name].masked_fill_(~kept, 0)
                lost = ~(kept & self.mask[name])
                for parts in slots.values():
                    for index, part in enumerate(parts):
                        if name in part:  # the optimizer knows nothing of weights that are frozen, as edges of a graph
                            part[name].masked_fill_(lost if self.cohort.together else lost[index], 0)
                self.mask[name].copy_(kept)
                self.explored[name].logical_or_(kept)
            self._train_under_masks(slots, counters)
        for replicate, share in enumerate(moved):
            self._add_row(replicate, share)

    def _moved(self, mask: Mapping[str, Tensor]) -> list[float]:
        dropped = sum((self.mask[name] & ~kept).flatten(1).sum(1) for name, kept in mask.items())
        active = sum(kept.flatten(1).sum(1) for kept in self.mask.values())
        return (dropped / active).tolist()  # pyright: ignore[reportAttributeAccessIssue] (no sum of nothing)

    def _train_under_masks(self, slots: Mapping[str, Parts], counters: Tensor) -> None:
        """Go on under the present masks, with the whole tensors of the optimizer's slots and its counters."""
        frozen = {name: FrozenWeights(kept.float(), None) for name, kept in self.mask.items()}
        if self.cohort.task.device.type == "cpu":
            self.cohort.train_under({name: kept.numpy() for name, kept in self.mask.items()})
            self.frozen = {} if self.cohort.on_kept_weights else frozen
            self.penalties = penalties(self.cohort)
            by_hand = self.cohort.by_hand
            self.optimizer = Optimizer(self.optimizer.settings, self.cohort.trained, may_be_missing=not by_hand)
            for slot, parts in slots.items():
                self.optimizer.state[slot] = [value.clone() for value in put_together(self.cohort, parts)]
        else:  # no kept weights alone; and what a CUDA graph reads stays where it is
            for name, weights in frozen.items():
                self.frozen[name].trained.copy_(weights.trained)
        counting = self.optimizer.state.get(COUNTER, [])
        steps = counters if len(counting) == len(counters) else counters.max()[None]
        for counter, count in zip(counting, steps, strict=False):
            counter.copy_(count)

    def _add_row(self, replicate: int, moved: float) -> None:
        weights = sum(kept[replicate].numel() for kept in self.mask.values())
        active, explored = (
            sum(int(kept[replicate].sum()) for kept in kind.values()) / weights for kind in (self.mask, self.explored)
        )
        row = {"replicate": replicate, "step": self.step, "density": active, "moved": moved, "explored": explored}
        self.changes.append(row)

    # ------------------------------------------------------------ what is saved

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that the next step depends on, whole, each by another name."""
        return {
            **{f"weights/{name}": value for name, value in self.cohort.parameters.items()},
            **{f"buffers/{name}": value for name, value in self.cohort.buffers.items()},
            **{f"mask/{name}": value for name, value in self.mask.items()},
            **{f"explored/{name}": value for name, value in self.explored.items()},
            **_named(self._slots()),
            **({"optimizer/counters": self._counters()} if COUNTER in self.optimizer.state else {}),
        }

    def rows(self) -> dict[str, list[Any]]:
        return super().rows() | {"changes": self.changes}

    @torch.no_grad()
    def load(self, step: int, rows: Mapping[str, list[Any]], tensors: Mapping[str, Tensor]) -> None:
        slots, counters = self._slots(), self._counters()
        whole = {**self.tensors(), **_named(slots), "optimizer/counters": counters}
        for name, value in tensors.items():
            whole[name].copy_(value)
        self._train_under_masks(slots, counters)
        self.step = step
        for name in self.rows():
            setattr(self, name, rows[name])

    def _slots(self) -> dict[str, Parts]:
        """The whole tensors of the optimizer's slots, but for its counters."""
        slots = self.optimizer.state.items()
        return {slot: taken_apart(self.cohort, values) for slot, values in slots if slot != COUNTER}

    def _counters(self) -> Tensor:
        """How many steps the optimizer counts of each tensor of each part; nothing where it does not count."""
        if COUNTER not in self.optimizer.state:
            return torch.zeros(0)
        counters = torch.stack(self.optimizer.state[COUNTER])
        return counters.expand(len(self.cohort.parts) * len(self.cohort.trainable)).clone()


def _named(slots: Mapping[str, Parts]) -> dict[str, Tensor]:
    return {
        f"optimizer/{slot}/{index}/{name}": value
        for slot, parts in slots.items()
        for index, part in enumerate(parts)
        for name, value in part.items()
    }
