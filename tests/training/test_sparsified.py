"""Trainings whose masks change: weights, optimizer and masks at every change, on all paths, cut and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.data.reading import open_data
from lth_core.engine import sparse_network
from lth_core.engine.convolutions import choice
from lth_core.runtime.shares import Share
from lth_core.tasks.opening import build_task
from lth_core.training.loop import train
from lth_core.training.resume import Resume
from lth_core.training.sparsification import Sparsification
from lth_core.training.sparsified import SparsifiedState
from tests.support.process_groups import CPU, in_processes
from tests.support.small_trainings import OPTIMIZERS, SEEDS, initial, linear, same_bits
from tests.support.sparsified_trainings import (
    GRADUAL,
    PATHS,
    RIGL,
    SET,
    SGD,
    begin,
    masks_of,
    on_path,
    small_convolutions,
    trained,
    using,
    whole,
)


def test_the_paths_that_these_tests_mean_are_taken(make_task: Any) -> None:
    taken = []
    for network, density in PATHS:
        cohort = begin(make_task(network()), *(w := initial(network), masks_of(w, network, density))).cohort
        taken.append((cohort.on_kept_weights, cohort.by_hand))
    assert taken == [(False, True), (True, True), (False, False), (True, True)]


# ---------------------------------------------------------------- one change


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


def partly_frozen() -> nn.Module:
    """A network with weights that are pruned but not trained, as edges of a graph are."""
    hidden = nn.Linear(36, 12)
    hidden.weight.requires_grad_(False)
    hidden.prunable = {"weight": "hidden"}  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), nn.Linear(12, 3))


def test_weights_that_are_not_trained_can_be_pruned(make_task: Any) -> None:
    task, weights, mask, how = on_path(make_task, partly_frozen, 0.2, *GRADUAL[:1], **GRADUAL[1])
    state = begin(task, weights, mask)
    trained(task, state, how)
    kept, ended = state.mask["1.weight"], state.cohort.parameters["1.weight"]
    assert kept.float().mean() == pytest.approx(0.2, abs=0.01)
    assert torch.equal(ended, torch.from_numpy(weights["1.weight"]) * kept)


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


# ---------------------------------------------------------------- several processes


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
