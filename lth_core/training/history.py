"""The history of a training: what is logged while it runs, and when.

To log one more quantity, compute it in `quantities`: it becomes a column of history.csv. To log at other steps or by
other rows, write another listener beside `Evaluations` (lth_core/analysis/telemetry.py has one).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from lth_core.training.state import TrainingState

SPLITS = ("train", "validation", "test")
INDEX = ("replicate", "step", "split")
"""Columns that name a row; the others are its quantities."""


def quantities(state: TrainingState, split: str) -> dict[str, Sequence[float]]:
    """Compute what is logged of a split, each quantity as one number per replicate; change nothing.

    These are `loss` and the task's metrics, by name, of the test split also without each of its folds; nan where a
    replicate has diverged.
    """
    return {**state.evaluate(split)}


def log(state: TrainingState) -> None:
    """Append one row per split and replicate to the state's history: INDEX and all quantities."""
    for split in SPLITS:
        columns = quantities(state, split)
        for replicate, values in enumerate(zip(*columns.values(), strict=True)):
            row = dict(zip(columns, values, strict=True))
            state.history.append({"replicate": replicate, "step": state.step, "split": split, **row})


class Evaluations:
    """A listener that logs at a training's first step, every `every` steps and at its `last_step`."""

    def __init__(self, every: int, last_step: int):
        self.every, self.last_step = every, last_step
        self.seconds = 0.0
        """What evaluating has taken so far."""

    def __call__(self, state: TrainingState) -> None:
        due = state.step in (state.first_step, self.last_step) or state.step % self.every == 0
        if due and not state.is_logged:
            if state.cohort.task.device.type == "cuda":
                torch.cuda.synchronize()  # what is left of earlier steps is training
            start = time.perf_counter()
            log(state)
            self.seconds += time.perf_counter() - start
