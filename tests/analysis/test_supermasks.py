"""Supermasks: masks from a trained network, masks that are learned, and weights that nothing changes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lth_core.analysis import learned_supermasks
from lth_core.analysis.learned_supermasks import MaskTraining, drawn_masks, evaluate, learn, likely_mask, masked
from lth_core.analysis.supermasks import accuracies, supermasks
from lth_core.config import Initialization, Method, Supermasks, Task
from lth_core.jobs import learned_supermasks as learned_job
from lth_core.jobs import supermasks as job
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize, initialize_cohort
from lth_core.models.layers import prunable_layers, prunable_weights
from lth_core.storage.tensors import Tensors, read_header, read_tensors, write_tensors
from lth_core.tasks.images import ImageTask
from lth_core.tickets.untrained import untrained


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 30), nn.ReLU(), nn.Linear(30, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(64, 3)
    )


def learned(task, weights, layers, seed: int, settings: Supermasks, rescaled: bool):
    """The scores, and the network as learning leaves it."""
    state = MaskTraining.start(weights, layers, seed, settings)
    learn(task, state, seed, settings, rescaled)
    return {name: score.detach() for name, score in state.scores.items()}, state.network


def tensors(weights: Tensors) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}


# ---------------------------------------------------------------- masks of a criterion


def test_networks_with_batch_norm_have_accuracies_too(make_task) -> None:
    task = make_task(convolutional())
    weights = initialize_cohort(convolutional, Initialization(), [0, 1])
    replicates = [{name: value[index] for name, value in weights.items()} for index in (0, 1)]
    assert all(0 <= accuracy <= 1 for pair in accuracies(task, replicates) for accuracy in pair)


def test_masks_of_every_level_are_nested_with_the_counts_of_the_ladder() -> None:
    method = Method(levels=3, rate_by_kind={"output": 0.1}, criterion="large-final-same-sign")
    initial, trained = ({"a": np.random.default_rng(seed).standard_normal((10, 10))} for seed in (0, 1))
    masks = supermasks(method, {"a": "hidden"}, {}, 0, initial, trained)
    assert [int(mask["a"].sum()) for mask in masks] == [100, 80, 64, 51]
    for larger, smaller in pairwise(masks):
        assert not (smaller["a"] & ~larger["a"]).any()
    largest = np.abs(trained["a"])[masks[3]["a"]].min()
    same = np.sign(initial["a"]) == np.sign(trained["a"])
    assert set(np.flatnonzero(same & (np.abs(trained["a"]) > largest))) <= set(np.flatnonzero(masks[3]["a"]))


@pytest.mark.parametrize(
    ("criterion", "kept"),
    [
        ("large-final", [True, True, False, False]),
        ("large-final-same-sign", [True, False, True, False]),  # the second weight has changed its sign
        ("movement", [False, True, True, False]),
        ("magnitude-increase", [False, True, True, False]),
        ("magnitude-at-init", [True, False, False, True]),
    ],
)
@pytest.mark.parametrize("iterative", [True, False])
def test_criteria_compare_the_trained_weights_with_theta_0(criterion: str, kept: list[bool], iterative: bool) -> None:
    method = Method(levels=1, rate=0.5, criterion=criterion, iterative=iterative)
    initial, trained = {"a": np.array([[4.0, -1.0, 1.0, -1.25]])}, {"a": np.array([[4.5, 3.0, 2.0, -1.5]])}
    assert supermasks(method, {"a": "hidden"}, {}, 0, initial, trained)[1]["a"].tolist() == [kept]


def test_signed_constants_are_the_standard_deviation_of_their_layer() -> None:
    weights = {"a": np.array([[1.0, -2.0], [3.0, -4.0]]), "bias": np.array([5.0])}
    constant = untrained(weights, ["a"], "constant")
    std = np.std([1, -2, 3, -4])
    assert constant["a"] == pytest.approx(np.array([[std, -std], [std, -std]]))
    assert constant["bias"] is weights["bias"] and untrained(weights, ["a"], "initial") is weights


# ---------------------------------------------------------------- learned masks


@pytest.mark.parametrize("network", [linear, convolutional])
@pytest.mark.parametrize("rescaled", [False, True])
def test_learning_a_mask_changes_no_weight(make_task, network: Callable[[], nn.Module], rescaled: bool) -> None:
    task, weights = make_task(network()), tensors(initialize(network, Initialization(), 0))
    before = {name: value.clone() for name, value in weights.items()}
    of_module = {name: value.detach().clone() for name, value in task.module.state_dict().items()}
    layers, generator = prunable_weights(task.module), torch.random.get_rng_state()
    scores, after = learned(task, weights, layers, 0, Supermasks(learning_rate=20), rescaled)
    assert all(torch.equal(weights[name], before[name]) for name in before)
    assert all(torch.equal(after[name], before[name]) for name, _ in task.module.named_parameters())
    assert all(not torch.equal(after[name], before[name]) for name, _ in task.module.named_buffers())
    assert all(torch.equal(value, of_module[name]) for name, value in task.module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert list(scores) == layers and all(score.any() for score in scores.values())


def test_a_mask_makes_an_untrained_network_accurate_and_repeats_bit_by_bit(make_task) -> None:
    task, weights = make_task(linear(), steps=150), tensors(initialize(linear, Initialization(), 0))
    layers, settings = prunable_weights(linear()), Supermasks(learning_rate=50)
    scores, again = (learned(task, weights, layers, 0, settings, rescaled=True)[0] for _ in range(2))
    assert all(torch.equal(scores[name], again[name]) for name in layers)
    _, _, sampled = evaluate(task, weights, drawn_masks(scores, 0, 5), rescaled=True)
    density, _, likely = evaluate(task, weights, [likely_mask(scores)], rescaled=True)
    assert min(sampled, likely) > 0.9 and 0.2 < density < 0.8


@pytest.mark.parametrize("rescaled", [False, True])
def test_scores_follow_the_gradient_of_the_loss_by_the_mask_times_that_of_the_sigmoid(
    make_task, rescaled: bool
) -> None:
    """One step of gradient descent by hand, on a network of one layer: d loss / d m = d loss / d w * c w * s'(0).

    c is the scale of the layer, the constant 1 or its number of weights over that of its kept ones.
    """
    task = make_task(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), steps=1, evaluate_every=1)
    weights = tensors(initialize(lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), Initialization(), 0))
    scores, _ = learned(task, weights, ["1.weight"], 4, Supermasks(learning_rate=8, momentum=0), rescaled)
    (batch,) = task.minibatches([4], 0, 0, 1)
    with torch.random.fork_rng():
        torch.manual_seed(learned_supermasks.torch_seed(4, "supermask"))
        kept = torch.bernoulli(torch.full((3, 36), 0.5))
    scale = 3 * 36 / kept.sum() if rescaled else 1.0
    effective = (scale * weights["1.weight"] * kept).requires_grad_()
    outputs = batch.inputs[0].flatten(1) @ effective.T + weights["1.bias"]
    nn.functional.cross_entropy(outputs, batch.targets[0]).backward()
    expected = -8 * effective.grad * scale * weights["1.weight"] * 0.25
    assert torch.allclose(scores["1.weight"], expected, atol=1e-6) and expected.abs().max() > 1e-3


def test_rescaling_makes_up_for_the_weights_that_a_mask_leaves_out() -> None:
    weights, mask = {"a": torch.tensor([1.0, 2, 3, 4]), "b": torch.ones(1)}, {"a": torch.tensor([1.0, 0, 0, 0])}
    assert masked(weights, mask, rescaled=True)["a"].tolist() == [4, 0, 0, 0]
    assert masked(weights, mask, rescaled=False)["a"].tolist() == [1, 0, 0, 0]
    assert not masked(weights, {"a": torch.zeros(4)}, rescaled=True)["a"].any()
    assert masked(weights, mask, rescaled=True)["b"] is weights["b"]


def test_the_likely_mask_keeps_what_is_kept_more_often_than_not() -> None:
    scores = {"a": torch.tensor([-3.0, 0.0, 0.1, 5.0])}
    assert likely_mask(scores)["a"].tolist() == [0, 0, 1, 1]
    often = torch.stack([mask["a"] for mask in drawn_masks(scores, 0, 2000)]).mean(dim=0)
    assert often.numpy() == pytest.approx(scores["a"].sigmoid().numpy(), abs=0.04)


# ---------------------------------------------------------------- jobs

SEEDS = [3, 8]


def spec(network: str = "lenet") -> dict[str, object]:
    recipe = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 30, "evaluate_every": 10}
    task = {"dataset": "d", "model": {"name": network, "hidden": [12]}, "train": recipe, "cohorts": ["3-3"]}
    return {"modules": [], "seeds": SEEDS, "task": task}


def run(main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> pd.DataFrame:
    """What the job writes."""
    monkeypatch.setattr(sys, "argv", ["job", *arguments])
    main()
    return pd.read_csv(arguments[arguments.index("--output") + 1])


@pytest.fixture
def initial(tmp_path: Path) -> Path:
    factory = model_factory(Task(**spec()["task"]), {"classes": 3, "input_shape": [1, 6, 6]})
    path = tmp_path / "init.safetensors"
    header = {"layers": prunable_layers(factory(), (1, 6, 6)), "consumers": {}, "diverged": [False] * len(SEEDS)}
    write_tensors(path, initialize_cohort(factory, Initialization(), SEEDS), header)
    return path


def test_the_job_of_a_criterion_measures_every_level_with_both_kinds_of_weights(
    data_file: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = {"criterion": {"name": "large-final"}, "levels": 2, "rate_by_kind": {"output": 0.1}}
    files = ["--data", str(data_file), "--initial", str(initial), "--trained", str(initial)]
    text = json.dumps(spec() | {"method": method})
    table = run(job.main, monkeypatch, "--spec", text, *files, "--output", str(tmp_path / "out.csv"))
    assert list(table.columns) == list(job.COLUMNS) and len(table) == 2 * 3 * 2
    assert not table.duplicated(["seed", "level", "values"]).any() and set(table["seed"]) == set(SEEDS)
    kept = [36 * 12 + 36, 346 + 32, 277 + 29]  # 0.8 of the hidden weights and 0.9 of the output's, in each round
    assert table.groupby("level")["density"].first().to_numpy() == pytest.approx(np.array(kept) / 468, abs=0.003)


def test_an_interrupted_job_of_a_criterion_goes_on_where_it_was(
    data_file: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = {"criterion": {"name": "large-final"}, "levels": 2}
    files = ["--data", str(data_file), "--initial", str(initial), "--trained", str(initial)]
    arguments = ["--spec", json.dumps(spec() | {"method": method}), *files, "--output", str(tmp_path / "out.csv")]
    whole = run(job.main, monkeypatch, *arguments)
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    measure, calls = job.accuracies, []

    def cut(*given):
        calls.append(given)
        if len(calls) == 5:
            raise RuntimeError("killed")
        return measure(*given)

    monkeypatch.setattr(job, "accuracies", cut)
    with pytest.raises(RuntimeError, match="killed"):
        run(job.main, monkeypatch, *arguments)
    pd.testing.assert_frame_equal(run(job.main, monkeypatch, *arguments), whole, check_exact=True)
    assert len(calls) == 5 + 2  # of two kinds of values at three levels each
    assert not (tmp_path / ".out.resume.safetensors").exists()


def test_the_job_of_learned_masks_measures_drawn_masks_and_the_likely_one(
    data_file: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"values": "constant", "rescaled": True, "supermasks": {"samples": 3}}
    files = ["--data", str(data_file), "--initial", str(initial)]
    text = json.dumps(spec() | how)
    table = run(learned_job.main, monkeypatch, "--spec", text, *files, "--output", str(tmp_path / "out.csv"))
    assert list(table.columns) == list(learned_job.COLUMNS)
    assert table[["seed", "mask"]].to_numpy().tolist() == [[s, m] for s in SEEDS for m in ("drawn", "likely")]
    assert table["density"].between(0, 1).all() and table["test_accuracy"].between(0, 1).all()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(("cut_at", "calls"), [("first", 11), ("second", 49)])
def test_an_interrupted_job_of_learned_masks_goes_on_where_it_was(
    data_file: Path,
    initial: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    momentum: float,
    cut_at: str,
    calls: int,
) -> None:
    how = {"values": "initial", "rescaled": False, "supermasks": {"samples": 3, "momentum": momentum}}
    output = ["--output", str(tmp_path / "out.csv")]
    files = ["--spec", json.dumps(spec() | how), "--data", str(data_file), "--initial", str(initial), *output]
    whole = run(learned_job.main, monkeypatch, *files)
    (tmp_path / "out.csv").unlink()
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    losses, counted = ImageTask.losses, iter(range(calls))

    def cut(*arguments):
        if next(counted, None) is None:
            raise RuntimeError("killed")
        return losses(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(ImageTask, "losses", cut)
        with pytest.raises(RuntimeError, match="killed"):
            run(learned_job.main, patched, *files)
    capsys.readouterr()
    pd.testing.assert_frame_equal(run(learned_job.main, monkeypatch, *files), whole, check_exact=True)
    seed = SEEDS[cut_at == "second"]
    step = int(re.search(rf"resumed at step (\d+) of seed {seed}", capsys.readouterr().out)[1])
    assert 1 <= step < 30
    assert not (tmp_path / ".out.resume.safetensors").exists()


def test_where_a_seed_diverged_the_others_are_measured_as_without_it(
    data_file: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the dense network it is theta_0 alone, under no mask, that has an accuracy."""
    lost = read_tensors(initial)
    layer = next(iter(read_header(initial)["layers"]))
    lost[layer] = np.where(np.arange(len(SEEDS)).reshape(-1, *[1] * (lost[layer].ndim - 1)) == 1, np.nan, lost[layer])
    write_tensors(tmp_path / "lost", lost, read_header(initial))
    method = {"method": {"criterion": {"name": "large-final-same-sign"}, "levels": 2}}
    learning = {"values": "initial", "rescaled": False, "supermasks": {"samples": 2}}
    for main, how, measured in (
        (job.main, method, ["level", "values"]),
        (learned_job.main, learning, ["mask"]),
    ):
        tables = []
        for path in (initial, tmp_path / "lost"):
            first = initial if main is job.main else path
            files = ["--data", str(data_file), "--initial", str(first), "--output", str(tmp_path / "out.csv")]
            files += ["--trained", str(path)] if main is job.main else []
            tables.append(run(main, monkeypatch, "--spec", json.dumps(spec() | how), *files))
        whole, holes = (table.set_index(["seed", *measured]).sort_index() for table in tables)
        kept = [seed for seed in SEEDS if seed != SEEDS[1]]
        pd.testing.assert_frame_equal(whole.loc[kept], holes.loc[kept], check_dtype=False)
        of_lost = tables[1][tables[1]["seed"] == SEEDS[1]]
        assert (of_lost["test_accuracy"].notna() == (of_lost["level"] == 0 if main is job.main else False)).all()
