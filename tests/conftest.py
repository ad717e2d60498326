"""Small tasks for the tests: synthetic images in a real data file, tiny networks, short recipes."""

from __future__ import annotations

from tests.support import shape_checks  # noqa: F401 (first: what is imported from here on is checked)

# isort: split

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import nn

from lth_core.config import Recipe
from lth_core.data.reading import open_data
from lth_core.planning import catalogue
from lth_core.storage.tensors import write_tensors
from lth_core.tasks.opening import build_task

gc.disable()  # what is collected lives to the end: looking for dead objects in it takes seconds
torch.set_num_threads(1)
catalogue.register()  # tests use built-in functions by name; jobs import the modules that their specs name
# How fast examples are made and run says something of the machine only: several processes test at once.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a script


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with whole runs: the files that take longest would leave the other processes waiting if they came last."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Look for dead objects from here on, among those that tests make."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """Jobs flush them to 0 in their process, which the next test must not notice."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """90 training, 30 validation and 30 test images of 3 classes, 1x6x6, that a small network can learn."""
    random = np.random.default_rng(0)
    tensors = {}
    for split, count in (("train", 90), ("validation", 30), ("test", 30)):
        labels = np.arange(count) % 3
        images = random.integers(0, 120, (count, 1, 6, 6))
        images[np.arange(count), 0, labels] += 100
        tensors[f"{split}_images"] = images.astype(np.uint8)
        tensors[f"{split}_labels"] = labels.astype(np.int64)
    facts = {"classes": 3, "input_shape": [1, 6, 6], "mean": [80.0], "std": [50.0], "source": "synthetic"}
    path = tmp_path / "data.safetensors"
    write_tensors(path, tensors, facts)
    return path


@pytest.fixture
def make_task(data_file: Path) -> Callable[..., Any]:
    """make_task(module, optimizer={...}, steps=..., ...) -> a task on the synthetic images."""

    def make(module: nn.Module, optimizer: dict[str, Any] | None = None, **recipe: Any) -> Any:
        optimizer = optimizer or {"name": "adam", "learning_rate": 0.01}
        settings = {"batch_size": 10, "steps": 20, "evaluate_every": 5, **recipe}
        data = open_data(data_file)
        return build_task(module, data, Recipe(optimizer=optimizer, **settings), torch.device("cpu"))

    return make


BY_THREADS = "from lth_core.runtime import lifetime\nlifetime.KERNEL_ENDS_CHILDREN = False\n"


@pytest.fixture(params=["kernel", "thread"])
def ended_by(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What ends the orphans among the Python processes that a test starts, which find modules in `tmp_path`, too."""
    if request.param == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux ends the children of a killed process")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])]))
    if request.param == "thread":
        (tmp_path / "sitecustomize.py").write_text(BY_THREADS)
    return request.param
