"""A training step as one CUDA graph: its kernels are recorded once, then launched by one call per step.

Without it the processor, which launches them one after the other, is what most of these networks wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

import torch
from torch import Tensor

EAGER_STEPS = 3
"""Steps before the recording, in which libraries choose their kernels and reserve their memory."""

Work = Callable[[], None]

_side_stream = cache(torch.cuda.Stream)
"""The stream of all steps before recordings: each stream keeps the memory that its tensors have freed for itself."""


def record(work: Work) -> Work:
    """Record the work as a graph, without running it. Raises RuntimeError for work that waits for the GPU."""
    graph = torch.cuda.CUDAGraph()
    # The outer stream is set again where recording fails, which torch leaves undone. Other threads go on meanwhile: a
    # DataLoader's reserves memory for the next batches, which a recording of the whole process would not survive.
    with (
        torch.cuda.stream(torch.cuda.current_stream()),
        torch.cuda.graph(graph, capture_error_mode="thread_local"),
    ):
        work()
    return graph.replay


def aside(work: Work) -> None:
    """Do the work on another stream, as is required of what is recorded later."""
    stream = _side_stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)


class GraphedStep:
    """A function of a batch and the learning rate, recorded in its fourth call; each call is one step.

    A graph reads from fixed addresses, so the batch (a dataclass of tensors) and the rate (a tensor) are copied there.
    The function may change tensors in place, but must return nothing and depend on no value of Python that changes.
    A batch of other shapes is the first of a new recording. Where recording fails, steps go on without a graph.
    """

    def __init__(
        self,
        function: Callable[[Any, Tensor], None],
        device: torch.device,
        record: Callable[[Work], Work] = record,
        aside: Callable[[Work], None] = aside,
    ):
        self.function, self.record, self.aside = function, record, aside
        self.batch: Any = None
        self.rate = torch.zeros((), device=device)
        self.steps = 0
        self.replay: Work | None = None
        self._steps_alike = 0
        """Steps on batches of the present shapes."""

    def __call__(self, batch: Any, rate: float) -> None:
        self._fill(batch, rate)
        if self._steps_alike == EAGER_STEPS:
            self.replay = self._recorded()
        self.steps, self._steps_alike = self.steps + 1, self._steps_alike + 1
        if self.replay:
            self.replay()
        elif self._steps_alike <= EAGER_STEPS:
            self.aside(self._work)
        else:
            self._work()

    def _work(self) -> None:
        self.function(self.batch, self.rate)

    def _recorded(self) -> Work | None:
        try:
            return self.record(self._work)
        except RuntimeError as error:
            reason = error.__context__ or error  # after a failure, ending the recording fails, too
            print(f"steps are not recorded as a CUDA graph: {str(reason).splitlines()[0]}", flush=True)
            return None

    def _fill(self, batch: Any, rate: float) -> None:
        self.rate.fill_(rate)
        tensors = {field.name: getattr(batch, field.name) for field in fields(batch)}
        if self.batch is None or any(
            tensor.shape != getattr(self.batch, name).shape for name, tensor in tensors.items()
        ):
            self.batch = type(batch)(**{name: tensor.clone() for name, tensor in tensors.items()})
            self.replay, self._steps_alike = None, 0
        for name, tensor in tensors.items():
            getattr(self.batch, name).copy_(tensor)
