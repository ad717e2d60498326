"""Steps that are recorded as CUDA graphs: skipped where there is no GPU."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lth_core.config import Recipe
from lth_core.data.reading import open_data
from lth_core.engine.cuda_graph import EAGER_STEPS, GraphedStep
from lth_core.jobs.prepare_data import prepare as prepare_data
from lth_core.tasks.opening import build_task
from tests.engine.test_precision import SGD, Residual, plain
from tests.support.gpu import DEVICE, needs_a_gpu
from tests.support.small_trainings import SEEDS, dense, initial, linear, run, same_bits, sparse_mask

pytestmark = needs_a_gpu

ROOT = Path(__file__).parents[2]
ADAM = {"name": "adam", "learning_rate": 0.01}
STACKED = [dense, linear, plain, Residual]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("optimizer", [SGD, ADAM])
@pytest.mark.parametrize("network", STACKED)
def test_steps_are_replayed_from_a_graph_and_equal_those_without(
    on_gpu: Any, graphs: list, monkeypatch: pytest.MonkeyPatch, network: Any, optimizer: dict, precision: str
) -> None:
    weights = initial(network)
    mask = sparse_mask(weights, network)
    graphed = run(on_gpu(network(), optimizer=optimizer, precision=precision), weights, mask).weights
    assert [graph.steps for graph in graphs] == [20] and graphs[0].replay is not None
    monkeypatch.setattr("lth_core.engine.cuda_graph.EAGER_STEPS", 10**9)
    eager = run(on_gpu(network(), optimizer=optimizer, precision=precision), weights, mask).weights
    assert same_bits(graphed, eager)


@pytest.mark.parametrize("augment", ["none", "crop-flip"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("network", STACKED)
def test_no_step_waits_for_the_gpu(on_gpu: Any, network: Any, precision: str, augment: str) -> None:
    """From the recording on, that is."""
    done = []

    def forbid(state: Any) -> None:
        done.append(state.step)
        if state.step > EAGER_STEPS:
            torch.cuda.set_sync_debug_mode("error")

    task = on_gpu(network(), precision=precision, augment=augment)
    try:
        with pytest.raises(RuntimeError, match="synchron"):  # at the end, where the weights are fetched
            run(task, initial(network), {}, evaluate=False, listeners=[forbid])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert done[-1] == task.recipe.steps


# ---------------------------------------------------------------- the graph itself


@dataclass(frozen=True)
class Numbers:
    values: torch.Tensor


@pytest.fixture
def total() -> torch.Tensor:
    """What the steps below add to."""
    return torch.zeros((), device=DEVICE)


def numbers(*values: float) -> Numbers:
    return Numbers(torch.tensor(values, device=DEVICE))


def test_every_replay_reads_its_own_batch_and_rate(total: torch.Tensor) -> None:
    step = GraphedStep(lambda batch, rate: total.add_(batch.values.sum() * rate).detach_(), DEVICE)
    for number in range(1, 51):  # many are on their way at a time
        step(numbers(number, 1), 0.5 * number)
    assert step.replay is not None
    assert total.item() == sum(0.5 * n * (n + 1) for n in range(1, 51))


def test_a_batch_of_other_shapes_is_recorded_anew(total: torch.Tensor) -> None:
    step, replays = GraphedStep(lambda batch, rate: total.add_(batch.values.sum() * rate).detach_(), DEVICE), []
    for size in (3, 1, 3):
        for _ in range(6):
            step(numbers(*[1.0] * size), 1.0)
        replays.append(step.replay)
    assert None not in replays and len(set(map(id, replays))) == 3
    assert total.item() == 6 * (3 + 1 + 3)


WAITING = """
from dataclasses import dataclass
import torch
from lth_core.engine.cuda_graph import GraphedStep

@dataclass
class Numbers:
    values: torch.Tensor

device = torch.device("cuda")
total, usual = torch.zeros((), device=device), torch.cuda.current_stream()
step = GraphedStep(lambda batch, rate: total.add_(batch.values.sum().item()).detach_(), device)
for _ in range(6):
    step(Numbers(torch.ones(3, device=device)), 1.0)
print(total.item(), step.replay, torch.cuda.current_stream() == usual)
"""


def test_where_recording_fails_steps_go_on_without() -> None:
    """In a process of its own, because torch does not recover from that: it refuses to draw random numbers."""
    done = subprocess.run([sys.executable, "-c", WAITING], cwd=ROOT, capture_output=True, text=True, check=False)
    reason, outcome = done.stdout.splitlines()
    assert outcome == "18.0 None True", done.stderr
    assert reason.startswith("steps are not recorded as a CUDA graph: ") and "previous error" not in reason


def test_a_recording_survives_another_thread_that_reserves_memory(total: torch.Tensor) -> None:
    """As a DataLoader's does, whenever it likes."""
    ended, errors = threading.Event(), []

    def reserve() -> None:
        size = 1
        while not ended.is_set():
            size += 1
            try:
                torch.empty(size * 100_000, dtype=torch.uint8).pin_memory()
            except RuntimeError as error:
                errors.append(error)
                return

    thread = threading.Thread(target=reserve)
    thread.start()
    try:
        for _ in range(10):
            step = GraphedStep(lambda batch, rate: total.add_(batch.values.sum() * rate).detach_(), DEVICE)
            for _ in range(6):
                step(numbers(1, 2), 1.0)
            assert step.replay is not None
    finally:
        ended.set()
        thread.join()
    assert not errors and total.item() == 180


def test_streamed_images_are_trained_on_as_those_in_memory(tmp_path: Path, on_gpu: Any, graphs: list) -> None:
    """Decoded by other processes, and sent from pinned memory."""
    random = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 4)):
        for name in ("ant", "bee"):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    trained = []
    for name in ("stored", "streamed"):
        path = tmp_path / f"{name}.safetensors"
        source = {"name": "image-folder", "path": "pets", "size": 8, "validation": 6, "stream": name == "streamed"}
        prepare_data(name, {"source": source}, str(tmp_path), str(path))
        recipe = Recipe.model_validate({"optimizer": SGD, "batch_size": 5, "steps": 20, "evaluate_every": 10})
        network = Colours
        task = build_task(network(), open_data(path, DEVICE), recipe, DEVICE)
        trained.append(run(task, initial(network), {}).weights)
    assert same_bits(*trained)
    assert [graph.replay is not None for graph in graphs] == [True, True]


class Colours(torch.nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            torch.nn.Conv2d(3, 8, 3),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(288, 2),
        )


def test_a_graph_of_twenty_replicates_has_the_bits_of_steps_without(
    on_gpu: Any, graphs: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [*range(20)]
    weights = initial(linear, seeds)
    graphed = run(on_gpu(linear()), weights, {}, seeds).weights
    assert graphs[0].replay is not None and len(SEEDS) < len(seeds)
    monkeypatch.setattr("lth_core.engine.cuda_graph.EAGER_STEPS", 10**9)
    assert same_bits(run(on_gpu(linear()), weights, {}, seeds).weights, graphed)
