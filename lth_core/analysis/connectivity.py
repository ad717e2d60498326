"""Connectivity: loss and error on the straight line between two trained networks (Frankle et al. 2020, section 2).

All tensors are interpolated. The statistics of batch norm are, besides, estimated again at every point of the line,
because those in between belong to no network that was trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from lth_core.analysis.lines import Line, Weights, linear_outputs, of_policies, outputs_along
from lth_core.engine.linear_network import LinearNetwork
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task, evaluation_piece
from lth_core.training.resume import State

STATISTICS_EXAMPLES = 5000
"""The most training examples that are used to estimate the statistics of batch norm."""

BATCH = 250
"""Training examples in each batch whose statistics are averaged."""


class Curve(NamedTuple):
    """Along a line: loss and error (`Metric.errors` of the task's metric) at every point, and the fraction of
    predictions that differ between its first and its last point. nan where the loss is not finite, and the last one
    where outputs are no predictions."""

    loss: np.ndarray
    error: np.ndarray
    disagreement: float


@dataclass
class Measuring(State):
    """A measurement in progress: sums over the batches so far, batch-norm statistics, and the loops that are done.

    `step` is the number of batches that the present loop has gone through; `history` has a JSON-able entry per loop.
    """

    sums: list[Tensor]
    """Per line, over examples and by point: loss, metric, predictions unlike those at the first point (3, points)."""
    statistics: list[list[Weights]]
    """Estimated batch-norm buffers of every point of every line."""
    step: int = 0
    history: list[Any] = field(default_factory=list)

    @classmethod
    def start(cls, task: Task, lines: Sequence[Line]) -> Measuring:
        """Start a measurement before its first batch."""
        sums = [torch.zeros(3, len(line.alphas), dtype=torch.float64, device=task.device) for line in lines]
        norms = _batch_norms(task)
        empty = {f"{name}.{key}": value for name, norm in norms.items() for key, value in norm.named_buffers()}
        zeros = [
            [{name: torch.zeros_like(value, device=task.device) for name, value in empty.items()} for _ in line.alphas]
            for line in lines
        ]
        return cls(sums, zeros)

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that the next batch adds to, each by another name."""
        buffers = {
            f"statistics/{line}/{point}/{name}": value
            for line, points in enumerate(self.statistics)
            for point, tensors in enumerate(points)
            for name, value in tensors.items()
        }
        return {f"sums/{line}": value for line, value in enumerate(self.sums)} | buffers

    def finish(self, outcome: Any) -> None:
        """End the present loop with its outcome (JSON-able)."""
        self.history.append(outcome)
        self.step = 0
        for value in self.sums:
            value.zero_()


AfterBatch = Callable[[Measuring], object]

# ---------------------------------------------------------------- pairs of networks


@dataclass(frozen=True)
class Pair:
    """Two networks, one replicate's tensors by name. `aligned`: the second with its units permuted, None if unknown."""

    first: Tensors
    second: Tensors
    aligned: Tensors | None = None

    @property
    def is_moved(self) -> bool:
        """Tell whether the alignment changed the second network."""
        changed = self.aligned or {}
        return any(not np.array_equal(value, self.second[name]) for name, value in changed.items())


def connect(
    task: Task,
    pairs: Sequence[Pair],
    points: int,
    examples: int | None = None,
    restore: AfterBatch = lambda state: None,
    after_batch: AfterBatch = lambda state: None,
) -> Iterator[tuple[str, str, list[dict[str, Curve]]]]:
    """Measure, for all statistics (interpolated, estimated) and splits (train, test), each pair's curves by matching.

    The matchings are `none` and, for pairs whose alignment is known, `aligned`, which has the same ends. There are
    `points` evenly spaced points on a line, ends included. `examples` is the most that are used of a split, None for
    all of it. Only networks with batch norm have estimated statistics. `restore` may put in the state of the same
    measurement that was interrupted.
    """
    alphas = np.linspace(0, 1, points).tolist()
    moved = [index for index, pair in enumerate(pairs) if pair.is_moved]
    lines = [Line(_on_device(task, pair.first), _on_device(task, pair.second), alphas) for pair in pairs]
    lines += [Line(lines[index].first, _on_device(task, pairs[index].aligned or {}), alphas[1:-1]) for index in moved]
    state = Measuring.start(task, lines)
    restore(state)
    loops = [("interpolated", "train"), ("interpolated", "test")]
    if _batch_norms(task):
        loops += [("estimated", None), ("estimated", "train"), ("estimated", "test")]
    for loop, (statistics, split) in enumerate(loops):
        if split is None:
            if loop == len(state.history):
                estimate_statistics(task, lines, examples, state, after_batch)
                state.finish(None)
        else:
            if loop == len(state.history):
                estimated = state.statistics if statistics == "estimated" else None
                measured = evaluate(task, lines, split, examples, estimated, state, after_batch)
                state.finish([(curve.loss.tolist(), curve.error.tolist(), curve.disagreement) for curve in measured])
            curves = [Curve(np.array(loss), np.array(error), apart) for loss, error, apart in state.history[loop]]
            by_matching = [
                {"none": curve} | ({"aligned": curve} if pair.aligned is not None else {})
                for pair, curve in zip(pairs, curves, strict=False)
            ]
            for index, inner in zip(moved, curves[len(pairs) :], strict=True):
                by_matching[index]["aligned"] = _with_ends(inner, by_matching[index]["none"])
            yield statistics, split, by_matching


def _on_device(task: Task, network: Tensors) -> Weights:
    return {name: torch.as_tensor(value, device=task.device) for name, value in network.items()}


def _with_ends(inner: Curve, whole: Curve) -> Curve:
    """The points in between of one curve with the ends of another."""
    loss, error = (np.concatenate([b[:1], a, b[-1:]]) for a, b in zip(inner[:2], whole[:2], strict=True))
    return Curve(loss, error, whole.disagreement)


# ---------------------------------------------------------------- evaluation


@torch.no_grad()
def evaluate(
    task: Task,
    lines: Sequence[Line],
    split: str,
    examples: int | None = None,
    statistics: Sequence[Sequence[Weights]] | None = None,
    state: Measuring | None = None,
    after_batch: AfterBatch = lambda state: None,
) -> list[Curve]:
    """Measure the curve of every line on a split, or on `examples` of it; changes nothing.

    `statistics` are buffers to use instead of the interpolated ones, for every point of every line. The data are gone
    through once, from where `state` is: each batch is evaluated by all networks of all lines. Policies are evaluated on
    episodes of their making, line by line.
    """
    task.module.to(task.device).eval()
    network = LinearNetwork.of(task.module)
    state = state or Measuring.start(task, lines)
    if task.acts:
        for index in range(state.step, len(lines)):
            state.sums[index] += of_policies(task, lines[index], split, statistics[index] if statistics else None)
            state.step += 1
            after_batch(state)
        return [_curve(task, *total.cpu().numpy()) for total in state.sums]
    size = evaluation_piece(network is not None, task.device)
    count = 0
    for number, batch in enumerate(task.sample_batches(split, examples, size)):
        count += len(batch.inputs)
        if number < state.step:
            continue
        for index, line in enumerate(lines):
            if network:
                outputs = linear_outputs(network, line, batch.inputs)
            else:
                outputs = outputs_along(task, line, batch.inputs, statistics[index] if statistics else None)
            _add(state.sums[index], task, outputs, batch)
        state.step += 1
        after_batch(state)
    return [_curve(task, *(total / count).cpu().numpy()) for total in state.sums]


def _add(sums: Tensor, task: Task, outputs: Iterable[Tensor], batch: Batch) -> None:
    """Add a batch's losses, metric and predictions unlike those at the first point, to the columns of the points."""
    reference, metric = None, task.metrics[0].name
    for point, values in enumerate(outputs):
        measured, predicted = task.measures(values, batch), task.predictions(values, batch)
        reference = predicted if reference is None else reference
        sums[0, point] += measured["loss"].double().sum()
        sums[1, point] += measured[metric].double().sum()
        if predicted is None or reference is None:
            sums[2, point] = math.nan
        else:
            sums[2, point] += (predicted != reference).double().view(len(values), -1).mean(dim=1).sum()


def _curve(task: Task, loss: np.ndarray, metric: np.ndarray, disagreement: np.ndarray) -> Curve:
    known = np.isfinite(loss)
    error = np.where(known, task.metrics[0].errors(metric), np.nan)
    return Curve(loss, error, float(disagreement[-1]) if known[0] and known[-1] else float("nan"))


# ---------------------------------------------------------------- statistics of batch norm


@torch.no_grad()
def estimate_statistics(
    task: Task,
    lines: Sequence[Line],
    examples: int | None = None,
    state: Measuring | None = None,
    after_batch: AfterBatch = lambda state: None,
) -> list[list[Weights]]:
    """Estimate the batch-norm buffers of every point of every line: mean and variance per channel, averages of batches.

    The batches are of a fixed random sample of the training split, STATISTICS_EXAMPLES or `examples` if that is less,
    and of equal size, at most BATCH. Estimation goes on from where `state` is.
    """
    module = task.module.to(task.device).eval()  # dropout stays off
    norms, state = _batch_norms(task), state or Measuring.start(task, lines)
    momenta = {name: norm.momentum for name, norm in norms.items()}
    try:
        for norm in norms.values():
            norm.train()
            norm.momentum = None  # the average of all batches
        sample = min(examples or STATISTICS_EXAMPLES, STATISTICS_EXAMPLES)
        for number, batch in enumerate(task.sample_batches("train", sample, BATCH)):
            if number < state.step:
                continue
            for line, statistics in zip(lines, state.statistics, strict=True):
                for _ in outputs_along(task, line, batch.inputs, statistics):
                    pass  # the forward pass updates the statistics in place
            state.step += 1
            after_batch(state)
    finally:
        for name, norm in norms.items():
            norm.momentum = momenta[name]
        module.eval()
    return state.statistics


def _batch_norms(task: Task) -> dict[str, _BatchNorm]:
    """The layers that keep running statistics, by name."""
    modules = task.module.named_modules()
    return {name: norm for name, norm in modules if isinstance(norm, _BatchNorm) and norm.track_running_stats}
