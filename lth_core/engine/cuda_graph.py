"""A training step as one CUDA graph: its kernels are recorded once, then launched by one call per step.

Without it the processor, which launches them one after the other, is what most of these networks wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch

EAGER_STEPS = 3
"""Steps before the recording, in which libraries choose their kernels and reserve their memory."""

Work = Callable[[], None]


def record(work: Work) -> Work:
    """Record the work as a graph, without running it. Raises RuntimeError for work that waits for the GPU."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def aside(work: Work) -> None:
    """Do the work on a stream of its own, as is required of what is recorded later."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)


class GraphedStep:
    """A function of a batch and the learning rate, recorded in its fourth call; each call is one step.

    A graph reads from fixed addresses, so the batch (a dataclass of tensors) and the rate (a tensor) are copied there.
    The function may change tensors in place, but must return nothing and depend on no value of Python that changes.
    Where recording fails, steps go on without a graph.
    """

    def __init__(
        self,
        function: Callable[[Any, torch.Tensor], None],
        device: torch.device,
        record: Callable[[Work], Work] = record,
        aside: Callable[[Work], None] = aside,
    ):
        self.function, self.record, self.aside = function, record, aside
        self.batch: Any = None
        self.rate = torch.zeros((), device=device)
        self.steps = 0
        self.replay: Work | None = None

    def __call__(self, batch: Any, rate: float) -> None:
        self._fill(batch, rate)
        if self.steps == EAGER_STEPS:
            self.replay = self._recorded()
        self.steps += 1
        if self.replay:
            self.replay()
        else:
            self.aside(self._work)

    def _work(self) -> None:
        self.function(self.batch, self.rate)

    def _recorded(self) -> Work | None:
        try:
            return self.record(self._work)
        except RuntimeError as error:
            print(f"steps are not recorded as a CUDA graph: {str(error).splitlines()[0]}", flush=True)
            return None

    def _fill(self, batch: Any, rate: float) -> None:
        self.rate.fill_(rate)
        tensors = {field.name: getattr(batch, field.name) for field in fields(batch)}
        if self.batch is None:
            self.batch = type(batch)(**{name: tensor.clone() for name, tensor in tensors.items()})
        for name, tensor in tensors.items():
            getattr(self.batch, name).copy_(tensor)
