"""The line between two networks: ordinary evaluation at every place, barriers by hand, statistics of batch norm."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from lth_core.analysis import connectivity
from lth_core.analysis.alignment import align
from lth_core.analysis.barriers import barriers
from lth_core.analysis.connectivity import Curve, Line, Pair, connect, estimate_statistics, evaluate
from lth_core.engine.cohort import Cohort
from lth_core.metrics import ACCURACY
from lth_core.models.symmetries import symmetries
from lth_core.randomness import random_generator
from lth_core.storage.tensors import Tensors
from tests.support.small_trainings import NETWORKS, convolutional, initial, linear, run

ALPHAS = [0.0, 0.25, 0.5, 1.0]


def trained(make_task: Any, network: Any, steps: int = 20) -> tuple[Any, list[Tensors]]:
    """A task and its networks of seeds 0, 1 and 2, as one replicate each."""
    task = make_task(network(), steps=steps)
    weights = run(task, initial(network), {}).weights
    return task, [{name: value[r] for name, value in weights.items()} for r in range(3)]


def line(first: Tensors, second: Tensors, alphas: list[float] = ALPHAS) -> Line:
    tensors = ({name: torch.as_tensor(value) for name, value in network.items()} for network in (first, second))
    return Line(*tensors, alphas)


def measured(task: Any, *pairs: Pair, **settings: Any) -> dict[tuple[str, str], list[dict[str, Curve]]]:
    actual = connect(task, pairs, **{"points": 5, **settings})
    return {(statistics, split): curves for statistics, split, curves in actual}


def barrier(curve: Curve) -> tuple[float, float]:
    """Of error and loss."""
    alphas = np.linspace(0, 1, len(curve.loss))
    actual = barriers(pd.DataFrame({"seed": 0, "alpha": alphas, "loss": curve.loss, "error": curve.error})).iloc[0]
    return actual["barrier"], actual["loss_barrier"]


# ---------------------------------------------------------------- a loss whose line is known


class Point(nn.Module):
    """A network that is one number, whatever its input."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.w.expand(len(inputs), 1)


class Quadratic:
    """A task with the loss 1 - w^2, right where |w| > 0.9."""

    def __init__(self) -> None:
        self.module, self.device, self.metrics = Point(), torch.device("cpu"), (ACCURACY,)
        self.acts = False

    def sample_batches(self, split: str, examples: int | None = None, size: int = 0) -> Iterator[Any]:
        yield SimpleNamespace(inputs=torch.zeros(7, 1))

    def measures(self, outputs: Tensor, batch: Any) -> dict[str, Tensor]:
        return {"loss": 1 - outputs[:, 0] ** 2, "accuracy": outputs[:, 0].abs() > 0.9}

    def predictions(self, outputs: Tensor, batch: Any) -> Tensor:
        return outputs.argmax(dim=-1)


def test_a_quadratic_loss_has_the_barrier_computed_by_hand():
    ends = ({"w": np.array([w], np.float32)} for w in (-1, 1))
    curve = measured(Quadratic(), Pair(*ends))["interpolated", "test"][0]["none"]
    np.testing.assert_allclose(curve.loss, [0, 0.75, 1, 0.75, 0], atol=1e-6)  # 1 - (2 alpha - 1)^2
    assert curve.error.tolist() == [0, 1, 1, 1, 0]
    assert barrier(curve) == pytest.approx((1, 1))


# ---------------------------------------------------------------- places


@pytest.mark.parametrize("network", NETWORKS)
def test_every_place_is_what_ordinary_evaluation_gives_for_its_weights(make_task: Any, network: Any):
    task, networks = trained(make_task, network)
    curve = evaluate(task, [line(*networks[:2])], "test")[0]
    for alpha, loss, error in zip(ALPHAS, curve.loss, curve.error, strict=True):
        between = {
            name: (1 - alpha) * value + alpha * networks[1][name] if value.dtype == np.float32 else value
            for name, value in networks[0].items()
        }
        stacked = {name: torch.as_tensor(value)[None] for name, value in between.items()}
        expected = Cohort(task, stacked).evaluate("test")
        assert (loss, 1 - error) == pytest.approx((expected["loss"][0], expected["accuracy"][0]), abs=1e-6)


def test_integer_buffers_are_those_of_the_first_network():
    actual = line({"steps": np.array(3), "w": np.zeros(1)}, {"steps": np.array(8), "w": np.ones(1)}).at(0.25)
    assert (actual["steps"].item(), actual["w"].item()) == (3, 0.25)


def test_lines_are_evaluated_as_if_each_were_alone_and_nothing_is_changed(make_task: Any):
    task, networks = trained(make_task, convolutional)
    lines = [line(networks[0], networks[1]), line(networks[1], networks[2], [0.5])]
    before = [{name: value.clone() for name, value in one.first.items()} for one in lines]
    together = evaluate(task, lines, "train")
    for one, curve, copies in zip(lines, together, before, strict=True):
        assert np.array_equal(evaluate(task, [one], "train")[0].loss, curve.loss)
        assert all(torch.equal(one.first[name], value) for name, value in copies.items())


def test_the_whole_training_split_is_used_unless_fewer_examples_are_asked_for(make_task: Any):
    task, networks = trained(make_task, linear)
    curve = evaluate(task, [line(*networks[:2])], "train")[0]
    assert np.allclose(curve.error * 90, np.round(curve.error * 90))
    few = evaluate(task, [line(*networks[:2])], "train", 7)[0]
    assert np.allclose(few.error * 7, np.round(few.error * 7))


def test_a_sample_is_part_of_every_larger_one_and_all_of_it_has_every_example_once(make_task: Any):
    task = make_task(linear())

    def examples(count: int | None) -> list[Tensor]:
        return [image for batch in task.sample_batches("train", count, 40) for image in batch.inputs]

    whole, some = examples(None), examples(50)
    assert len(whole) == 90 and len({image.numpy().tobytes() for image in whole}) == 90
    assert [torch.equal(a, b) for a, b in zip(some, whole, strict=False)] == [True] * 50
    assert [len(batch.inputs) for batch in task.sample_batches("train", size=40)] == [30, 30, 30]
    assert len(examples(1000)) == 90


# ---------------------------------------------------------------- pairs


@pytest.mark.parametrize("network", [linear, convolutional])
def test_a_network_has_no_barrier_to_itself(make_task: Any, network: Any):
    task, (reference, *_) = trained(make_task, network)
    for curves in measured(task, Pair(reference, reference)).values():
        assert barrier(curves[0]["none"]) == (0, 0)
        assert curves[0]["none"].disagreement == 0


@pytest.mark.parametrize("network", [linear, convolutional])
def test_a_permuted_copy_is_behind_a_barrier_that_alignment_removes(make_task: Any, network: Any):
    task, (reference, *_) = trained(make_task, network, steps=100)
    groups = symmetries(task.module, (1, 6, 6))
    copy = reference
    for group in groups:
        copy = group.permute(copy, np.roll(np.arange(group.size), 1))
    parameters = dict(task.module.named_parameters())
    aligned = align(reference, copy, groups, parameters, random_generator(0, "alignment"))
    for curves in measured(task, Pair(reference, copy, aligned)).values():
        assert barrier(curves[0]["none"])[1] > 10 * curves[0]["none"].loss[0]
        assert barrier(curves[0]["aligned"]) == pytest.approx((0, 0), abs=1e-6)
        assert curves[0]["none"].disagreement == 0  # the same function


def test_alignment_keeps_the_ends(make_task: Any):
    task, (first, second, _) = trained(make_task, linear)
    groups = symmetries(task.module, (1, 6, 6))
    aligned = align(first, second, groups, dict(task.module.named_parameters()), random_generator(0, "alignment"))
    pair = Pair(first, second, aligned)
    assert pair.is_moved
    curves = measured(task, pair)["interpolated", "test"][0]
    again = evaluate(task, [line(first, aligned, np.linspace(0, 1, 5).tolist())], "test")[0]
    np.testing.assert_allclose(curves["aligned"].loss, again.loss, rtol=1e-5)
    assert curves["aligned"].disagreement == curves["none"].disagreement == again.disagreement


def test_pairs_without_known_alignment_have_one_matching_and_networks_without_batch_norm_one_statistics(make_task: Any):
    task, (first, second, _) = trained(make_task, linear)
    actual = measured(task, Pair(first, second), Pair(first, second, second))
    assert list(actual) == [("interpolated", "train"), ("interpolated", "test")]
    without, unmoved = actual["interpolated", "test"]
    assert list(without) == ["none"]
    assert np.array_equal(unmoved["aligned"].loss, without["none"].loss)


def test_disagreement_is_the_fraction_of_examples_with_different_predictions(make_task: Any):
    task, (network, *_) = trained(make_task, linear)
    always = [{name: np.zeros_like(value) for name, value in network.items()} for _ in range(2)]
    for label, constant in zip((0, 2), always, strict=True):
        constant["3.bias"][label] = 1
    curve = evaluate(task, [line(*always)], "test")[0]
    assert curve.disagreement == 1 and curve.error[[0, -1]] == pytest.approx([2 / 3, 2 / 3])  # equal errors, too
    reference = torch.func.functional_call(
        task.module, line(network, network).first, next(task.sample_batches("test")).inputs
    )
    expected = float((reference.argmax(1) != 0).float().mean())
    assert evaluate(task, [line(network, always[0])], "test")[0].disagreement == pytest.approx(expected)


def test_a_diverged_network_has_no_loss_no_error_and_no_disagreement(make_task: Any):
    task, (network, other, _) = trained(make_task, linear)
    diverged = {name: np.full_like(value, np.nan) for name, value in network.items()}
    lost, kept = (
        curves["none"]
        for curves in measured(task, Pair(network, diverged), Pair(network, other))["interpolated", "test"]
    )
    assert np.isnan([*lost.loss[1:], *lost.error[1:], lost.disagreement]).all()
    assert np.isfinite([*kept.loss, *kept.error, kept.disagreement]).all()


# ---------------------------------------------------------------- statistics of batch norm


class Normalised(nn.Module):
    """Batch norm of the images, then of a convolution of them; dropout must not act."""

    def __init__(self) -> None:
        super().__init__()
        self.bn1, self.conv, self.bn2 = nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
        self.output = nn.Linear(2, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.bn2(self.conv(nn.functional.dropout(self.bn1(images), 0.5, self.training)))
        return self.output(hidden.mean((2, 3)))


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance per channel."""
    channels = values.transpose(0, 1).flatten(1)
    return channels.mean(1), channels.var(1)


def test_estimated_statistics_are_those_computed_by_hand(make_task: Any, monkeypatch: Any):
    monkeypatch.setattr(connectivity, "BATCH", 40)  # 90 training examples in 3 pieces
    task, networks = trained(make_task, Normalised)
    between = line(*networks[:2], [0.25])
    (actual,) = estimate_statistics(task, [between])[0]
    weights, images = between.at(0.25), [batch.inputs for batch in task.sample_batches("train", size=40)]
    normalised = [
        nn.functional.batch_norm(x, None, None, weights["bn1.weight"], weights["bn1.bias"], True) for x in images
    ]
    convolved = [nn.functional.conv2d(x, weights["conv.weight"], weights["conv.bias"]) for x in normalised]
    for name, pieces in (("bn1", images), ("bn2", convolved)):
        means, variances = zip(*map(moments, pieces), strict=True)
        torch.testing.assert_close(actual[f"{name}.running_mean"], torch.stack(means).mean(0))
        torch.testing.assert_close(actual[f"{name}.running_var"], torch.stack(variances).mean(0))
    assert actual.keys() == {
        f"{norm}.{name}" for norm in ("bn1", "bn2") for name in ("running_mean", "running_var", "num_batches_tracked")
    }


def test_estimated_statistics_are_used_and_leave_the_networks_and_the_module_as_they_were(make_task: Any):
    task, networks = trained(make_task, Normalised)
    one = line(*networks[:2])
    copies = {name: value.clone() for name, value in one.first.items()}
    statistics = estimate_statistics(task, [one])
    assert all(torch.equal(one.first[name], value) for name, value in copies.items())
    assert task.module.bn1.momentum == 0.1 and not any(layer.training for layer in task.module.modules())
    estimated = evaluate(task, [one], "test", None, statistics)[0]
    for point, alpha in enumerate(ALPHAS):
        stacked = {name: value[None] for name, value in (one.at(alpha) | statistics[0][point]).items()}
        assert Cohort(task, stacked).evaluate("test")["loss"][0] == pytest.approx(estimated.loss[point], abs=1e-6)
    actual = measured(task, Pair(*networks[:2]), points=3)
    assert list(actual)[2:] == [("estimated", "train"), ("estimated", "test")]
    assert actual["estimated", "test"][0]["none"].loss[[0, -1]] == pytest.approx(estimated.loss[[0, -1]])


@pytest.mark.parametrize(("asked", "used"), [(None, 50), (30, 30), (80, 50)])
def test_statistics_are_estimated_on_a_limited_sample(make_task: Any, monkeypatch: Any, asked: int | None, used: int):
    monkeypatch.setattr(connectivity, "STATISTICS_EXAMPLES", 50)
    task, networks = trained(make_task, Normalised, steps=5)
    (actual,) = estimate_statistics(task, [line(*networks[:2], [0.5])], asked)[0]
    images = next(task.sample_batches("train", used)).inputs
    torch.testing.assert_close(actual["bn1.running_mean"], images.mean().reshape(1))
