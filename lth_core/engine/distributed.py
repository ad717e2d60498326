"""Several processes train one cohort together: each has its share of every minibatch, and gradients are averaged.

They are started by torchrun (jobs/launch.py). What they compute is what torch's DistributedDataParallel computes
(tested), but that wraps a module which owns its weights and averages their `.grad` in hooks; here networks are
functions of a cohort's stacked weights, so the gradients are averaged in one message before the optimizer's step. All
processes have the same bits of all weights at every step, and the first of them writes the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, distributed

from lth_core.engine.cohort import Cohort
from lth_core.engine.module_network import Gradient
from lth_core.engine.narrow_cohort import narrow_cohort
from lth_core.runtime.shares import ALONE, Share
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task

if TYPE_CHECKING:
    from jaxtyping import Float

LOST = "another process of this training has ended"
"""What the processes say that were waiting for one which failed."""


class LostProcess(ValueError):
    """Another process of the training has ended; one line."""


def join(device: torch.device) -> Share:
    """Meet the other processes that torchrun has started, and return this one's share: everything where it is alone.

    Raises LostProcess where another one has ended.
    """
    if not distributed.is_torchelastic_launched():
        return ALONE
    if not distributed.is_initialized():
        with _together():
            distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return Share(distributed.get_rank(), distributed.get_world_size())


def local_index() -> int | None:
    """Return which of the processes on this machine this one is; None where it is alone."""
    return int(os.environ["LOCAL_RANK"]) if distributed.is_torchelastic_launched() else None


def agree(share: Share, number: int, what: str) -> None:
    """Raise LostProcess unless `number` is the same in all processes."""
    if share.processes > 1:
        numbers = torch.zeros(share.processes, dtype=torch.int64)
        numbers[share.rank] = number
        with _together():
            distributed.all_reduce(numbers)
        if len(numbers.unique()) > 1:
            raise LostProcess(f"the processes differ in {what} ({numbers.tolist()}): do all machines see one folder?")


def cohort_of(
    task: Task, weights: dict[str, Tensor], pruned: Tensors | None, together: bool | None = None, narrow: bool = False
) -> Cohort:
    """Build the cohort of a task, shared by all processes that have joined; arguments are those of `Cohort`.

    With `narrow`, masks that take out whole channels make a `NarrowCohort` where one process trains it.
    """
    if distributed.is_initialized():
        return SharedCohort(task, weights, pruned, together)
    smaller = narrow_cohort(task, weights, pruned) if narrow and pruned and not together else None
    return smaller or Cohort(task, weights, pruned, together)


class SharedCohort(Cohort):
    """A cohort whose examples are shared by several processes."""

    def gradients(self, batch: Batch, noise_seeds: Sequence[int]) -> list[Gradient]:
        with _together():
            gradients = super().gradients(batch, noise_seeds)
            average([gradient for gradient in gradients if gradient is not None])
        return gradients

    def totals(
        self, sums: Float[Tensor, "quantity replicate"], examples: int
    ) -> tuple[Float[Tensor, "quantity replicate"], int]:
        message = torch.cat([sums, torch.full_like(sums[:1], examples)])
        with _together():
            distributed.all_reduce(message)
        return message[:-1], int(message[-1, 0])


def average(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their means over all processes, in place and in one message."""
    message = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(message)
    message /= distributed.get_world_size()
    for tensor, mean in zip(tensors, message.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


@contextmanager
def _together() -> Iterator[None]:
    """What only works while all processes live; they say in one line that one does not."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo" in str(error):
            raise LostProcess(LOST) from error
        raise
