"""The same training on a GPU: skipped where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lth_core.data.reading import open_data
from lth_core.engine.cuda_graph import EAGER_STEPS, GraphedStep
from lth_core.jobs.support.trainings import prepare
from lth_core.tasks.classification import ImageClassification
from tests.engine.test_precision import SGD, Residual, plain
from tests.support.small_trainings import NETWORKS, initial, run, same_bits, sparse_mask

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


@pytest.fixture
def on_gpu(make_task: Any, data_file: Any) -> Any:
    def make(module: Any, **options: Any) -> ImageClassification:
        task = make_task(module, **options)
        device = torch.device("cuda")
        prepare(device)
        return ImageClassification(module, open_data(data_file, device), task.recipe, device)

    return make


STACKED = [NETWORKS[0], NETWORKS[1], plain, Residual]


@pytest.mark.parametrize("network", [*NETWORKS, plain, Residual])
def test_ten_steps_equal_those_on_a_cpu(make_task: Any, on_gpu: Any, network: Any) -> None:
    module = network()
    for layer in module.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0  # noise is drawn by the device
    weights = initial(network)
    expected = run(make_task(module, steps=10), weights, {})
    on_device = run(on_gpu(module, steps=10), weights, {})
    for name, value in expected.weights.items():
        np.testing.assert_allclose(on_device.weights[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_pruned_weights_stay_zero_and_dense_training_repeats_its_bits(on_gpu: Any, network: Any) -> None:
    weights = initial(network)
    mask = sparse_mask(weights, network)
    first, second = (run(on_gpu(network()), weights, mask) for _ in range(2))
    assert all(not first.weights[name][~kept].any() for name, kept in mask.items())
    if network is NETWORKS[0]:
        assert same_bits(first.weights, second.weights)


@pytest.mark.parametrize("optimizer", [SGD, {"name": "adam", "learning_rate": 0.01}])
@pytest.mark.parametrize("network", STACKED)
def test_steps_are_replayed_from_a_graph_and_equal_those_without(
    on_gpu: Any, monkeypatch: pytest.MonkeyPatch, network: Any, optimizer: dict
) -> None:
    weights, graphs = initial(network), []

    class Seen(GraphedStep):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            graphs.append(self)

    monkeypatch.setattr("lth_core.training.loop.GraphedStep", Seen)
    graphed = run(on_gpu(network(), optimizer=optimizer), weights, {}).weights
    assert [graph.steps for graph in graphs] == [20] and graphs[0].replay is not None
    monkeypatch.setattr("lth_core.engine.cuda_graph.EAGER_STEPS", 10**9)
    eager = run(on_gpu(network(), optimizer=optimizer), weights, {}).weights
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


@pytest.mark.parametrize("network", STACKED)
def test_in_bf16_training_learns_and_all_that_is_kept_is_float32(on_gpu: Any, network: Any) -> None:
    trained = run(on_gpu(network(), optimizer=SGD, precision="bf16", steps=60, evaluate_every=60), initial(network), {})
    assert all(value.dtype in (np.float32, np.int64) for value in trained.weights.values())
    losses = [row["loss"] for row in trained.history if row["split"] == "train"]
    assert np.mean(losses[3:]) < np.mean(losses[:3])
