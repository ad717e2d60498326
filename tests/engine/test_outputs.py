"""What a cohort tells a task of its networks: every replicate's outputs, on shared inputs and on inputs of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core.engine.cohort import Cohort
from lth_core.models.tensors import load_tensors
from lth_core.training.loop import noise_seeds, step
from lth_core.training.plain import values_of
from lth_core.training.state import TrainingState, start_state
from tests.support.tables import register, regression, task


class OwnForward(nn.Module):
    """Computed by autograd alone, and another function in training."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(3, 6), nn.Linear(6, 1)

    def forward(self, points: Tensor) -> Tensor:
        return self.output(self.hidden(points).tanh() * (2 if self.training else 1))


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 1))


NETWORKS = {"linear": linear, "autograd": OwnForward}
SEEDS = [0, 1, 2]


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Callable[[], nn.Module]:
    return NETWORKS[request.param]


@pytest.fixture(params=["in turn", "together", "on kept weights"])
def state(
    request: pytest.FixtureRequest, network: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> TrainingState:
    """Three replicates, on their way to be trained in each of the ways."""
    torch.manual_seed(0)
    each = [values_of(network()) for _ in SEEDS]
    weights = {name: np.stack([values[name] for values in each]) for name in each[0]}
    kept = {}
    if request.param == "on kept weights":
        rng = np.random.default_rng(0)
        kept = {name: rng.random(value.shape) < 0.1 for name, value in weights.items() if value.ndim == 3}
        weights = {name: value * kept[name] if name in kept else value for name, value in weights.items()}
    points = task(network(), register(monkeypatch, regression))
    state = start_state(points, weights, kept, together=request.param == "together")
    assert bool(state.cohort.sparse) == (request.param == "on kept weights" and network is linear)
    return state


def expected(state: TrainingState, inputs: Tensor) -> Tensor:
    """What modules with the present weights compute of (R, B, ...)."""
    module, outputs = state.cohort.module.eval(), []
    weights = state.weights()
    with torch.no_grad():
        for index, values in enumerate(inputs):
            load_tensors(module, {name: value[index] for name, value in weights.items()})
            outputs.append(module(values))
    return torch.stack(outputs)


def answers(cohort: Cohort) -> list[Callable[[Tensor], Tensor]]:
    return [cohort.outputs_of, cohort.at_present()]


def test_each_replicate_answers_for_inputs_of_its_own(state: TrainingState) -> None:
    inputs = torch.randn(len(SEEDS), 7, 3, generator=torch.Generator().manual_seed(1))
    for answer in answers(state.cohort):
        torch.testing.assert_close(answer(inputs), expected(state, inputs), rtol=1e-5, atol=1e-6)


def test_answers_are_those_of_the_weights_after_the_last_step(state: TrainingState) -> None:
    inputs = torch.randn(len(SEEDS), 2, 3, generator=torch.Generator().manual_seed(1))
    before = state.cohort.outputs_of(inputs)
    with torch.no_grad():
        for number, batch in enumerate(state.cohort.task.minibatches(SEEDS, 0, 0, 2)):
            step(state, batch, 0.1, noise_seeds(SEEDS, 0, number))
    for answer in answers(state.cohort):
        torch.testing.assert_close(answer(inputs), expected(state, inputs), rtol=1e-5, atol=1e-6)
        assert not torch.allclose(answer(inputs), before)


def test_shared_inputs_are_measured_as_inputs_of_its_own(state: TrainingState) -> None:
    (batch,) = state.cohort.task.sample_batches("test", 6)
    outputs = state.cohort.outputs_of(batch.inputs.expand(len(SEEDS), -1, -1))
    losses = torch.stack([state.cohort.task.measures(values, batch)["loss"] for values in outputs])
    torch.testing.assert_close(state.cohort.evaluated(batch)["loss"], losses, rtol=1e-4, atol=1e-6)
