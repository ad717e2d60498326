"""A training cut anywhere and resumed gives the bits of an undisturbed one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lth_core.storage.tensors import write_tensors
from lth_core.training.history import Evaluations
from lth_core.training.loop import train
from lth_core.training.resume import Resume, ResumeError, fingerprint
from lth_core.training.state import start_state
from tests.support.small_trainings import NETWORKS, OPTIMIZERS, SEEDS, initial, same_bits, sparse_mask


class Cut(Exception):
    pass


def train_with(task: Any, weights: Any, mask: Any, resume: Resume, cut_at: int | None = None) -> Any:
    masked = {name: value * mask[name] if name in mask else value for name, value in weights.items()}
    state = start_state(task, masked, mask)
    resume.restore(state)
    first = state.step

    def cut(state: Any) -> None:
        if state.step == cut_at:
            raise Cut

    evaluations = Evaluations(task.recipe.evaluate_every, task.recipe.steps)
    listeners = [evaluations, resume.save_when_due, cut]
    return first, train(task, state, SEEDS, task.recipe.steps, listeners=listeners)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_cut_and_resumed_equals_undisturbed(
    make_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Any, optimizer: dict
) -> None:
    task, weights = make_task(network(), optimizer, test_folds=3), initial(network)
    mask = sparse_mask(weights, network)
    _, undisturbed = train_with(task, weights, mask, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        train_with(task, weights, mask, Resume(tmp_path / "trained", "x"), cut_at=13)
    first, resumed = train_with(task, weights, mask, Resume(tmp_path / "trained", "x"))
    assert first == 13
    assert same_bits(resumed.weights, undisturbed.weights)
    assert resumed.history == undisturbed.history and "accuracy_without_2" in resumed.history[-1]


def test_the_state_of_another_training_or_a_damaged_one_is_not_picked_up(make_task: Any, tmp_path: Path) -> None:
    task, weights = make_task(NETWORKS[0]()), initial(NETWORKS[0])
    state = start_state(task, weights, {})
    mine = Resume(tmp_path / "trained.safetensors", "mine")
    mine.seconds = 0
    mine.save_when_due(state)
    assert mine.restore(state)
    assert not Resume(tmp_path / "trained.safetensors", "another").restore(state)
    mine.path.write_bytes(mine.path.read_bytes()[:100])
    assert not mine.restore(state)
    mine.forget()
    assert not mine.path.exists() and not mine.restore(state)


def test_no_state_is_saved_before_its_time(make_task: Any, tmp_path: Path) -> None:
    resume = Resume(tmp_path / "trained.safetensors", "x")
    resume.save_when_due(start_state(make_task(NETWORKS[0]()), initial(NETWORKS[0]), {}))
    assert not resume.path.exists()


def test_a_fingerprint_sees_spec_names_and_bits(tmp_path: Path) -> None:
    tensors, data = {"a": np.zeros(3, dtype=np.float32)}, tmp_path / "data.safetensors"
    write_tensors(data, {"images": np.zeros(2)}, {})
    base = fingerprint({"x": 1, "y": 2}, data, tensors)
    assert fingerprint({"y": 2, "x": 1}, data, {"a": np.zeros(3, dtype=np.float32)}) == base
    same = {"x": 1, "y": 2}
    changed = [({"x": 2, "y": 2}, tensors), (same, {"b": tensors["a"]}), (same, {"a": tensors["a"] + 1})]
    assert all(fingerprint(spec, data, arrays) != base for spec, arrays in changed)


def test_a_fingerprint_sees_the_data_and_their_facts(tmp_path: Path) -> None:
    data = tmp_path / "data.safetensors"

    def with_data(images: np.ndarray, mean: float) -> str:
        write_tensors(data, {"images": images}, {"mean": [mean]})
        return fingerprint({}, data)

    base = with_data(np.zeros(2), 0.5)
    assert with_data(np.zeros(2), 0.5) == base
    assert base not in (with_data(np.ones(2), 0.5), with_data(np.zeros(2), 0.25))


def test_an_interval_that_is_no_number_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "30s")
    with pytest.raises(ResumeError, match="LTH_CHECKPOINT_SECONDS is '30s': a number of seconds is needed"):
        Resume(tmp_path / "trained", "x")
