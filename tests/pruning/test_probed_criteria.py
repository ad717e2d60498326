"""Scores that are computed with a network, against the same by other ways: by hand, by differences, path by path."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Choice, Method
from lth_core.pruning.prune import PruningError, full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.registry import criterion
from lth_core.scoring.probe import NetworkProbe
from lth_core.storage.tensors import Tensors

Make = Callable[..., Any]
LAYERS = {"1.weight": "hidden", "3.weight": "output"}


def two_layers(inputs: int = 36) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 4, bias=False), nn.ReLU(), nn.Linear(4, 3, bias=False))


def deep(width: int = 10, depth: int = 4) -> nn.Module:
    sizes = [36, *[width] * (depth - 1), 3]
    linear = [nn.Linear(first, second) for first, second in pairwise(sizes)]
    return nn.Sequential(nn.Flatten(), *(part for layer in linear for part in (layer, nn.ReLU())))[:-1]


def drawn(module: nn.Module, seed: int = 0) -> Tensors:
    draw = np.random.default_rng(seed).standard_normal
    return {name: draw(value.shape).astype(np.float32) / 2 for name, value in module.state_dict().items()}


def mask_of(values: Tensors, left: float = 1.0, seed: int = 0) -> Tensors:
    draw = np.random.default_rng(seed).random
    return {name: draw(value.shape) < left for name, value in values.items() if value.ndim == 2}


def scores(name: str, task: Any, values: Tensors, mask: Tensors, **options: Any) -> Tensors:
    probe = NetworkProbe(task, 0, values).under(mask)
    offered = {"mask": mask, "probe": probe, "rng": np.random.default_rng(0)}
    return {name: score.numpy() for name, score in criterion.call(name, offered, options).items()}


def example(task: Any, values: Tensors, per_class: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """The pruning batch, flat images (B, 36) and the labels."""
    (batch,) = NetworkProbe(task, 0, values).batches(per_class, 256)
    return batch.inputs.flatten(1).double().numpy(), batch.targets.numpy()


def loss(first: np.ndarray, second: np.ndarray, images: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy of the network of two layers."""
    outputs = np.maximum(images @ first.T, 0) @ second.T
    return float(np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(labels)), labels]))


def gradient(
    first: np.ndarray, second: np.ndarray, images: np.ndarray, labels: np.ndarray, temperature: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Its gradient by both layers, by the chain rule."""
    sums = images @ first.T
    hidden = np.maximum(sums, 0)
    likely = np.exp(hidden @ second.T / temperature)
    by_outputs = (likely / likely.sum(axis=1, keepdims=True) - np.eye(3)[labels]) / len(labels) / temperature
    return ((by_outputs @ second) * (sums > 0)).T @ images, by_outputs.T @ hidden


# ---------------------------------------------------------------- first order


@pytest.mark.parametrize("name", ["snip", "taylor"])
@pytest.mark.parametrize("batch_size", [256, 7])
def test_first_order_scores_are_weight_times_gradient(make_task: Make, name: str, batch_size: int) -> None:
    task, values = make_task(two_layers()), drawn(two_layers())
    mask = mask_of(values, 0.7)
    first, second = (values[layer] * mask[layer] for layer in LAYERS)
    found = scores(name, task, values, mask, batch_size=batch_size)
    expected = gradient(first, second, *example(task, values))
    pieces = 1 if batch_size == 256 else 5  # of 6 examples each: gradients are added before the absolute value
    for layer, weights, slopes in zip(LAYERS, (first, second), expected, strict=True):
        assert found[layer] == pytest.approx(pieces * abs(weights * slopes), rel=2e-4, abs=1e-6)


def test_snip_is_what_the_loss_changes_with_a_weight_s_connection(make_task: Make) -> None:
    """By central differences of the connection c in c * w, at c = 1."""
    task, values = make_task(two_layers()), drawn(two_layers())
    found, step = scores("snip", task, values, mask_of(values)), 1e-5
    images, labels = example(task, values)
    for layer, index in (("1.weight", (2, 3)), ("1.weight", (0, 1)), ("3.weight", (1, 2)), ("3.weight", (0, 0))):
        ends = []
        for connection in (1 + step, 1 - step):
            weights = {name: value.astype(np.float64) for name, value in values.items()}
            weights[layer][index] *= connection
            ends.append(loss(*(weights[name] for name in LAYERS), images, labels))
        assert found[layer][index] == pytest.approx(abs(ends[0] - ends[1]) / (2 * step), rel=1e-3, abs=1e-6)


# ---------------------------------------------------------------- second order


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_grasp_is_weight_times_how_the_gradient_changes_along_itself(make_task: Make, temperature: float) -> None:
    task, values = make_task(two_layers()), drawn(two_layers())
    mask = mask_of(values, 0.7)
    weights = [(values[layer] * mask[layer]).astype(np.float64) for layer in LAYERS]
    kept = [mask[layer] for layer in LAYERS]
    about = (*example(task, values), temperature)
    along = [part * left for part, left in zip(gradient(*weights, *about), kept, strict=True)]
    step = 1e-4
    ahead, behind = (
        gradient(*(weight + sign * step * part for weight, part in zip(weights, along, strict=True)), *about)
        for sign in (1, -1)
    )
    found = scores("grasp", task, values, mask, temperature=temperature)
    for layer, weight, left, right in zip(LAYERS, weights, ahead, behind, strict=True):
        expected = weight * (left - right) / (2 * step)
        assert found[layer] == pytest.approx(expected, rel=1e-3, abs=1e-3 * abs(expected).max())


def test_grasp_keeps_the_highest(make_task: Make) -> None:
    task, values = make_task(two_layers()), drawn(two_layers())
    mask = full_mask(values, LAYERS)
    method = Method(levels=1, rate=0.5, criterion="grasp", scope="global")
    found = scores("grasp", task, values, mask)
    smaller = next_mask(method, LAYERS, 1, 0, mask, initial=values, probe=NetworkProbe(task, 0, values), consumers={})
    kept = np.concatenate([found[name][smaller[name]] for name in LAYERS])
    pruned = np.concatenate([found[name][~smaller[name]] for name in LAYERS])
    assert len(kept) == len(pruned) and kept.min() >= pruned.max()


def test_obd_estimates_the_diagonal_of_the_hessian(make_task: Make) -> None:
    """The error of n random vectors has a variance of the sum of H_ij^2 over j other than i, divided by n."""
    task, values = make_task(two_layers()), drawn(two_layers())
    (batch,) = NetworkProbe(task, 0, values).batches(10, 256)
    shapes = [values[name].shape for name in LAYERS]

    def of_vector(vector: torch.Tensor) -> torch.Tensor:
        first, second = vector.split([int(np.prod(shape)) for shape in shapes])
        hidden = (batch.inputs.flatten(1) @ first.view(shapes[0]).T).relu()
        return nn.functional.cross_entropy(hidden @ second.view(shapes[1]).T, batch.targets)

    flat = torch.cat([torch.from_numpy(values[name]).flatten() for name in LAYERS])
    hessian: Any = torch.autograd.functional.hessian(of_vector, flat)
    samples = 400
    found = scores("obd", task, values, full_mask(values, LAYERS), samples=samples)
    estimate = np.concatenate([found[name].ravel() for name in LAYERS])
    square = (flat**2).numpy() / 2
    others = (hessian**2).sum(dim=1) - hessian.diagonal() ** 2
    error = square * (others / samples).sqrt().numpy()
    assert (abs(estimate - square * hessian.diagonal().numpy()) <= 5 * error + 1e-6).all()
    assert np.corrcoef(estimate, square * hessian.diagonal().numpy())[0, 1] > 0.9


# ---------------------------------------------------------------- synaptic flow


def test_synflow_adds_up_the_paths_through_a_weight(make_task: Make) -> None:
    """A path is an input or a bias, then one weight of each later layer: its value is the product of their sizes."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(36, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 3))
    values = drawn(module)
    mask = mask_of(values, 0.8)
    names = ["1.weight", "3.weight", "5.weight"]
    first, second, third = (abs(values[name] * mask[name]).astype(np.float64) for name in names)
    biases = [abs(values[f"{layer}.bias"]).astype(np.float64) for layer in (1, 3)]
    expected = {name: np.zeros(values[name].shape) for name in names}
    for i, a, b, k in product(range(36), range(3), range(2), range(3)):
        value = first[a, i] * second[b, a] * third[k, b]
        for name, index in zip(names, ((a, i), (b, a), (k, b)), strict=True):
            expected[name][index] += value
    for a, b, k in product(range(3), range(2), range(3)):
        value = biases[0][a] * second[b, a] * third[k, b]
        expected[names[1]][b, a] += value
        expected[names[2]][k, b] += value
    for b, k in product(range(2), range(3)):
        expected[names[2]][k, b] += biases[1][b] * third[k, b]
    found = scores("synflow", make_task(module), values, mask)
    for name in names:
        assert found[name] == pytest.approx(expected[name], rel=1e-9)


def test_synflow_is_conserved_by_every_hidden_unit_and_layer(make_task: Make) -> None:
    """What flows into a unit flows out of it (Tanaka et al. 2020, theorem 1), here without biases."""
    module, names = deep(), ["1.weight", "3.weight", "5.weight", "7.weight"]
    values = drawn(module)
    values |= {name: np.zeros_like(value) for name, value in values.items() if value.ndim == 1}
    found = scores("synflow", make_task(module), values, mask_of(values, 0.6))
    for incoming, outgoing in pairwise(names):
        assert found[incoming].sum(axis=1) == pytest.approx(found[outgoing].sum(axis=0), rel=1e-9)
    assert np.ptp([found[name].sum() for name in names]) < 1e-9 * found[names[0]].sum()


def test_synflow_sees_no_data_and_changes_no_sign(make_task: Make) -> None:
    values = drawn(deep())
    task, kept = make_task(deep()), {name: value.copy() for name, value in values.items()}
    task.data.images["train"].zero_()
    found = scores("synflow", task, values, mask_of(values))
    again = scores("synflow", make_task(deep()), {name: abs(value) for name, value in values.items()}, mask_of(values))
    assert all(np.array_equal(found[name], again[name]) and (found[name] >= 0).all() for name in found)
    assert all(np.array_equal(values[name], kept[name]) for name in values)


def collapsed(task: Any, values: Tensors, left: int, **how: Any) -> list[int]:
    """The weights left in each layer by SynFlow."""
    layers = {name: "hidden" for name, value in values.items() if value.ndim == 2}
    size = sum(values[name].size for name in layers)
    method = Method(levels=1, densities=[left / size], criterion="synflow", scope="global", **how)
    mask, probe = full_mask(values, layers), NetworkProbe(task, 0, values)
    smaller = next_mask(method, layers, 1, 0, mask, initial=values, probe=probe, consumers={})
    assert sum(int(kept.sum()) for kept in smaller.values()) == left
    return [int(kept.sum()) for kept in smaller.values()]


def test_one_round_empties_large_layers_and_a_hundred_leave_every_layer_a_weight(make_task: Make) -> None:
    """Scores of a layer average the same sum over its weights: in one round the largest goes (section 5)."""
    task, values = make_task(deep()), drawn(deep())
    assert min(collapsed(task, values, 8, iterations=1)) == 0
    assert min(collapsed(task, values, 8)) >= 1  # 100 is the criterion's own number of rounds
    assert collapsed(task, values, 4) == [1, 1, 1, 1]  # the largest compression without collapse: one path


def test_scores_beyond_the_range_of_numbers_are_one_line_that_names_the_layer(make_task: Make) -> None:
    module = deep(depth=6)
    values = {name: value * np.float32(1e8) for name, value in drawn(module).items()}
    layers = {name: "hidden" for name, value in values.items() if value.ndim == 2}
    about = {"initial": values, "probe": NetworkProbe(make_task(module), 0, values), "consumers": {}}
    said = r"^criterion 'synflow': \d+ of 360 scores of 1.weight are not finite, .*: use `precision: float64`"
    for precision in ("float32", "float64"):
        method = Method(levels=1, criterion=Choice.of("synflow", precision=precision), iterations=1, scope="global")
        with pytest.raises(PruningError, match=said) if precision == "float32" else nullcontext():
            next_mask(method, layers, 1, 0, full_mask(values, layers), **about)


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", [name for name in criterion.names() if criterion.uses(name, "probe")])
def test_masks_are_the_same_every_time_and_nested_over_levels(make_task: Make, name: str) -> None:
    task, values = make_task(two_layers()), drawn(two_layers())
    method = Method(levels=2, densities=[0.5, 0.2], criterion=name, iterations=3, scope="global")

    def chain() -> list[Tensors]:
        made = [full_mask(values, LAYERS)]
        for level in (1, 2):
            probe = NetworkProbe(task, 0, values)
            made.append(next_mask(method, LAYERS, level, 0, made[-1], initial=values, probe=probe, consumers={}))
        return made[1:]

    first, second = chain()
    assert sum(kept.sum() for kept in first.values()) == round(0.5 * 156)
    assert all((second[layer] <= first[layer]).all() and second[layer].any() for layer in LAYERS)
    again = chain()
    assert all(np.array_equal(first[layer], again[0][layer]) for layer in LAYERS)
    assert all(np.array_equal(second[layer], again[1][layer]) for layer in LAYERS)
