"""Jobs on a GPU: forked, several at once, and analyses of trained networks. Skipped where there is no GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core import registry
from lth_core.analysis.connectivity import Line, estimate_statistics
from lth_core.analysis.connectivity import evaluate as evaluate_line
from lth_core.analysis.telemetry import record
from lth_core.engine.forms import costs
from lth_core.models.layers import prunable_weights
from lth_core.training.loop import train
from lth_core.training.search import SearchState
from lth_core.training.state import start_state
from tests.engine.test_precision import Residual
from tests.support.gpu import DEVICE, needs_a_gpu
from tests.support.small_trainings import SEEDS, convolutional, initial, linear, run, same_bits

pytestmark = needs_a_gpu

ROOT = Path(__file__).parents[2]
TRAINING = """
import hashlib, importlib, os, sys

from lth_core.jobs.support.server import COMPUTING
for module in COMPUTING:
    importlib.import_module(module)

def training():
    import torch
    from lth_core.config import Recipe
    from lth_core.data.reading import open_data
    from lth_core.jobs.support.trainings import choose_device, prepare
    from lth_core.tasks.opening import build_task
    from tests.support.small_trainings import initial, linear, run
    device = choose_device()
    prepare(device)
    adam = {"name": "adam", "learning_rate": 0.01}
    recipe = Recipe(optimizer=adam, batch_size=10, steps=300, evaluate_every=100)
    task = build_task(linear(), open_data(sys.argv[1], device), recipe, device)
    print(torch.cuda.current_device(), flush=True)
    print(" " if sys.argv[2] == "waiting" and sys.stdin.read(1) else "", end="")  # the other one has its GPU as well
    weights = run(task, initial(linear), {}).weights
    print(device, hashlib.sha256(b"".join(value.tobytes() for value in weights.values())).hexdigest(), flush=True)

if sys.argv[2] != "forked":
    training()
elif process := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
else:
    try:
        training()
        os._exit(0)
    finally:
        os._exit(1)
"""


class Job:
    """A process that trains on the GPU that it chooses."""

    def __init__(self, data: Path, how: str, temporary: Path):
        environment = os.environ | {"LTH_DEVICE": "cuda", "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(data), how],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.gpu = int(self.process.stdout.readline())

    def outcome(self) -> str:
        """The device and the sum of the trained weights."""
        said, _ = self.process.communicate("x", timeout=60)
        assert self.process.returncode == 0
        return said.split("\n")[-2].strip()


def test_a_job_that_the_server_forks_and_two_at_once_get_the_bits_of_one_alone(data_file: Path, tmp_path: Path) -> None:
    """Jobs share one GPU, or each takes its own: the locked files say which."""
    waiting = [Job(data_file, "waiting", tmp_path) for _ in range(2)]
    assert [job.gpu for job in waiting] == ([0, 1] if torch.cuda.device_count() > 1 else [0, 0])
    outcomes = {job.outcome() for job in [*waiting, Job(data_file, "forked", tmp_path)]}
    assert len(outcomes) == 1 and outcomes.pop().startswith("cuda ")


# ---------------------------------------------------------------- analyses


@pytest.mark.parametrize("network", [linear, convolutional])
def test_the_line_between_two_networks_is_that_on_a_cpu(make_task: Any, on_gpu: Any, network: Any) -> None:
    weights = run(make_task(network()), initial(network), {}).weights
    curves, statistics = [], []
    for make in (make_task, on_gpu):
        task = make(network())
        ends = [{name: torch.tensor(value[r], device=task.device) for name, value in weights.items()} for r in (0, 1)]
        line = Line(*ends, alphas=[0.0, 0.3, 1.0])
        curves.append(evaluate_line(task, [line], "test")[0])
        (points,) = estimate_statistics(task, [line])
        statistics.append([{name: value.cpu().numpy() for name, value in point.items()} for point in points])
    for expected, actual in zip(curves[0], curves[1], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-3)
    for expected, actual in zip(*statistics, strict=True):
        for name, value in expected.items():
            np.testing.assert_allclose(actual[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("network", [linear, Residual, convolutional])
def test_a_training_that_is_watched_has_the_bits_of_one_that_is_not(on_gpu: Any, network: Any) -> None:
    weights, layers = initial(network), prunable_weights(network())
    undisturbed = run(on_gpu(network()), weights, {}, evaluate=False).weights
    task = on_gpu(network())
    state = start_state(task, weights, {})
    record(task, state, weights, undisturbed, layers, SEEDS, task.recipe.steps)
    assert same_bits(state.weights(), undisturbed)
    norms = [row["value"] for row in state.history if row["quantity"] == "gradient_norm"]
    assert norms and np.isfinite(norms).all() and min(norms) > 0


@pytest.mark.parametrize("name", ["edge-popup", "sampled-mask", "bernoulli-gates"])
@pytest.mark.parametrize("network", [linear, convolutional])
def test_masks_are_learned_with_the_same_bits_again_and_measured(on_gpu: Any, network: Any, name: str) -> None:
    weights, layers = initial(network), prunable_weights(network())
    left = {layer: weights[layer][0].size // 2 for layer in layers}
    made, learned = registry.parametrization.call(name, {"layers": tuple(layers), "left": left}, {}), []
    for _ in range(2):
        state = SearchState.begin(task := on_gpu(network()), name, made, weights, SEEDS)
        train(task, state, SEEDS, 5)
        trained = ((index, key, value) for index, one in enumerate(state.trained) for key, value in one.items())
        learned.append({f"{index}/{key}": value.cpu().numpy() for index, key, value in trained})
    assert same_bits(*learned) and not state.cohort.parameters[layers[0]].is_cpu
    if name == "edge-popup":
        assert all(row.sum() == left[layer] for layer, masks in state.stacked_masks().items() for row in masks)
    assert all(0 <= value <= 1 for value in state.evaluate("test")["accuracy"])


def test_the_costs_of_all_forms_are_measured() -> None:
    measured = costs(Residual().to(DEVICE), (1, 6, 6))
    assert measured["dense"].seconds_1 > 0 and measured["dense"].seconds_256 > 0
    assert "on a CPU" in measured["sparse"].reason


def test_two_of_four_weights_are_timed_where_torch_supports_them() -> None:
    module = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256)).to(DEVICE)
    for layer in (module[0], module[2]):
        layer.weight.data.unflatten(1, (-1, 4))[..., :2] = 0
    measured = costs(module, (256,))
    if measured["2:4"].reason:
        pytest.skip(measured["2:4"].reason)
    assert measured["2:4"].seconds_256 > 0 and measured["half"].seconds_256 > 0
    assert measured["2:4"].flops == measured["half"].flops / 2
