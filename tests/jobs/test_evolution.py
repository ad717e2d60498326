"""Evolutions as a job: with the same bits after a stop, and for one seed as for several."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lth_core.config import Initialization, Task
from lth_core.jobs import evolution
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize_cohort
from lth_core.storage.tables import read_rows
from lth_core.storage.tensors import write_tensors
from lth_core.training.resume import Resume

TRAIN = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
TASK = {"dataset": "mine", "model": {"name": "lenet", "hidden": [4]}, "cohorts": ["0-0"], "train": TRAIN}
SETTINGS = {"population": 8, "generations": 4, "examples": 30}

Evolve = Callable[..., list[bytes]]


@pytest.fixture
def evolved(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evolve:
    """evolved(seeds, ...) -> the three files that the job writes; `diverged`: of which seeds the dense run did."""
    factory = model_factory(Task.model_validate(TASK), {"classes": 3, "input_shape": [1, 6, 6]})
    monkeypatch.setenv("LTH_DEVICE", "cpu")

    def run(seeds: Sequence[int], diverged: Sequence[int] = ()) -> list[bytes]:
        weights, trained = initialize_cohort(factory, Initialization(), list(seeds)), tmp_path / "trained"
        write_tensors(trained, weights, {"diverged": [seed in diverged for seed in seeds]})
        files = {name: tmp_path / f"{name}.csv" for name in ("output", "generations", "topologies")}
        inputs = {"data": data_file, "initial": trained, "trained": trained}
        spec = {"task": TASK, "evolution": SETTINGS, "seeds": list(seeds), "modules": []}
        arguments = [text for name, path in (inputs | files).items() for text in (f"--{name}", str(path))]
        monkeypatch.setattr(sys, "argv", ["evolution", "--spec", json.dumps(spec), *arguments])
        evolution.main()
        return [path.read_bytes() for path in files.values()]

    return run


class Stopped(Exception):
    """What a kill does to the job."""


@pytest.mark.parametrize("steps", [2, 4, 5])
def test_what_was_stopped_goes_on_with_the_same_bits(
    evolved: Evolve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], steps: int
) -> None:
    whole = evolved([3, 4])
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    save = Resume.save_when_due

    def save_and_stop(resume: Resume, state: evolution.Search) -> None:
        save(resume, state)
        if state.step == steps:
            raise Stopped

    with monkeypatch.context() as stopping:
        stopping.setattr(Resume, "save_when_due", save_and_stop)
        with pytest.raises(Stopped):
            evolved([3, 4])
    capsys.readouterr()
    assert evolved([3, 4]) == whole
    assert f"resumed at generation {steps % 4}" in capsys.readouterr().out


def test_a_seed_evolves_alone_as_among_others(evolved: Evolve) -> None:
    both, alone = evolved([3, 4]), evolved([4])
    for of_both, of_one in zip(both, alone, strict=True):
        header, *rows = of_one.decode().splitlines()
        assert [header, *rows] == [line for line in of_both.decode().splitlines() if line.startswith(("seed", "4,"))]


def test_what_diverged_leaves_its_trained_weights_without_a_metric(evolved: Evolve, tmp_path: Path) -> None:
    evolved([3, 4], diverged=[4])
    trained = {row["seed"]: row["metric"] for row in read_rows(tmp_path / "output.csv") if row["weights"] == "trained"}
    assert trained["4"] == "nan" and 0 <= float(trained["3"]) <= 1


def test_evolution_learns_something(evolved: Evolve, tmp_path: Path) -> None:
    evolved([3])
    means = [float(row["mean"]) for row in read_rows(tmp_path / "generations.csv")]
    assert len(means) == 4 and max(means[1:]) > 1 / 3
    weights = [float(row["weight"]) for row in read_rows(tmp_path / "output.csv") if row["network"] == "evolved"]
    assert np.isin([-2, -1, -0.5, 0.5, 1, 2], weights).all() and len(weights) == 7
