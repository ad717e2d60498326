"""What a training job says while it runs."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from lth_core.jobs.support import trainings
from lth_core.runtime.progress import Progress
from lth_core.training.resume import Resume
from lth_core.training.state import start_state


@pytest.fixture
def said(make_task: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The progress of a training of 4 steps that is evaluated at every second one, on a slow machine."""
    stream, seconds = io.StringIO(), iter(range(0, 1000, 100))
    monkeypatch.setattr(trainings, "Progress", partial(Progress, stream=stream, clock=partial(next, seconds)))
    task = make_task(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), steps=4, evaluate_every=2)
    state = start_state(task, {name: value[None].numpy() for name, value in task.module.state_dict().items()}, {})
    trainings.train_resumably(state, [0], 4, Resume(tmp_path / "trained", "x"))
    return stream.getvalue().splitlines()


def test_a_long_training_reports_between_evaluations_too(said: list[str]) -> None:
    assert [line.split()[1] for line in said] == ["1/4", "2/4", "3/4", "4/4"]


def test_a_report_says_when_its_metric_was_measured_unless_it_was_just_now(said: list[str]) -> None:
    first, second, third, _ = said
    assert first.endswith("at step 0") and third.endswith("% at step 2")
    assert "validation accuracy" in second and second.endswith("%")
