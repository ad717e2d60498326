"""Tasks on a graph: all nodes in every pass, splits in one piece, networks trained as they are written."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core.config import Choice, Initialization
from lth_core.engine.cohort import Cohort
from lth_core.models.initialization import build, initialize_cohort
from lth_core.registry import model
from lth_core.runtime.shares import Share
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task, TaskError
from lth_core.tasks.fitting import check_measures, check_network
from lth_core.training.loop import train
from lth_core.training.proof import ProofError, prove
from lth_core.training.state import start_state
from tests.support.graphs import stored, task, tensors

DRAWN = Initialization(weights="glorot-normal")


def gcn(**options: Any) -> nn.Module:
    return model.call("gcn", {"graph": tensors(), "classes": 3}, {"hidden": 8} | options)


def theta_0(seeds: range = range(3), **options: Any) -> Tensors:
    return initialize_cohort(partial(gcn, **options), DRAWN, [*seeds])


def torch_tensors(weights: Tensors) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value.copy()) for name, value in weights.items()}


def proved(factory: Any) -> dict[str, Any]:
    def task_of(module: nn.Module) -> Task:
        sgd = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.1}
        return task(module, optimizer=sgd, batch_size=6, steps=2, evaluate_every=2)

    return prove(lambda seed: build(factory, DRAWN, seed), factory, task_of, 0)


# ---------------------------------------------------------------- batches and splits


def test_a_batch_is_of_nodes_and_each_replicate_has_its_order() -> None:
    first, _ = task(gcn()).minibatches([0, 1], 0, 0, 2)
    assert first.inputs.shape == (2, 6) and first.inputs.dtype == torch.int64
    for nodes, labels in zip(first.inputs, first.targets, strict=True):
        assert sorted(nodes.tolist()) == [0, 1, 2, 3, 4, 5] and torch.equal(labels, nodes % 3)
    assert not torch.equal(first.inputs[0], first.inputs[1])


def test_a_split_is_evaluated_in_one_pass_over_the_graph() -> None:
    of_graph = task(gcn())
    [batch] = of_graph.evaluation_batches("test", size=2)
    assert batch.inputs.tolist() == [*range(12, 24)]
    [sample] = of_graph.sample_batches("test", size=2)
    assert sorted(sample.inputs.tolist()) == [*range(12, 24)]


def test_accuracy_is_the_fraction_of_a_splits_nodes() -> None:
    of_graph, weights = task(gcn()), theta_0()
    measured = Cohort(of_graph, torch_tensors(weights)).evaluate("test")
    for replicate in range(3):
        network = gcn().eval()
        network.load_state_dict({name: torch.from_numpy(value[replicate]) for name, value in weights.items()})
        nodes = torch.arange(12, 24)
        with torch.no_grad():
            right = network(nodes).argmax(dim=1) == nodes % 3
        assert measured["accuracy"][replicate] == pytest.approx(right.double().mean().item())


def test_labels_of_other_nodes_than_the_training_ones_change_nothing_that_is_trained() -> None:
    def trained(labels: Tensor) -> Tensors:
        of_graph = task(gcn())
        of_graph.data.labels = labels  # pyright: ignore
        return train(of_graph, start_state(of_graph, theta_0(), {}), [0, 1, 2], 4).weights

    labels = stored().labels
    other = labels.clone()
    other[6:] = 0
    first, second = trained(labels), trained(other)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["output.weight"], theta_0()["output.weight"])


def test_processes_do_not_share_a_graph() -> None:
    with pytest.raises(TaskError, match="processes: 2 cannot share a graph: set 1"):
        task(gcn(), share=Share(0, 2), batch_size=2)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("options", [{}, {"dropout": 0.5}, {"prune_edges": True}])
def test_it_is_proved_that_a_gcn_is_trained_as_it_is_written(options: dict[str, Any]) -> None:
    assert proved(partial(gcn, **options))["paths"] == ["autograd"]


def test_a_cohort_equals_its_replicates() -> None:
    def trained(weights: Tensors, seeds: list[int]) -> Tensors:
        of_graph = task(gcn(dropout=0.5))
        return train(of_graph, start_state(of_graph, weights, {}), seeds, 4).weights

    together = trained(theta_0(), [0, 1, 2])
    for index in range(3):
        alone = trained({name: value[index : index + 1] for name, value in theta_0().items()}, [index])
        assert all(np.array_equal(alone[name][0], value[index]) for name, value in together.items())


def test_pruned_weights_and_edges_stay_0_and_edges_are_not_trained() -> None:
    of_graph, start = task(gcn(prune_edges=True)), theta_0(prune_edges=True)
    mask = {name: np.arange(value.size).reshape(value.shape) % 3 > 0 for name, value in start.items()}
    masked = {name: np.where(mask[name], value, 0).astype(np.float32) for name, value in start.items()}
    weights = train(of_graph, start_state(of_graph, masked, mask), [0, 1, 2], 4).weights
    assert all((weights[name][~kept] == 0).all() for name, kept in mask.items())
    assert np.array_equal(weights["edges"], mask["edges"])


def test_anyones_network_of_a_graph_is_proved_with_what_it_keeps() -> None:
    class Means(nn.Module):
        """Features averaged over neighbours, as users may write it."""

        def __init__(self) -> None:
            super().__init__()
            graph = tensors()
            sums = torch.eye(24)
            sums[graph.edges[:, 0], graph.edges[:, 1]] = sums[graph.edges[:, 1], graph.edges[:, 0]] = 1
            self.register_buffer("means", sums / sums.sum(dim=1, keepdim=True) @ graph.features, persistent=False)
            self.scores = nn.Linear(5, 3)

        def forward(self, nodes: Tensor) -> Tensor:
            return self.scores(self.means[nodes])

    check_network(Means(), "classification", stored().facts)
    check_measures(task(Means()), Choice(name="classification"))
    assert "autograd" in proved(Means)["paths"]


def test_a_network_that_keeps_what_it_has_seen_is_refused() -> None:
    class Remembering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("features", tensors().features, persistent=False)
            self.scores, self.calls = nn.Linear(5, 3), 0

        def forward(self, nodes: Tensor) -> Tensor:
            self.calls += 1
            return self.scores(self.features[nodes]) * self.calls

    with pytest.raises(ProofError, match="'calls'"):
        proved(Remembering)
