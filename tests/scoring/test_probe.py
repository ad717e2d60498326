"""A network as a function of its weights: in evaluation mode, under a mask, on training examples of its seed's draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Choice, Recipe
from lth_core.data.environments import find_environment
from lth_core.data.reading import open_data
from lth_core.data.stored import StoredEnvironment
from lth_core.runtime.shares import ALONE
from lth_core.scoring.probe import NetworkProbe, ProbeError
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.tasks.base import TaskError
from lth_core.tasks.control import ControlTask
from lth_core.tasks.objective import Objective
from lth_core.tasks.opening import build_task
from tests.support.small_trainings import convolutional, dense, initial, sparse_mask

Make = Callable[..., Any]
RECIPE = Recipe.model_validate(
    {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
)


def values_of(network: Callable[[], nn.Module]) -> Tensors:
    return {name: value[0] for name, value in initial(network, [0]).items()}


def mask_of(network: Callable[[], nn.Module]) -> Tensors:
    return {name: kept[0] for name, kept in sparse_mask(initial(network, [0]), network).items()}


def task_on(path: Path, tensors: Tensors, header: dict[str, Any], module: nn.Module, objective: Choice) -> Any:
    write_tensors(path, tensors, {"source": "synthetic", **header})
    return build_task(module, open_data(path), RECIPE, torch.device("cpu"), objective)


def test_batches_have_as_many_examples_of_each_class_drawn_by_the_seed(make_task: Make) -> None:
    task, values = make_task(dense()), values_of(dense)
    drawn = NetworkProbe(task, 5, values).batches(4, 5)
    assert [len(batch.inputs) for batch in drawn] == [4, 4, 4]  # of one size, at most 5
    assert torch.cat([batch.targets for batch in drawn]).bincount().tolist() == [4, 4, 4]
    (again,), (other,) = NetworkProbe(task, 5, values).batches(4, 99), NetworkProbe(task, 6, values).batches(4, 99)
    assert torch.equal(again.inputs, torch.cat([batch.inputs for batch in drawn]))
    assert not torch.equal(again.inputs, other.inputs)


def test_batches_are_of_training_examples_each_once(make_task: Make) -> None:
    task = make_task(dense())
    (batch,) = NetworkProbe(task, 0, values_of(dense)).batches(30, 90)
    (images, _), *_ = task.data.batches("train", [np.arange(90)])
    assert sorted(image.numpy().tobytes() for image in batch.inputs) == sorted(i.numpy().tobytes() for i in images)


def test_a_class_with_fewer_examples_is_one_line(make_task: Make) -> None:
    with pytest.raises(
        TaskError, match=r"^examples_per_class: 31 must be at most the 30 training examples of class 0$"
    ):
        NetworkProbe(make_task(dense()), 0, values_of(dense)).batches(31, 256)


def test_evaluation_mode_leaves_out_dropout_and_the_batch_s_statistics(make_task: Make) -> None:
    """At initialization batch norm only divides by sqrt(1 + epsilon); nothing is written to its buffers."""
    task, values = make_task(convolutional()), values_of(convolutional)
    probe = NetworkProbe(task, 0, values)
    (batch,) = probe.batches(3, 256)
    outputs = probe.outputs(probe.weights, batch.inputs)
    weights = {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}
    hidden = nn.functional.conv2d(batch.inputs, weights["0.weight"]) / (1 + 1e-5) ** 0.5
    expected = hidden.tanh().flatten(1) @ weights["5.weight"].T + weights["5.bias"]
    assert torch.allclose(outputs, expected, atol=1e-5)
    assert all(torch.equal(probe.module.state_dict()[name], weights[name]) for name in weights)
    assert task.module.training


def test_pruned_weights_are_0_whatever_is_given_and_so_are_their_derivatives(make_task: Make) -> None:
    values, mask = values_of(dense), mask_of(dense)
    probe = NetworkProbe(make_task(dense()), 0, values).under(mask)
    batch = probe.batches(5, 256)[0]
    anything = {name: torch.from_numpy(value) for name, value in values.items()}
    assert torch.equal(probe.outputs(anything, batch.inputs), probe.outputs(probe.weights, batch.inputs))
    gradient = probe.gradient(anything, batch)
    product = probe.hessian_product(anything, batch, {name: torch.ones(kept.shape) for name, kept in mask.items()})
    for name, kept in mask.items():
        assert not probe.weights[name][torch.from_numpy(~kept)].any()
        assert not gradient[name][torch.from_numpy(~kept)].any() and gradient[name].any()
        assert not product[name][torch.from_numpy(~kept)].any() and product[name].any()


def test_precision_is_that_of_all_numbers(make_task: Make) -> None:
    probe = NetworkProbe(make_task(convolutional()), 0, values_of(convolutional)).in_precision("float64")
    batch = probe.batches(2, 256)[0]
    assert batch.inputs.dtype == probe.outputs(probe.weights, batch.inputs).dtype == torch.float64
    assert probe.inputs_of_ones().dtype == torch.float64 and tuple(probe.inputs_of_ones().shape) == (1, 1, 6, 6)
    assert batch.targets.dtype == torch.int64


class Recurrent(nn.Module):
    """An LSTM or attention over rows of an image."""

    def __init__(self, attends: bool) -> None:
        super().__init__()
        self.attends = attends
        self.inner = nn.Linear(6, 6) if attends else nn.LSTM(6, 6, batch_first=True)
        self.output = nn.Linear(6, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows = images.flatten(1, 2)
        if self.attends:
            keys = self.inner(rows)
            hidden = nn.functional.scaled_dot_product_attention(keys, keys, rows)
        else:
            hidden, _ = self.inner(rows)
        return self.output(hidden[:, -1])


@pytest.mark.parametrize("attends", [False, True], ids=["lstm", "attention"])
def test_recurrent_layers_and_attention_have_second_derivatives(make_task: Make, attends: bool) -> None:
    """H v is how the gradient changes along v."""

    def network() -> nn.Module:
        torch.manual_seed(0)
        return Recurrent(attends)

    values = {name: tensor.detach().numpy() for name, tensor in network().state_dict().items()}
    mask = {"output.weight": np.ones((3, 6), bool)}
    mask |= {name: np.ones(value.shape, bool) for name, value in values.items() if name.startswith("inner.weight")}
    probe = NetworkProbe(make_task(network()), 0, values).under(mask).in_precision("float64")
    batch, weights = probe.batches(3, 256)[0], probe.weights
    vector = probe.gradient(weights, batch)
    product = probe.hessian_product(weights, batch, vector)
    step = 1e-5
    ahead, behind = (
        probe.gradient(weights | {name: weights[name] + sign * step * vector[name] for name in mask}, batch)
        for sign in (1, -1)
    )
    for name in mask:
        assert torch.allclose(product[name], (ahead[name] - behind[name]) / (2 * step), atol=1e-7)


class NoSecond(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class DifferentiatedOnce(nn.Linear):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return NoSecond.apply(super().forward(images.flatten(1)))  # pyright: ignore


def test_a_network_without_second_derivatives_is_one_line(make_task: Make) -> None:
    values = values_of(lambda: DifferentiatedOnce(36, 3))
    probe = NetworkProbe(make_task(DifferentiatedOnce(36, 3)), 0, values)
    probe = probe.under({"weight": np.ones((3, 36), bool)})
    with pytest.raises(ProbeError, match=r"^the network has no second derivatives .*: use another criterion$"):
        probe.hessian_product(probe.weights, probe.batches(2, 256)[0], probe.weights)


# ---------------------------------------------------------------- other kinds of data


def test_texts_have_as_many_windows_for_each_character(tmp_path: Path) -> None:
    tokens = {f"{split}_tokens": np.arange(4 * 50 + 1, dtype=np.uint8) % 5 for split in ("train", "validation", "test")}
    header = {"kind": "text", "vocabulary": 5, "context": 4}
    module = nn.Sequential(nn.Embedding(5, 6), nn.Linear(6, 5))
    task = task_on(tmp_path / "text", tokens, header, module, Choice(name="language"))
    values = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
    probe = NetworkProbe(task, 0, values).under({"1.weight": np.ones((5, 6), bool)})
    batches = probe.batches(2, 4)
    assert sum(len(batch.inputs) for batch in batches) == 10 and batches[0].inputs.shape[1:] == (4,)
    assert probe.gradient(probe.weights, batches[0])["1.weight"].any()
    with pytest.raises(ProbeError, match="takes tokens"):
        probe.inputs_of_ones()


def test_policies_make_their_transitions() -> None:
    """Those of the episodes with which training would begin, from the weights that are scored."""
    environment = find_environment("CartPole-v1")
    module = nn.Linear(environment.features, environment.actions + 1)
    data = StoredEnvironment({}, environment.facts(), torch.device("cpu"), ALONE)
    task = ControlTask(module, data, RECIPE, torch.device("cpu"), Objective.of(Choice(name="actor-critic")))
    values = {"weight": 1e6 * np.eye(3, 4, 2, dtype=np.float32), "bias": np.zeros(3, np.float32)}
    probe = NetworkProbe(task, 0, values).under({"weight": np.ones((3, 4), bool)})
    first, second = probe.batches(20, 30)
    assert len(first.inputs) == len(second.inputs) == 30  # 20 for each of three outputs
    assert first.actions.tolist() == (first.inputs @ probe.weights["weight"].T)[:, :2].argmax(dim=-1).tolist()
    assert probe.gradient(probe.weights, first)["weight"].any()
