"""Trainings whose masks change: weights, optimizer and masks at every change, on all paths, cut and resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core import registry
from lth_core.config import Choice
from lth_core.data.reading import open_data
from lth_core.engine import sparse_network
from lth_core.engine.convolutions import choice
from lth_core.models.layers import prunable_weights
from lth_core.runtime.shares import Share
from lth_core.storage.tensors import Tensors
from lth_core.tasks.opening import build_task
from lth_core.training.history import Evaluations
from lth_core.training.loop import TrainingResult, train
from lth_core.training.moment import Change, SparsifierError
from lth_core.training.resume import Resume
from lth_core.training.sparsification import Sparsification
from lth_core.training.sparsified import SparsifiedState
from tests.support.process_groups import CPU, in_processes
from tests.support.small_trainings import OPTIMIZERS, SEEDS, convolutional, initial, linear, same_bits

SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.001}


def small_convolutions() -> nn.Module:
    """Layers that are computed on their kept weights alone where these are few."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    )


def masks_of(
    weights: Tensors, network: Callable[[], nn.Module], density: float, seeds: Sequence[int] = SEEDS
) -> Tensors:
    """Random masks that keep as many weights of a tensor in each replicate, other ones in each."""
    masks = {}
    for name in prunable_weights(network()):
        masks[name] = np.zeros(weights[name].shape, bool)
        for row, seed in zip(masks[name], seeds, strict=True):
            size = row.size
            row.flat[np.random.default_rng(seed).choice(size, max(1, round(density * size)), replace=False)] = True
    return masks


def begin(task: Any, weights: Tensors, mask: Tensors, first_step: int = 0) -> SparsifiedState:
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    return SparsifiedState.start(task, masked, mask, first_step)


def using(
    name: str, mask: Tensors, seeds: Sequence[int] = SEEDS, density: float | None = None, **options: Any
) -> Sparsification:
    sizes = {name: kept[0].size for name, kept in mask.items()}
    kept = {name: round((density or 1) * size) for name, size in sizes.items()} if density else None
    total = sum(kept.values()) / sum(sizes.values()) if kept else float(np.mean([m.mean() for m in mask.values()]))
    return Sparsification(Choice.of(name, **options), seeds, total, kept)


def trained(
    task: Any, state: SparsifiedState, how: Sparsification, seeds: Sequence[int] = SEEDS, listeners: Sequence[Any] = ()
) -> TrainingResult:
    logging = Evaluations(task.recipe.evaluate_every, task.recipe.steps)
    return train(task, state, seeds, task.recipe.steps, before_step=how.before_step, listeners=[logging, *listeners])


RIGL = ("rigl", {"every": 4})
SET = ("set", {"every": 4})
GRADUAL = ("gradual", {"every": 4, "begin": 0.1})
PATHS = [(linear, 0.6), (linear, 0.2), (convolutional, 0.3), (small_convolutions, 0.2)]


def on_path(make_task: Any, network: Any, density: float, name: str, **options: Any) -> tuple[Any, Any, Any, Any]:
    """A task, weights, first masks (none where the sparsifier starts dense), and the sparsification."""
    task, weights = make_task(network(), SGD), initial(network)
    starts_dense = name == "gradual"
    mask = masks_of(weights, network, 1.0 if starts_dense else density)
    return task, weights, mask, using(name, mask, density=density if starts_dense else None, **options)


def test_the_paths_that_these_tests_mean_are_taken(make_task: Any) -> None:
    taken = []
    for network, density in PATHS:
        cohort = begin(make_task(network()), *(w := initial(network), masks_of(w, network, density))).cohort
        taken.append((cohort.on_kept_weights, cohort.by_hand))
    assert taken == [(False, True), (True, True), (False, False), (True, True)]


# ---------------------------------------------------------------- one change


def whole(state: SparsifiedState, kind: str) -> dict[str, Tensor]:
    """Copies of what is saved under a kind, by name; of an optimizer's slot (replicate, ...)."""
    parts = {
        key.removeprefix(f"{kind}/"): value.clone() for key, value in state.tensors().items() if key.startswith(kind)
    }
    if not kind.startswith("optimizer"):
        return parts
    names = dict.fromkeys(key.partition("/")[2] for key in parts)
    return {
        name: torch.stack([value for key, value in parts.items() if key.partition("/")[2] == name]) for name in names
    }


@pytest.mark.parametrize(("network", "density"), PATHS)
@pytest.mark.parametrize("optimizer", [SGD, OPTIMIZERS[0], OPTIMIZERS[4]])
def test_a_change_prunes_grows_and_resets_exactly_what_it_should(
    make_task: Any, network: Any, density: float, optimizer: dict
) -> None:
    task, weights = make_task(network(), optimizer, steps=7), initial(network)
    mask = masks_of(weights, network, density)
    state = begin(task, weights, mask)
    trained(task, state, using("set", mask, every=3, fraction=0.0))
    slots = [slot for slot in state.optimizer.state if slot != "step"]
    before, slots_before = whole(state, "weights"), {slot: whole(state, f"optimizer/{slot}") for slot in slots}
    counts_before, old = state._counters(), whole(state, "mask")
    moved = {name: torch.stack([row.roll(1) for row in kept.flatten(1)]).view_as(kept) for name, kept in old.items()}
    state.change(moved)
    after = whole(state, "weights")
    for name, value in before.items():
        stays = old[name] & moved[name] if name in old else torch.ones_like(value, dtype=torch.bool)
        assert name not in old or (moved[name] & ~old[name]).any()
        assert torch.equal(after[name], torch.where(stays, value, 0))
        for slot in slots:
            slot_after = whole(state, f"optimizer/{slot}")[name]
            assert torch.equal(slot_after, torch.where(stays, slots_before[slot][name], 0))
    assert torch.equal(state._counters(), counts_before)


@pytest.mark.parametrize(("network", "density"), PATHS)
@pytest.mark.parametrize(("name", "options"), [RIGL, SET])
def test_every_tensor_keeps_its_count_and_pruned_weights_are_zero_at_every_step(
    make_task: Any, network: Any, density: float, name: str, options: dict
) -> None:
    task, weights, mask, how = on_path(make_task, network, density, name, **options)
    state, masks = begin(task, weights, mask), []

    def look(state: SparsifiedState) -> None:
        masks.append({name: kept.clone() for name, kept in state.mask.items()})
        for name, kept in state.mask.items():
            assert not state.cohort.parameters[name][~kept].any()
            assert kept.flatten(1).sum(1).tolist() == mask[name].reshape(len(SEEDS), -1).sum(1).tolist()

    trained(task, state, how, listeners=[look])
    changed = [step for step in range(1, 20) if any((masks[step + 1][n] != masks[step][n]).any() for n in mask)]
    assert changed == ([4, 8, 12] if name == "rigl" else [4, 8, 12, 16])  # T_end is 15
    assert [row["step"] for row in state.changes if row["replicate"] == 0] == [0, *changed]
    for row in state.changes:
        at = masks[int(row["step"]) + 1 if row["step"] else 0]
        sizes = sum(kept[0].numel() for kept in at.values())
        assert row["density"] == sum(int(kept[int(row["replicate"])].sum()) for kept in at.values()) / sizes


def test_a_step_that_a_change_replaces_trains_nothing(make_task: Any) -> None:
    """Kept weights, momentum and the statistics of batch norms stay: the batch is for the gradient alone."""
    for network, density in PATHS:
        task, weights, mask, how = on_path(make_task, network, density, "rigl", every=4)
        state, seen = begin(task, weights, mask), []
        trained(
            task,
            state,
            how,
            listeners=[
                lambda state, seen=seen: seen.append(
                    (whole(state, "weights"), whole(state, "buffers"), whole(state, "mask"))
                )
            ],
        )
        (before, statistics, old), (after, later, new) = seen[4], seen[5]
        for name, value in before.items():
            stays = old[name] & new[name] if name in old else ...
            assert torch.equal(value[stays], after[name][stays])
        assert all(torch.equal(value, later[name]) for name, value in statistics.items())
        assert any(not torch.equal(value, seen[6][0][name]) for name, value in after.items())


# ---------------------------------------------------------------- equalities


@pytest.mark.parametrize(("network", "density"), PATHS)
@pytest.mark.parametrize("name", ["rigl", "set"])
def test_a_fraction_of_0_is_the_training_of_the_first_mask_bit_for_bit(
    make_task: Any, network: Any, density: float, name: str
) -> None:
    task, weights, mask, how = on_path(make_task, network, density, name, every=4, fraction=0.0)
    static = train(task, begin(task, weights, mask), SEEDS, 20)
    assert same_bits(trained(task, begin(task, weights, mask), how).weights, static.weights)


@pytest.mark.parametrize(("name", "options"), [RIGL, SET, GRADUAL])
@pytest.mark.parametrize(("network", "density"), [PATHS[1], PATHS[3]])
def test_kept_weights_alone_train_as_masked_ones_do(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, network: Any, density: float, name: str, options: dict
) -> None:
    task, weights, mask, how = on_path(make_task, network, density, name, **options)
    sparse, sparse_state = trained(task, state := begin(task, weights, mask), how), state
    assert sparse_state.cohort.on_kept_weights
    monkeypatch.setattr(sparse_network, "DENSEST", -1)
    monkeypatch.setattr(choice, "DENSEST", -1)
    masked, masked_state = trained(task, state := begin(task, weights, mask), how), state
    assert not masked_state.cohort.on_kept_weights
    assert all(torch.equal(kept, masked_state.mask[name]) for name, kept in sparse_state.mask.items())
    for name, value in masked.weights.items():
        np.testing.assert_allclose(sparse.weights[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("name", "options"), [RIGL, SET, GRADUAL])
@pytest.mark.parametrize(("network", "density"), PATHS)
def test_a_cohort_changes_its_masks_as_its_replicates_do_alone(
    make_task: Any, network: Any, density: float, name: str, options: dict
) -> None:
    task, weights, mask, how = on_path(make_task, network, density, name, **options)
    together = trained(task, state := begin(task, weights, mask), how)
    for index, seed in enumerate(SEEDS):
        one = {key: value[index : index + 1] for key, value in weights.items()}
        its = {key: value[index : index + 1] for key, value in mask.items()}
        alone_how = Sparsification(how.sparsifier, [seed], how.density, how.kept)
        alone = trained(task, begin(task, one, its), alone_how, [seed])
        assert same_bits(alone.weights, {key: value[index : index + 1] for key, value in together.weights.items()})
    assert any((kept[0] != kept[1]).any() for kept in state.mask.values())


def test_the_ramp_of_gradual_pruning_passes_from_all_weights_to_the_kept_ones_alone(make_task: Any) -> None:
    for network in (linear, small_convolutions):
        task, weights, mask, how = on_path(make_task, network, 0.1, *GRADUAL[:1], **GRADUAL[1])
        state, paths = begin(task, weights, mask), []
        trained(task, state, how, listeners=[lambda state, paths=paths: paths.append(state.cohort.on_kept_weights)])
        assert not paths[0] and paths[-1] and paths == sorted(paths)
        how.check_end(state)


# ---------------------------------------------------------------- resuming


class Cut(Exception):
    pass


@pytest.mark.parametrize("cut_at", [8, 13])
@pytest.mark.parametrize(("name", "options"), [RIGL, SET, GRADUAL])
@pytest.mark.parametrize(("network", "density"), PATHS)
def test_cut_and_resumed_equals_undisturbed(
    make_task: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    network: Any,
    density: float,
    name: str,
    options: dict,
    cut_at: int,
) -> None:
    task, weights, mask, how = on_path(make_task, network, density, name, **options)
    undisturbed = trained(task, whole_state := begin(task, weights, mask), how)
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    resume = Resume(tmp_path / "trained", "x")

    def cut(state: SparsifiedState) -> None:
        resume.save_when_due(state)
        if state.step == cut_at:
            raise Cut

    with pytest.raises(Cut):
        trained(task, begin(task, weights, mask), how, listeners=[cut])
    state = begin(task, weights, mask)
    assert resume.restore(state) and state.step == cut_at
    resumed = trained(task, state, how)
    assert same_bits(resumed.weights, undisturbed.weights) and resumed.history == undisturbed.history
    assert state.changes == whole_state.changes
    assert all(torch.equal(value, state.tensors()[key]) for key, value in whole_state.tensors().items())


# ---------------------------------------------------------------- what the papers say


def test_rigl_grows_where_the_gradient_of_an_ordinary_module_is_largest(make_task: Any) -> None:
    """The gradient of the masked network by its whole weights, from torch's own backward pass on the same batch."""
    for density in (0.6, 0.2):
        task, weights, mask, how = on_path(make_task, linear, density, "rigl", every=6)
        state, batches, seen = begin(task, weights, mask), list(task.minibatches(SEEDS, 0, 0, 20)), []
        trained(
            task,
            state,
            how,
            listeners=[lambda state, seen=seen: seen.append((whole(state, "weights"), whole(state, "mask")))],
        )
        (before, old), (_, new) = seen[6], seen[7]
        for index in range(len(SEEDS)):
            module = linear()
            module.load_state_dict({name: value[index] for name, value in before.items()})
            images, labels = batches[6].replicate(index).inputs, batches[6].replicate(index).targets
            nn.functional.cross_entropy(module(images), labels).backward()
            for name, parameter in module.named_parameters():
                if name not in old:
                    continue
                assert parameter.grad is not None
                active, gradient = old[name][index].flatten(), parameter.grad.abs().flatten()
                swapped = int(0.15 * (1 + np.cos(np.pi * 6 / 15)) * int(active.sum()))
                order = parameter.detach().abs().flatten().masked_fill(~active, np.inf).argsort()
                kept = active.clone()
                kept[order[:swapped]] = False
                grown = gradient.masked_fill(kept, -1).argsort(descending=True)[:swapped]
                assert swapped and set(kept.nonzero().flatten().tolist()) | set(grown.tolist()) == set(
                    new[name][index].flatten().nonzero().flatten().tolist()
                )


@pytest.mark.parametrize("fraction", [0.3, 0.5])
def test_set_explores_as_random_growth_does_in_expectation(make_task: Any, fraction: float) -> None:
    """R_s(t) = 1 - (1 - d)(1 - zeta d / (1 - d))^t where grown positions are drawn from those pruned before."""
    task, weights = make_task(linear(), SGD, steps=61), initial(linear)
    mask = masks_of(weights, linear, 0.1)
    wide = {"1.weight": mask["1.weight"]}
    state = begin(task, weights, wide)
    trained(task, state, using("set", wide, every=1, fraction=fraction))
    density, size = float(state.changes[0]["density"]), mask["1.weight"][0].size
    swapped = int(fraction * round(density * size)) / size
    expected = 1 - (1 - density) * (1 - swapped / (1 - density)) ** np.arange(61)
    assert len(state.changes) == 61 * len(SEEDS)
    rows = [
        [float(row["explored"]) for row in state.changes if row["replicate"] == index] for index in range(len(SEEDS))
    ]
    np.testing.assert_allclose(np.mean(rows, axis=0), expected, atol=0.03)
    assert all(np.all(np.diff(row) >= 0) for row in rows)


def test_unfired_growth_explores_most_and_gradients_less_than_chance(make_task: Any) -> None:
    explored = {}
    for label, name, options in (
        ("random", "set", {}),
        ("unfired", "set", {"grow": "unfired"}),
        ("rigl", "rigl", {"until": 1.0}),
    ):
        task, weights, mask, how = on_path(make_task, linear, 0.1, name, every=2, **options)
        state = begin(task, weights, mask)
        trained(task, state, how)
        explored[label] = state.changes[-1]["explored"]
    assert explored["rigl"] < explored["random"] < explored["unfired"]


# ---------------------------------------------------------------- what users may return


def refused(make_task: Any, function: Callable[..., Any], starts_dense: bool = False) -> str:
    """What is said of a sparsifier that is called before every step."""
    registry.sparsifier("odd", dense=starts_dense)(function)
    try:
        task, weights = make_task(linear()), initial(linear)
        mask = masks_of(weights, linear, 1.0 if starts_dense else 0.5)
        with pytest.raises(SparsifierError) as raised:
            how = using("odd", mask, density=0.5 if starts_dense else None)
            trained(task, state := begin(task, weights, mask), how)
            how.check_end(state)
        return str(raised.value)
    finally:
        del registry.sparsifier._functions["odd"], registry.sparsifier._facts["odd"]


def altered(moment: Any, change: Callable[[Tensor], Any]) -> Change:
    return Change(moment.mask | {"1.weight": change(moment.mask["1.weight"])})


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda moment: moment.mask, "sparsifier 'odd' returned a dict of 2: return a Change, or None (step 0)"),
        (lambda moment: altered(moment, Tensor.float), "returned torch.float32 of shape (12, 36) for 1.weight"),
        (lambda moment: altered(moment, lambda mask: mask[:5]), "returned torch.bool of shape (5, 36) for 1.weight"),
        (lambda moment: altered(moment, lambda mask: None), "returned nothing for 1.weight"),
        (lambda moment: Change({"1.weight": moment.mask["1.weight"]}), "returned no mask of 3.weight"),
        (lambda moment: Change(moment.mask | {"3.bias": moment.mask["3.weight"]}), "returned a mask of 3.bias"),
        (lambda moment: altered(moment, torch.zeros_like), "keeps 18 weights, not 234: grow as many as are dropped"),
        (lambda moment: altered(moment, torch.ones_like), "keeps 450 weights, not 234: grow as many as are dropped"),
        (lambda moment: Change(moment.mask, moment.rng.random() < 0.5), "replaces the step of some seeds only"),
    ],
)  # fmt: skip
def test_what_is_no_next_mask_is_refused_in_one_line(make_task: Any, function: Any, message: str) -> None:
    said = refused(make_task, function)
    assert message in said and "\n" not in said


def test_what_starts_dense_only_prunes_and_ends_at_its_density(make_task: Any) -> None:
    def grows(moment: Any) -> Change:
        half = moment.mask["1.weight"].clone()
        half[: 2 + 2 * moment.step] = False
        return altered(moment, lambda mask: half if moment.step != 3 else torch.ones_like(mask))

    assert "keeps 468 weights after 252: what starts dense only prunes (step 3)" in refused(make_task, grows, True)
    assert "keeps 468 weights at the end, not 234" in refused(make_task, lambda moment: None, True)


def test_changing_what_a_moment_shows_changes_nothing_by_itself(make_task: Any) -> None:
    def careless(moment: Any) -> None:
        for kind in (moment.mask, moment.weights, moment.explored, moment.gradient()):
            for value in kind.values():
                value.zero_()

    registry.sparsifier("odd")(careless)
    try:
        for network, density in PATHS:
            task, weights = make_task(network()), initial(network)
            mask = masks_of(weights, network, density)
            static = train(task, begin(task, weights, mask), SEEDS, 20)
            assert same_bits(trained(task, begin(task, weights, mask), using("odd", mask)).weights, static.weights)
    finally:
        del registry.sparsifier._functions["odd"], registry.sparsifier._facts["odd"]


def test_processes_that_share_a_training_have_the_same_masks(make_task: Any, data_file: Path) -> None:
    def work(share: Share) -> Any:
        task, weights = make_task(linear(), SGD), initial(linear)
        task = build_task(linear(), open_data(data_file, CPU, share), task.recipe, CPU)
        mask = masks_of(weights, linear, 0.2)
        state = begin(task, weights, mask)
        trained(task, state, using("rigl", mask, every=4))
        return {name: kept.numpy() for name, kept in state.mask.items()}, state.weights()

    (first, weights), (second, others) = in_processes(2, work)
    (alone, expected), *_ = in_processes(1, work)
    assert same_bits(first, second) and same_bits(weights, others)
    assert same_bits(first, alone)
    for name, value in expected.items():
        np.testing.assert_allclose(weights[name], value, rtol=1e-3, atol=1e-5)
