"""A network that would not be trained as it is written is refused in one line, when theta_0 is made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from lth_core import registry
from lth_core.config import Choice, Initialization
from lth_core.data.episodes import Moment, SingleEpisodes
from lth_core.data.reading import open_data
from lth_core.data.stored import StoredEnvironment
from lth_core.models.initialization import build
from lth_core.runtime.shares import ALONE
from lth_core.tasks import control
from lth_core.tasks.opening import build_task
from lth_core.training.proof import ProofError, prove, recipe
from tests.engine.test_stacking import hook_on_an_activation
from tests.support.policies import counting
from tests.support.small_trainings import NETWORKS
from tests.support.zoo import ZOO, Written, sequential


class Unpaid(SingleEpisodes):
    """Episodes whose rewards are no numbers."""

    def step(self, actions: np.ndarray, alive: np.ndarray) -> Moment:
        moment = super().step(actions, alive)
        return moment._replace(rewards=np.full_like(moment.rewards, np.nan))


@pytest.fixture
def proved(data_file: Path) -> Callable[[Callable[[], nn.Module]], dict[str, Any]]:
    images = open_data(data_file)

    def task_of(module: nn.Module) -> Any:
        return build_task(module, images, recipe(images.size("train")), torch.device("cpu"))

    return lambda factory: prove(lambda seed: build(factory, Initialization(), seed), factory, task_of, 0)


def deep_with_batch_norm() -> nn.Module:
    """Rounding grows in it from step to step: the proof computes what it compares in the same order."""
    return registry.model.call("resnet-56", {"classes": 3, "input_shape": (1, 6, 6)}, {"width": 0.25})


@pytest.mark.parametrize("factory", [*NETWORKS, *ZOO.values(), deep_with_batch_norm])
def test_networks_of_all_kinds_are_proved_and_leave_no_trace(proved: Any, factory: Callable[[], nn.Module]) -> None:
    before = torch.get_rng_state()
    assert proved(factory)["replicates"] == 2
    assert torch.equal(torch.get_rng_state(), before)


def test_the_header_says_which_ways_were_proved(proved: Any) -> None:
    assert proved(two_layers) == {"paths": ["linear", "stacked", "sparse"], "replicates": 2, "steps": 2, "examples": 8}
    assert proved(ZOO["lstm"])["paths"] == ["autograd"]
    assert proved(ZOO["attention"])["paths"] == ["autograd", "stacked"]


def two_layers() -> nn.Module:
    return sequential(nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("broken", ["kernels.backward", "kernels.forward", "linear_network.torch.baddbmm"])
def test_every_way_of_computing_linear_layers_is_proved(
    proved: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Each of these three is used in one way alone."""
    monkeypatch.setattr(f"lth_core.engine.{broken}", lambda *arguments: torch.zeros(2, 8, 8))
    with pytest.raises(ProofError):
        proved(two_layers)


def convolutions() -> nn.Module:
    layers = (nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(96, 3))


@pytest.mark.parametrize(
    "kernel", ["layer_kernels.convolve", "layer_kernels.correlate", "map_kernels.normalize_backward"]
)
def test_convolutions_of_kept_weights_are_proved(proved: Any, monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    assert proved(convolutions)["paths"] == ["autograd", "stacked", "sparse"]
    monkeypatch.setattr(f"lth_core.engine.convolutions.{kernel}", lambda *arguments: None)
    with pytest.raises(ProofError):
        proved(convolutions)


def test_what_vmap_computes_otherwise_is_proved_in_turn(proved: Any) -> None:
    assert proved(hook_on_an_activation)["paths"] == ["autograd"]
    assert proved(ZOO["numpy_noise"])["paths"] == ["autograd"]


def layers() -> dict[str, nn.Module]:
    return {"a": nn.Linear(36, 8), "b": nn.Linear(8, 3)}


def lazy_head() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.body(x.flatten(1)).relu()
        if m.head is None:
            m.head = nn.Linear(8, 3)
        return m.head(x)

    return Written(forward, body=nn.Linear(36, 8), head=None)


def grows_a_buffer() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        m.seen = torch.cat([m.seen, torch.ones(1)])
        return m.b(m.a(x.flatten(1)).relu())

    return Written(forward, seen=torch.zeros(1), **layers())


def counts_calls_in_an_attribute() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        m.calls += m.training
        return m.b(m.a(x.flatten(1)).relu()) * (1 + m.calls / 10)

    return Written(forward, calls=0, **layers())


def warms_up_by_an_attribute() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        m.calls += m.training
        return m.b(m.a(x.flatten(1)).relu()) * (2 if m.calls > 500 else 1)

    return Written(forward, calls=0, **layers())


def draws_a_constant() -> nn.Module:
    module = Written(lambda m, x: m.b(m.a(x.flatten(1) * m.gain).relu()), **layers())
    module.register_buffer("gain", torch.rand(36), persistent=False)
    return module


def keeps_a_tensor_in_an_attribute() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x.flatten(1))
        m.memory["mean"] = 0.9 * m.memory["mean"] + x.detach().mean(0)
        return m.b((x - m.memory["mean"]).relu())

    return Written(forward, memory={"mean": torch.zeros(8)}, **layers())


def hook_on_a_parameter() -> nn.Module:
    module = Written(lambda m, x: m.b(m.a(x.flatten(1)).relu()), **layers())
    module.a.weight.register_hook(lambda gradient: 0 * gradient)  # pyright: ignore
    return module


def sets_its_weight() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        m.a.weight.data = m.a.weight.data.clamp(-0.05, 0.05)
        return m.b(m.a(x.flatten(1)).relu())

    return Written(forward, **layers())


def all_frozen() -> nn.Module:
    return sequential(nn.Linear(36, 3)).requires_grad_(False)


def cannot_be_called() -> nn.Module:
    return sequential(nn.Linear(35, 3))


SHARED = sequential(nn.Linear(36, 3))


@pytest.mark.parametrize(
    "factory, said",
    [
        (lazy_head, "'head.*' is made by its forward: make all layers and buffers in __init__"),
        (grows_a_buffer, "'seen' is .* and becomes"),
        (counts_calls_in_an_attribute, "'calls' .* persistent buffer"),
        (warms_up_by_an_attribute, "'calls' changes in training and decides .* make it a buffer"),
        (draws_a_constant, "'gain' .* persistent buffer"),
        (keeps_a_tensor_in_an_attribute, "buffer"),
        (hook_on_a_parameter, "'a.weight' would be trained otherwise"),
        (sets_its_weight, "'a.weight' would be trained otherwise"),
        (all_frozen, "no parameter that can be trained"),
        (cannot_be_called, "cannot be trained: RuntimeError: mat1 and mat2"),
        (lambda: SHARED, "build a new one in every call"),
    ],
)
def test_others_are_refused_in_one_line(proved: Any, factory: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(ProofError) as refused:
        proved(factory)
    assert re.search(said, str(refused.value)) and "\n" not in str(refused.value)


LAYERS: dict[str, Callable[[int, int], list[nn.Module]]] = {
    "linear": lambda size, out: [nn.Linear(size, out)],
    "without bias": lambda size, out: [nn.Linear(size, out, bias=False), nn.ReLU()],
    "activation": lambda size, out: [nn.ReLU(), nn.Linear(size, out)],
    "smooth": lambda size, out: [nn.GELU(), nn.Linear(size, out), nn.Softplus()],
    "batch norm": lambda size, out: [nn.BatchNorm1d(size, momentum=None), nn.Linear(size, out)],
    "layer norm": lambda size, out: [nn.LayerNorm(size), nn.Linear(size, out)],
    "dropout": lambda size, out: [nn.Dropout(0.3), nn.Linear(size, out)],
    "weight norm": lambda size, out: [parametrizations.weight_norm(nn.Linear(size, out))],
    "spectral norm": lambda size, out: [parametrizations.spectral_norm(nn.Linear(size, out))],
    "frozen": lambda size, out: [nn.Linear(size, out).requires_grad_(False), nn.Tanh()],
    "in place": lambda size, out: [nn.Linear(size, out), nn.ReLU(inplace=True)],
    "convolution": lambda size, out: [
        nn.Unflatten(1, (1, size)), nn.Conv1d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(2 * size, out)
    ],
    "depthwise": lambda size, out: [
        nn.Unflatten(1, (size, 1)), nn.Conv1d(size, size, 1, groups=size), nn.Flatten(), nn.Linear(size, out)
    ],
}  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sorted(LAYERS)), st.sampled_from([4, 5])), max_size=4), st.booleans())
def test_any_composition_of_layers_is_proved(proved: Any, chosen: list[tuple[str, int]], twice: bool) -> None:
    def factory() -> nn.Module:
        layers, size = [nn.Linear(36, 4)], 4
        for kind, out in chosen:
            layers += LAYERS[kind](size, out)
            size = out
        shared = [nn.Linear(size, size), nn.ReLU()]
        return sequential(*layers, *shared, *(shared if twice else []), nn.Linear(size, 3))

    assert proved(factory)["steps"] == 2


def test_data_that_are_no_numbers_say_nothing_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment may pay nan now and then; its trainings diverge, and say so."""
    environment = counting()
    data = StoredEnvironment({}, environment.facts(), torch.device("cpu"), ALONE)

    monkeypatch.setattr(control, "make_episodes", Unpaid)

    def task_of(module: nn.Module) -> Any:
        return build_task(module, data, recipe(3), torch.device("cpu"), Choice(name="actor-critic"))

    def factory() -> nn.Module:
        return nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 3))

    assert prove(lambda seed: build(factory, Initialization(), seed), factory, task_of, 0)["paths"]
