"""Synaptic saliency: by hand, conserved where a network is homogeneous, and not elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from lth_core.models.layers import prunable_layers
from lth_core.models.shrinking import consumers_of
from lth_core.models.tensors import stored_tensors
from lth_core.pruning.probe import Probe
from lth_core.scoring.probe import NetworkProbe
from lth_core.scoring.saliency import SCORES, Sums, sums, unit_difference

SHAPE = (1, 6, 6)
Make = Callable[..., Any]


def perceptron(activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    """All biases are drawn, too."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), activation(), nn.Linear(8, 7), activation(), nn.Linear(7, 3))


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 1)),
        *(nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)),
    )


def probe_of(make_task: Make, module: nn.Module) -> Probe:
    values = {name: tensor.detach().numpy() for name, tensor in stored_tensors(module).items()}
    return NetworkProbe(make_task(module), 0, values).in_precision("float64")


def sums_of(make_task: Make, module: nn.Module, score: str) -> list[Sums]:
    layers, consumers = prunable_layers(module, SHAPE), consumers_of(module, SHAPE)
    assert consumers
    return list(sums(SCORES[score](probe_of(make_task, module)), layers, consumers))


@pytest.mark.parametrize("network", [perceptron, convolutional])
@pytest.mark.parametrize("score", ["snip", "synflow"])
def test_units_of_homogeneous_networks_conserve_saliency(
    make_task: Make, network: Callable[[], nn.Module], score: str
) -> None:
    *hidden, output = sums_of(make_task, network(), score)
    assert len(hidden) == 2 and all(layer.unit_difference < 1e-10 for layer in hidden)
    assert math.isnan(output.unit_difference)


@pytest.mark.parametrize("score", ["snip", "synflow"])
def test_without_biases_all_layers_have_one_sum(make_task: Make, score: str) -> None:
    module = perceptron()
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    totals = [layer.total for layer in sums_of(make_task, module, score)]
    assert totals == pytest.approx([totals[0]] * 3, rel=1e-10) and totals[0] != 0


@pytest.mark.parametrize(("network", "score"), [(perceptron, "magnitude"), (lambda: perceptron(nn.Tanh), "snip")])
def test_what_is_not_homogeneous_conserves_nothing(
    make_task: Make, network: Callable[[], nn.Module], score: str
) -> None:
    assert all(layer.unit_difference > 1e-3 for layer in sums_of(make_task, network(), score)[:-1])


def test_sums_over_layers_by_hand() -> None:
    scores = torch.tensor([[1.0, -3.0], [0.5, 0.5]]), torch.tensor([[-2.0, 1.0]])
    saliency = {"a.weight": scores[0], "a.bias": torch.tensor([0.5, 0.0]), "b.weight": scores[1]}
    one, other = sums(saliency, {"a.weight": "hidden", "b.weight": "output"}, {"a.weight": ("b.weight", 1)})
    assert one == ("a.weight", 4, -1.0, 5.0, pytest.approx(0.5 / 2))  # units: -1.5 in, -2 out; 1 in, 1 out
    assert other[:4] == ("b.weight", 2, -1.0, 3.0)


def test_a_channel_that_is_flattened_has_several_columns() -> None:
    saliency = {"a": torch.ones(2, 1, 3, 3), "b": torch.tensor([[4.0, 5.0, 9.0, 9.0]])}
    assert unit_difference(saliency, "a", "b", 2) == pytest.approx(9 / 18)  # 9 and 9 in, 9 and 18 out


@pytest.mark.parametrize("score", ["snip", "grasp", "synflow"])
def test_saliencies_are_what_finite_differences_give(make_task: Make, score: str) -> None:
    probe = probe_of(make_task, perceptron(nn.Tanh))
    batches = probe.batches(10, 256)
    name, index = "3.weight", (2, 5)

    def value(weights: dict[str, torch.Tensor]) -> float:
        if score == "synflow":
            return float(probe.outputs({n: w.abs() for n, w in weights.items()}, probe.inputs_of_ones()).sum())
        return float(sum(probe.loss(weights, batch) for batch in batches))

    def slope_of_gradient(weights: dict[str, torch.Tensor]) -> float:
        """The product of the gradient, of outputs over 200, with that at the weights themselves."""
        return sum(
            float((here * there).sum())
            for batch in batches
            for here, there in zip(gradient(weights, batch), gradient(probe.weights, batch), strict=True)
        )

    def gradient(weights: dict[str, torch.Tensor], batch: Any) -> tuple[torch.Tensor, ...]:
        leaves = {n: w.clone().requires_grad_() for n, w in weights.items()}
        return torch.autograd.grad(probe.loss(leaves, batch, 200.0), [*leaves.values()])

    weights, function = probe.weights, slope_of_gradient if score == "grasp" else value
    weight, step = float(weights[name][index]), 1e-5
    ends = []
    for change in (step, -step):
        moved = {n: w.clone() for n, w in weights.items()}
        moved[name][index] += change
        ends.append(function(moved))
    expected = weight * (ends[0] - ends[1]) / (2 * step)
    assert float(SCORES[score](probe)[name][index]) == pytest.approx(expected, rel=1e-4)
