"""Convolutional networks in float32 (channels last) and in bfloat16, next to the plain loop of PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.engine.cohort import Cohort
from lth_core.jobs.support.trainings import prepare
from lth_core.models.layout import channels_last, wants_channels_last
from lth_core.tasks.base import SMALL_PIECE, evaluation_piece
from lth_core.training.resume import Resume
from tests.support.small_trainings import SEEDS, initial, linear, run, same_bits, sparse_mask
from tests.training.test_resume import Cut, train_with

CPU = torch.device("cpu")
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}


def plain() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 8, 3), nn.Flatten(), nn.Linear(8, 3)
    )


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3, bias=False), nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norms, self.output = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)]), nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.norms[0](self.first(images)))
        return self.output(torch.relu(self.norms[1](self.second(hidden)) + hidden).mean(dim=(2, 3)))


NETWORKS = [plain, Residual]


def reference(task: Any, network: Any, weights: dict[str, np.ndarray], mask: dict[str, np.ndarray], seed: int) -> Any:
    """Ten steps of one replicate by torch.optim and a module in the default layout; its state by name."""
    module = network()
    module.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    kept = {name: torch.from_numpy(value) for name, value in mask.items()}
    for batch in task.minibatches([seed], 0, 0, 10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(batch.inputs[0].contiguous()), batch.targets[0]).backward()
        optimizer.step()
        with torch.no_grad():
            for name, weight in module.named_parameters():
                if name in kept:
                    weight.mul_(kept[name])
    return module.state_dict()


@pytest.mark.parametrize("precision, tolerance", [("float32", 1e-5), ("bf16", 0.15)])
@pytest.mark.parametrize("network", NETWORKS)
def test_ten_steps_equal_those_of_the_plain_loop(
    make_task: Any, network: Any, precision: str, tolerance: float
) -> None:
    """Relative to the size of each tensor."""
    task, weights = make_task(network(), SGD, steps=10, precision=precision), initial(network)
    mask = sparse_mask(weights, network)
    start = {name: value * mask.get(name, True) for name, value in weights.items()}
    trained = run(task, weights, mask).weights
    for index, seed in enumerate(SEEDS):
        start_weights, kept = ({name: value[index] for name, value in tensors.items()} for tensors in (start, mask))
        for name, expected in reference(task, network, start_weights, kept, seed).items():
            difference = np.linalg.norm(trained[name][index] - expected.numpy())
            assert difference <= tolerance * np.linalg.norm(expected.numpy()), name
            if precision == "bf16" and name in mask:
                assert difference > 1e-5 * np.linalg.norm(expected.numpy())  # it is another arithmetic


@pytest.mark.parametrize("optimizer", [SGD, {"name": "adam", "learning_rate": 0.01}])
@pytest.mark.parametrize("network", [*NETWORKS, linear])
def test_in_bf16_all_that_is_kept_is_float32_and_pruned_weights_are_zero(
    make_task: Any, network: Any, optimizer: dict
) -> None:
    task, weights = make_task(network(), optimizer, precision="bf16"), initial(network)
    mask = sparse_mask(weights, network)
    states = []
    trained = run(task, weights, mask, listeners=[states.append])
    for name, value in trained.weights.items():
        assert value.dtype == weights[name].dtype
        if name in mask:
            assert not value[~mask[name]].any() and value[mask[name]].all()
    state = states[-1]
    assert {t.dtype for values in state.optimizer.state.values() for t in values} == {torch.float32}
    # Steps far finer than bfloat16 resolves (2^-8 of a weight) arrive.
    rounded = {name: torch.as_tensor(value).bfloat16().float().numpy() for name, value in trained.weights.items()}
    assert all((trained.weights[name] != rounded[name]).any() for name in mask)


@pytest.mark.parametrize("network", NETWORKS)
def test_in_bf16_a_network_is_evaluated_as_in_float32(make_task: Any, network: Any) -> None:
    weights = {name: torch.from_numpy(value) for name, value in initial(network).items()}
    actual = [
        Cohort(make_task(network(), precision=precision), weights).evaluate("test") for precision in ("bf16", "float32")
    ]
    assert actual[0] == actual[1]


@pytest.mark.parametrize("network", [*NETWORKS, linear])
def test_in_bf16_training_repeats_its_bits_and_learns(make_task: Any, network: Any) -> None:
    task, weights = make_task(network(), SGD, steps=40, evaluate_every=40, precision="bf16"), initial(network)
    first, second = run(task, weights, {}), run(task, weights, {})
    assert same_bits(first.weights, second.weights)
    losses = [row["loss"] for row in first.history if row["split"] == "train"]
    assert np.mean(losses[len(SEEDS) :]) < np.mean(losses[: len(SEEDS)])
    exact = run(make_task(network(), SGD, steps=40, evaluate_every=40), weights, {})
    for row, other in zip(first.history, exact.history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=0.25)


@pytest.mark.parametrize("network", NETWORKS)
def test_in_bf16_a_resumed_training_has_the_bits_of_an_undisturbed_one(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Any
) -> None:
    task, weights = make_task(network(), precision="bf16"), initial(network)
    _, undisturbed = train_with(task, weights, {}, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, {}, Resume(tmp_path / "trained", "x"), cut_at=7)
    first, resumed = train_with(task, weights, {}, Resume(tmp_path / "trained", "x"))
    assert first == 7 and same_bits(resumed.weights, undisturbed.weights)
    assert resumed.history == undisturbed.history


def test_on_a_gpu_float32_means_float32_and_kernels_repeat_their_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = torch.backends.cudnn
    monkeypatch.setattr(flags, "allow_tf32", True)
    monkeypatch.setattr(flags, "deterministic", False)
    prepare(torch.device("cuda"))
    assert not flags.allow_tf32 and flags.deterministic and not torch.backends.cuda.matmul.allow_tf32


# ---------------------------------------------------------------- layout and pieces


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_changes_where_values_are_and_nothing_else(channels: int) -> None:
    images = torch.randn(2, 5, channels, 4, 6)
    actual = channels_last(images)
    assert torch.equal(actual, images)
    assert actual[0].stride() == (24 * channels, 1, 6 * channels, channels)
    # torch takes it for what it is, also where there is one channel
    assert nn.Conv2d(channels, 2, 1)(actual[0]).is_contiguous(memory_format=torch.channels_last)


def test_the_layout_is_that_in_which_the_network_is_fastest() -> None:
    def wants(module: nn.Module, device: str, precision: str) -> bool:
        return wants_channels_last(module, (1, 6, 6), torch.device(device), precision)

    narrow = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 16, 3))
    assert wants(plain(), "cpu", "float32") and wants(narrow, "cpu", "bf16")
    assert not wants(narrow, "cpu", "float32") and not wants(linear(), "cpu", "bf16")
    assert not wants(plain(), "cuda", "float32") and wants(plain(), "cuda", "bf16")


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_networks_that_flatten_by_view_train_in_the_other_layout(make_task: Any, precision: str) -> None:
    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.output = nn.Conv2d(1, 8, 3), nn.Linear(128, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.output(self.convolution(images).view(len(images), -1))

    task = make_task(Viewing(), precision=precision)
    assert not task.channels_last
    assert run(task, initial(Viewing), {}).history


def test_all_batches_of_a_task_have_its_layout(make_task: Any) -> None:
    for network, expected in ((plain, True), (linear, False)):
        task = make_task(network())
        (batch,) = task.minibatches([0, 1], 0, 0, 1)
        shared = (next(task.evaluation_batches("test")), next(task.sample_batches("test")))
        actual = [batch.inputs[1], *(piece.inputs for piece in shared)]
        assert [images.stride(-1) != 1 or images.stride(1) == 1 for images in actual] == [expected] * 3


@pytest.mark.parametrize("network", [plain, linear])
def test_the_pieces_of_an_evaluation_do_not_change_what_it_finds(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any
) -> None:
    cohort = Cohort(make_task(network()), {name: torch.from_numpy(value) for name, value in initial(network).items()})
    whole = cohort.evaluate("test")
    monkeypatch.setattr("lth_core.engine.cohort.evaluation_piece", lambda linear, device: 7)
    for name, actual in cohort.evaluate("test").items():
        assert actual == pytest.approx(whole[name], rel=1e-6)
    assert evaluation_piece(False, CPU) == SMALL_PIECE < evaluation_piece(True, CPU)


def test_precision_is_part_of_what_a_training_depends_on(make_task: Any) -> None:
    recipes = [make_task(plain(), precision=precision).recipe.model_dump() for precision in ("float32", "bf16")]
    assert recipes[0] != recipes[1] and make_task(plain()).recipe.model_dump() == recipes[0]
    with pytest.raises(ValueError, match="precision"):
        make_task(plain(), precision="float16")
