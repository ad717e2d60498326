"""The same training on a GPU: skipped where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lth_core.data.reading import open_data
from lth_core.tasks import ImageClassification
from tests.test_training import NETWORKS, initial, run, same_bits, sparse_mask

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


@pytest.fixture
def on_gpu(make_task: Any, data_file: Any) -> Any:
    def make(module: Any, **options: Any) -> ImageClassification:
        task = make_task(module, **options)
        device = torch.device("cuda")
        return ImageClassification(module, open_data(data_file, device), task.recipe, device)

    return make


@pytest.mark.parametrize("network", NETWORKS)
def test_ten_steps_equal_those_on_a_cpu(make_task: Any, on_gpu: Any, network: Any) -> None:
    module = network()
    for layer in module.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0  # noise is drawn by the device
    weights = initial(network)
    expected = run(make_task(module, steps=10), weights, {})
    found = run(on_gpu(module, steps=10), weights, {})
    for name, value in expected.weights.items():
        np.testing.assert_allclose(found.weights[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_pruned_weights_stay_zero_and_dense_training_repeats_its_bits(on_gpu: Any, network: Any) -> None:
    weights = initial(network)
    mask = sparse_mask(weights, network)
    first, second = (run(on_gpu(network()), weights, mask) for _ in range(2))
    assert all(not first.weights[name][~kept].any() for name, kept in mask.items())
    if network is NETWORKS[0]:
        assert same_bits(first.weights, second.weights)
