"""Every form of a ticket: the same outputs, costs counted by hand, and a reason for what it cannot do here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from lth_core import registry
from lth_core.engine import forms as of_networks
from lth_core.engine.forms import costs, forms
from lth_core.models.layers import prunable_weights

SHAPE = (1, 8, 8)


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_networks, "REPEATS", {1: 2, 256: 1})


def pruned(name: str, density: float = 0.3, **options: object) -> tuple[nn.Module, dict[str, np.ndarray]]:
    """A network with random zeros in all that can be pruned, and its mask."""
    torch.manual_seed(0)
    module = registry.model.call(name, {"classes": 10, "input_shape": SHAPE}, options).eval()
    mask = {}
    for weight in prunable_weights(module):
        kept = torch.rand_like(module.get_parameter(weight)) < density
        module.get_parameter(weight).data[~kept] = 0
        mask[weight] = kept.numpy()
    return module, mask


@pytest.mark.parametrize("name", ["lenet", "conv-2", "resnet-8"])
def test_all_forms_that_evaluate_compute_what_the_module_does(name: str) -> None:
    module, mask = pruned(name)
    images = torch.randn(5, *SHAPE)
    expected = module(images)
    made = forms(module, SHAPE, mask)
    evaluated = {key: form.evaluate(images) for key, form in made.items() if form.evaluate}
    assert set(evaluated) == {"dense", "shrunk", "csr", *(["sparse"] if name == "lenet" else [])}
    for values in evaluated.values():
        assert torch.allclose(torch.as_tensor(values), expected, atol=1e-5)


def test_costs_are_counted_by_hand() -> None:
    module, mask = pruned("lenet", hidden=[20, 12])
    measured = costs(module, SHAPE, mask)
    sizes, biases = 64 * 20 + 20 * 12 + 12 * 10, 20 + 12 + 10
    kept, rows = sum(int(of_layer.sum()) for of_layer in mask.values()), biases + 3
    dense, sparse, csr = (measured[form] for form in ("dense", "sparse", "csr"))
    assert (dense.parameters, dense.flops, dense.bytes) == (sizes + biases, 2 * sizes, 4 * (sizes + biases))
    for form in (sparse, csr):
        assert (form.parameters, form.flops, form.bytes) == (kept + biases, 2 * kept, 4 * (2 * kept + rows + biases))
    assert all(cost.seconds_1 > 0 and cost.seconds_256 > 0 for cost in measured.values())


def test_a_convolution_saves_its_operations_at_every_position() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3))
    module[0].weight.data[:, :, 0] = 0
    measured = costs(module, SHAPE)
    assert measured["dense"].flops - measured["sparse"].flops == 2 * 64 * 12
    assert measured["csr"].flops == measured["sparse"].flops
    assert measured["sparse"].reason and math.isnan(measured["sparse"].seconds_1)
    assert measured["csr"].seconds_1 > 0


def test_a_ticket_without_units_costs_what_a_small_network_does() -> None:
    module, mask = pruned("lenet", density=1.0, hidden=[20, 12])
    for name, axis in (("fc1.weight", 0), ("fc2.weight", 1)):
        kept = torch.from_numpy(mask[name])
        kept.transpose(0, axis)[:15] = False
        module.get_parameter(name).data[~kept] = 0
    shrunk = costs(module, SHAPE, mask)["shrunk"]
    weights = 64 * 5 + 5 * 12 + 12 * 10
    assert (shrunk.parameters, shrunk.flops) == (weights + 5 + 12 + 10, 2 * weights)


def test_two_of_four_weights_have_a_form_of_their_sort_or_a_reason() -> None:
    module, mask = pruned("lenet", density=1.0)
    assert "2:4" not in forms(module, SHAPE, mask)
    for layer in module.modules():
        if isinstance(layer, nn.Linear) and layer.in_features % 4 == 0:
            layer.weight.data.unflatten(1, (-1, 4))[..., 1:3] = 0
    cost = costs(module, SHAPE)["2:4"]
    assert math.isnan(cost.seconds_1) and cost.reason == "torch has 2:4 weights on GPUs only"
