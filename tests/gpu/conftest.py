"""Tasks on a GPU, with the settings of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from lth_core.data.reading import open_data
from lth_core.engine.batch_norm import precise
from lth_core.jobs.support.trainings import prepare
from lth_core.tasks.opening import build_task
from tests.support.gpu import DEVICE, Seen


@pytest.fixture
def on_gpu(make_task: Any, data_file: Any) -> Iterator[Callable[..., Any]]:
    """on_gpu(module, ...) -> what make_task gives, on the GPU."""

    def make(module: Any, **options: Any) -> Any:
        recipe = make_task(module, **options).recipe
        return build_task(precise(module), open_data(data_file, DEVICE), recipe, DEVICE)

    flags = torch.backends.cudnn
    before = flags.allow_tf32, flags.deterministic
    prepare(DEVICE)
    yield make
    flags.allow_tf32, flags.deterministic = before


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The steps of all trainings that follow."""
    Seen.all = []
    monkeypatch.setattr("lth_core.training.loop.GraphedStep", Seen)
    return Seen.all
