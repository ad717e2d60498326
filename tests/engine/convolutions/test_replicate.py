"""One replicate computes what autograd does of the masked dense network, on the kept weights alone."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import nn

from lth_core.engine import instructions
from lth_core.engine.convolutions import layer_kernels
from lth_core.engine.convolutions.network import BatchNorm, Sum, operands
from lth_core.engine.convolutions.reading import read_network
from lth_core.engine.convolutions.steps import TILE
from lth_core.engine.convolutions.workspace import LANES, borders
from tests.support.convolutions import (
    IMAGE,
    NETWORKS,
    bias_terms,
    by_autograd,
    fill_gradient,
    near_a_kink,
    pruned,
    replicate,
)


def compare(
    module: nn.Module,
    examples: int,
    density: float,
    capacity: int = 0,
    any_values: bool = False,
    images: torch.Tensor | None = None,
) -> None:
    """Outputs, gradients, running statistics and an evaluation of a network, but for rounding.

    Of `any_values`, those are left out of which rounding may decide on which side of a ReLU they are.
    """
    masks = pruned(module, density)
    network = replicate(module, masks, max(capacity, examples))
    network.outputs(100 * torch.randn(max(capacity, examples), *IMAGE), training=False)  # which may not be left
    images = torch.randn(examples, *IMAGE) if images is None else images
    labels = torch.randint(0, 3, (examples,))
    expected, exact = by_autograd(module, images, labels)
    if any_values:
        assume(not near_a_kink(exact))
    outputs = network.outputs(images)
    torch.testing.assert_close(outputs.double(), expected, rtol=1e-4, atol=1e-5)
    gradients = fill_gradient(network, outputs, labels)
    largest = max(float(parameter.grad.abs().max()) for parameter in exact.parameters() if parameter.grad is not None)
    for name, parameter in exact.named_parameters():
        assert parameter.grad is not None
        kept = parameter.grad[torch.from_numpy(masks[name])] if name in masks else parameter.grad
        atol = max(1e-5 * largest, 3e-6 * bias_terms(exact, name))  # autograd's own, in float32, come to 1.7e-6
        torch.testing.assert_close(gradients[name].double(), kept.flatten(), rtol=1e-3, atol=atol, msg=name)
    for name, buffer in exact.named_buffers():
        torch.testing.assert_close(network.steps.buffers[name].double(), buffer.double(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.evaluated(images).double(), exact.eval()(images.double()), rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=40)
@example(name="residual", examples=5, density=0.1, seed=2060)  # a bias whose gradient is rounding alone
@example(name="residual", examples=10, density=0.1, seed=2060)
@given(
    name=st.sampled_from(sorted(NETWORKS)),
    examples=st.integers(2, 70),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 10**6),
)
def test_it_computes_what_autograd_does(name: str, examples: int, density: float, seed: int) -> None:
    torch.manual_seed(seed)
    compare(NETWORKS[name](), examples, density, any_values=True)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("examples", [5, 16, 20, 32])
def test_memory_may_be_for_more_examples(name: str, examples: int) -> None:
    torch.manual_seed(0)
    compare(NETWORKS[name](), examples, 0.5, capacity=70)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (8, 7), (13, 4)])
def test_convolutions_of_all_sizes_strides_and_paddings(kernel: int, stride: int, sides: tuple[int, int]) -> None:
    torch.manual_seed(0)
    for padding in range(kernel):
        first, last = nn.Conv2d(2, 3, 1), nn.Conv2d(3, 4, kernel, stride, padding)
        if min(sides) + 2 * padding < kernel:
            continue
        module = nn.Sequential(first, nn.ReLU(), last, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        masks = pruned(module, 0.6)
        sparse = replicate(module, masks, 5, (2, *sides))
        images, labels = torch.randn(5, 2, *sides), torch.randint(0, 3, (5,))
        expected, exact = by_autograd(module, images, labels)
        outputs = sparse.outputs(images)
        torch.testing.assert_close(outputs.double(), expected, rtol=1e-4, atol=1e-5)
        gradients = fill_gradient(sparse, outputs, labels)
        for name, parameter in exact.named_parameters():
            assert parameter.grad is not None
            kept = parameter.grad[torch.from_numpy(masks[name])] if name in masks else parameter.grad
            torch.testing.assert_close(gradients[name].double(), kept.flatten(), rtol=1e-3, atol=1e-6, msg=name)


def test_the_same_memory_gives_the_same_bits_whatever_was_in_it() -> None:
    torch.manual_seed(0)
    module = NETWORKS["residual"]()
    network = replicate(module, pruned(module, 0.3), 40)
    images, labels = torch.randn(40, *IMAGE), torch.randint(0, 3, (40,))

    def computed() -> list[np.ndarray]:
        outputs = network.outputs(images)
        return [outputs.numpy().copy(), *(g.numpy().copy() for g in fill_gradient(network, outputs, labels).values())]

    first = computed()
    network.outputs(torch.randn(40, *IMAGE) * 100)
    network.evaluated(torch.randn(7, *IMAGE))
    assert all(map(np.array_equal, first, computed()))


@pytest.mark.parametrize("count", [1, 15, 16, 33, 100])
def test_an_evaluation_of_any_number_of_examples_is_that_of_each(count: int) -> None:
    torch.manual_seed(0)
    module = NETWORKS["normalized"]()
    network = replicate(module, pruned(module, 0.5), 32)
    images = torch.randn(count, *IMAGE)
    torch.testing.assert_close(network.evaluated(images), module.eval()(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_value_that_is_not_a_number_is_passed_on(name: str) -> None:
    module = NETWORKS[name]()
    network = replicate(module, {}, 3)
    images = torch.randn(3, *IMAGE)
    images[1, 0, 4, 4] = np.nan
    evaluated = network.evaluated(images)
    assert evaluated[1].isnan().all() and evaluated[[0, 2]].isfinite().all()
    assert network.outputs(images)[1].isnan().all()


def test_a_part_of_a_batch_costs_what_it_holds() -> None:
    """Nothing is computed of what the memory could hold besides, forward or backward."""
    torch.manual_seed(0)
    module = NETWORKS["normalized"]()
    network = replicate(module, pruned(module, 0.5), 64)
    work = network.workspace
    for maps, values in zip(work.maps, work.values, strict=True):
        values[2 * maps.chunk :] = np.nan
    outputs = network.outputs(torch.randn(17, *IMAGE))
    gradients = fill_gradient(network, outputs, torch.randint(0, 3, (17,)))
    assert outputs.isfinite().all() and all(gradient.isfinite().all() for gradient in gradients.values())
    for maps, values in zip(work.maps, work.values, strict=True):
        assert np.isfinite(values[: 2 * maps.chunk]).all() and np.isnan(values[2 * maps.chunk :]).all()


def test_maps_have_the_borders_that_their_convolutions_reach() -> None:
    stem = [nn.Conv2d(2, 4, 7, stride=2, padding=3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)]
    body = [nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, (1, 3), padding=(0, 1))]
    module = nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    network = read_network(module, (2, 16, 16))
    assert network is not None
    images, filtered, normalized, pooled, inner, outer, mean, scores = borders(network)
    assert images == (3, 3)
    assert filtered == normalized == (2, 2)  # how far beyond the outputs gradients are read
    assert (pooled, inner, outer, mean, scores) == ((1, 1), (1, 1), (0, 1), (0, 0), (0, 0))


def test_what_a_sum_adds_has_one_border() -> None:
    network = read_network(NETWORKS["tangled"](), IMAGE)
    assert network is not None
    by_value = borders(network)
    for step in network.steps:
        if isinstance(step, BatchNorm | Sum):
            assert len({by_value[value] for value in (step.target, *operands(step))}) == 1


def test_of_equal_pixels_in_a_window_the_first_has_the_gradient() -> None:
    """As in torch: images with plain backgrounds, such as MNIST's, are full of them."""
    torch.manual_seed(0)
    compare(NETWORKS["plain"](), 5, 0.5, images=torch.randn(5, 2, 1, 1).expand(5, *IMAGE).contiguous())


def test_outputs_of_a_relu_pass_no_gradient_where_they_are_0() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3), nn.ReLU())
    images = torch.randn(20, *IMAGE)
    assert 0 < int((module(images) == 0).sum()) < 60
    compare(module, 20, 1.0, images=images)


def test_weights_that_the_module_freezes_are_used_and_have_no_gradient() -> None:
    torch.manual_seed(0)
    module = NETWORKS["residual"]()
    module.second.weight.requires_grad_(False)
    module.norm.bias.requires_grad_(False)
    network = replicate(module, pruned(module, 0.5), 20)
    images = torch.randn(20, *IMAGE)
    expected, _ = by_autograd(module, images, torch.zeros(20, dtype=torch.long))
    torch.testing.assert_close(network.outputs(images).double(), expected, rtol=1e-4, atol=1e-5)
    assert "second.weight" not in network.flat_indices and "norm.bias" not in network.flat_indices
    assert len(network.trained) == sum(map(len, network.flat_indices.values()))


def variances(shift: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a batch norm's inputs of variance 1 and a mean: as computed here, and in double precision."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.randn(64, *IMAGE) + shift
    network = replicate(module, {}, 64)
    network.outputs(images)
    exact = images.double().var(dim=(0, 2, 3)) * 0.1 + 0.9
    return network.steps.buffers["0.running_var"].double(), exact


@pytest.mark.parametrize("shift", [0.0, 100.0, 10_000.0])
def test_variances_are_as_precise_as_the_inputs_however_far_from_0_they_are(shift: float) -> None:
    actual, exact = variances(shift)
    torch.testing.assert_close(actual, exact, rtol=1e-5, atol=0)


def test_sizes_that_are_known_without_the_kernels_are_theirs() -> None:
    assert instructions.LANES == LANES
    assert layer_kernels.TILE == TILE


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs a processor of that family")
def test_processors_with_shorter_vectors_compute_the_same(tmp_path: Path) -> None:
    """Compiled for vectors of 256 bits, as processors without AVX-512 have them."""
    script = """
import torch
from tests.engine.convolutions.test_replicate import compare
from tests.support.convolutions import NETWORKS

torch.manual_seed(0)
for network in NETWORKS.values():
    compare(network(), 20, 0.3)
"""
    shorter = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    root = str(Path(__file__).parents[3])
    subprocess.run(
        [sys.executable, "-c", script], cwd=root, env={**os.environ, **shorter, "PYTHONPATH": root}, check=True
    )
