"""How the masks of a training change: its sparsifier is asked before every step, replicate by replicate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lth_core import registry
from lth_core.config import Choice
from lth_core.engine.distributed import cohort_of
from lth_core.randomness import random_generator
from lth_core.registry import kind_of
from lth_core.tasks.base import Batch
from lth_core.training.moment import Change, SparsifierError
from lth_core.training.sparsified import SparsifiedState


@dataclass(frozen=True)
class Sparsification:
    """A sparsifier with its options, for a cohort with these seeds."""

    sparsifier: Choice
    seeds: Sequence[int]
    density: float
    """Fraction of the weights that is active at the end."""
    kept: Mapping[str, int] | None
    """How many of each tensor are; None where all tensors are ranked together, or their first masks say it."""

    def before_step(self, state: SparsifiedState, batch: Batch, noise: Sequence[int]) -> bool:
        """Change the masks if the sparsifier wants it, and tell whether this replaces the training step.

        `batch` and `noise` are those of the step. Raises SparsifierError.
        """
        gradients = DenseGradients(state, batch, noise)
        changes = [self._ask(_Moment(self, state, index, gradients)) for index in range(state.cohort.size)]
        wanted = [change for change in changes if change]
        if not wanted:
            return False
        replaces = {change.replaces_step for change in wanted}
        if any(replaces) and (len(replaces) > 1 or len(wanted) < len(changes)):
            raise self._error(state, "replaces the step of some seeds only: decide that by the step alone")
        masks = {name: kept.clone() for name, kept in state.mask.items()}
        for index, change in enumerate(changes):
            for name, kept in change.mask.items() if change else ():
                masks[name][index] = kept
        state.change(masks)
        return any(replaces)

    def _ask(self, moment: _Moment) -> Change | None:
        name = self.sparsifier.name
        change = registry.sparsifier.call(name, {"moment": moment}, self.sparsifier.options)
        if change is None:
            return None
        if not isinstance(change, Change):
            raise self._error(moment.state, f"returned {kind_of(change)}: return a Change, or None")
        before = {name: kept[moment.index] for name, kept in moment.state.mask.items()}
        self._check(moment.state, change.mask, before)
        return change

    def _check(self, state: SparsifiedState, mask: Mapping[str, Any], before: Mapping[str, Tensor]) -> None:
        """Raise SparsifierError for what is no mask of the network, and for one with other numbers of weights."""
        for name in {**before, **mask}:
            if name not in mask or name not in before:
                which = "no mask" if name in before else "a mask"
                raise self._error(state, f"returned {which} of {name}: return masks of the weights in moment.mask")
            kept, shape = mask[name], tuple(before[name].shape)
            if not isinstance(kept, Tensor) or kept.dtype != torch.bool or tuple(kept.shape) != shape:
                what = f"{kept.dtype} of shape {tuple(kept.shape)}" if isinstance(kept, Tensor) else kind_of(kept)
                raise self._error(state, f"returned {what} for {name}: its mask is torch.bool of shape {shape}")
        active, wanted = (sum(int(kept.sum()) for kept in masks.values()) for masks in (mask, before))
        if self._starts_dense and active > wanted:
            raise self._error(state, f"keeps {active:,} weights after {wanted:,}: what starts dense only prunes")
        if not self._starts_dense and active != wanted:
            raise self._error(state, f"keeps {active:,} weights, not {wanted:,}: grow as many as are dropped")

    def check_end(self, state: SparsifiedState) -> None:
        """Raise SparsifierError where the training has ended with another density than the level's."""
        for kept in zip(*(mask.flatten(1).sum(1).tolist() for mask in state.mask.values()), strict=True):
            total = sum(mask[0].numel() for mask in state.mask.values())
            if self._starts_dense and sum(kept) != round(self.density * total):
                raise self._error(state, f"keeps {sum(kept):,} weights at the end, not {round(self.density * total):,}")

    @cached_property
    def _starts_dense(self) -> bool:
        return bool(registry.sparsifier.facts(self.sparsifier.name).get("dense"))

    def _error(self, state: SparsifiedState, problem: str) -> SparsifierError:
        return SparsifierError(f"sparsifier '{self.sparsifier.name}' {problem} (step {state.step})")


class DenseGradients:
    """The gradients of a cohort by all of its weights, computed when they are first asked for.

    Networks are computed with their pruned weights at 0, and pruned ones have a gradient as all others. Nothing of the
    state changes: statistics of batch norms are those of before.
    """

    def __init__(self, state: SparsifiedState, batch: Batch, noise: Sequence[int]):
        self.state, self.batch, self.noise = state, batch, noise

    def of(self, replicate: int) -> dict[str, Tensor]:
        """Return those of one replicate by the name of its masked weights; 0 where the loss does not depend on them."""
        return {name: gradient[replicate].clone() for name, gradient in self._stacked.items()}

    @cached_property
    def _stacked(self) -> dict[str, Tensor]:
        cohort = self.state.cohort
        parameters = cohort.parameters
        buffers = {name: value.clone() for name, value in cohort.buffers.items()}
        dense = cohort_of(cohort.task, parameters | buffers, None, cohort.together)
        # Modules may change their inputs in place, and the batch may still be trained on.
        inputs = {item.name: getattr(self.batch, item.name).clone() for item in fields(self.batch)}  # pyright: ignore[reportArgumentType]
        noise = self.noise or [0] * cohort.size  # what is computed by hand draws nothing, and had no seeds
        gradients = dense.gradients(replace(self.batch, **inputs), noise)  # pyright: ignore[reportArgumentType]
        each, names = len(dense.trainable), dense.trainable
        result = {}
        for name in self.state.mask:
            parts = gradients[names.index(name) :: each] if name in names else [None] * len(dense.parts)
            known = [torch.zeros_like(p[name]) if g is None else g for p, g in zip(dense.parts, parts, strict=True)]
            result[name] = known[0] if cohort.together else torch.stack(known)
        return result


@dataclass(frozen=True)
class _Moment:
    """What a sparsifier sees of one replicate (lth_core/training/moment.py)."""

    how: Sparsification
    state: SparsifiedState
    index: int
    gradients: DenseGradients

    @property
    def step(self) -> int:
        return self.state.step - self.state.first_step

    @property
    def steps(self) -> int:
        return self.state.cohort.task.recipe.steps - self.state.first_step

    @property
    def steps_per_epoch(self) -> int | None:
        return self.state.cohort.task.steps_per_epoch

    @property
    def density(self) -> float:
        return self.how.density

    @property
    def kept(self) -> Mapping[str, int] | None:
        return self.how.kept

    @cached_property
    def mask(self) -> dict[str, Tensor]:
        return {name: kept[self.index].clone() for name, kept in self.state.mask.items()}

    @cached_property
    def explored(self) -> dict[str, Tensor]:
        return {name: kept[self.index].clone() for name, kept in self.state.explored.items()}

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        present = self.state.cohort.parameters
        return {name: present[name][self.index].clone() for name in self.state.mask}

    @cached_property
    def rng(self) -> np.random.Generator:
        return random_generator(self.how.seeds[self.index], "sparsifier", self.how.sparsifier.name, self.state.step)

    def gradient(self) -> dict[str, Tensor]:
        return self.gradients.of(self.index)
