"""A module is computed for all replicates at once only where that gives what they compute in turn."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core.engine.module_network import ModuleNetwork
from lth_core.engine.stacking import stacks
from tests.support.zoo import ZOO, Written

TASK: Any = SimpleNamespace(
    device=torch.device("cpu"), recipe=SimpleNamespace(precision="float32", rounds_at_random=False)
)


def stacked(factory: Callable[[], nn.Module]) -> bool:
    modules = [factory() for _ in range(3)]
    parameters, buffers = (
        {name: torch.stack([dict(kind(m))[name].detach() for m in modules]) for name, _ in kind(modules[0])}
        for kind in (nn.Module.named_parameters, nn.Module.named_buffers)
    )
    return stacks(ModuleNetwork(TASK, modules[0]), parameters, buffers, torch.rand(4, 1, 6, 6))


def written(forward: Callable[[Any, Tensor], Tensor], **parts: Any) -> nn.Module:
    return Written(forward, a=nn.Linear(36, 8), b=nn.Linear(8, 3), **parts)


TAKE_TURNS = {
    "numpy_noise", "stochastic_depth",  # every replicate would have the same noise
    "dropout", "reparametrized_noise", "spectral_norm", "spectral_norm_by_hooks", "lstm", "lstm_that_is_pruned",
    "gru_both_ways",
    "transformer", "batch_norm_of_cumulative_statistics",  # vmap fails
}  # fmt: skip


@pytest.mark.parametrize("name", ZOO)
def test_networks_are_stacked_unless_vmap_cannot_follow_or_they_draw(name: str) -> None:
    assert stacked(ZOO[name]) == (name not in TAKE_TURNS)


def hook_on_an_activation() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        hidden = m.a(x.flatten(1)).relu()
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: 0.1 * gradient)
        return m.b(hidden)

    return written(forward)


def hook_on_the_way_back() -> nn.Module:
    module: Any = written(lambda m, x: m.b(m.a(x.flatten(1)).relu()))
    module.b.register_full_backward_hook(lambda layer, by_inputs, by_outputs: (0.1 * by_inputs[0],))
    return module


def rare_noise() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        return m.b(m.a(x.flatten(1)).relu()) * (0 if m.training and np.random.random() < 1e-9 else 1)

    return written(forward)


@pytest.mark.parametrize("factory", [hook_on_an_activation, hook_on_the_way_back, rare_noise])
def test_modules_that_vmap_computes_otherwise_without_an_error_take_turns(factory: Callable[[], nn.Module]) -> None:
    assert not stacked(factory)


def keeps_a_tensor() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if m.shift is None:
            m.shift = x.new_ones(36)
        return m.b(m.a(x + m.shift).relu())

    return written(forward, shift=None)


def single_precision_only() -> nn.Module:
    return written(lambda m, x: m.b((x.flatten(1).float() @ m.matrix).relu()), matrix=nn.Parameter(torch.rand(36, 8)))


@pytest.mark.parametrize("factory", [keeps_a_tensor, single_precision_only])
def test_others_are_stacked(factory: Callable[[], nn.Module]) -> None:
    assert stacked(factory)


def test_the_trial_leaves_the_module_and_all_generators_as_they_are() -> None:
    module: Any = keeps_a_tensor()
    before = np.random.get_state()[1].tolist(), torch.get_rng_state()
    parameters = {name: value.detach()[None] for name, value in module.named_parameters()}
    assert stacks(ModuleNetwork(TASK, module), parameters, {}, torch.rand(4, 1, 6, 6, generator=torch.Generator()))
    assert module.shift is None
    assert np.random.get_state()[1].tolist() == before[0] and torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.filterwarnings("error")
def test_the_trial_says_nothing() -> None:
    assert stacked(ZOO["weight_norm"])
