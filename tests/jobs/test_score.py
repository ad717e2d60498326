"""Masks of scores that are computed with the network: one job for a cohort, whose replicates know nothing of others."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lth_core.config import Initialization, Task
from lth_core.jobs import score
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize_cohort
from lth_core.registry import criterion
from lth_core.storage.tensors import read_header, read_tensors, write_tensors

TRAIN = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
TASK = {"dataset": "mine", "model": {"name": "lenet", "hidden": [8, 6]}, "cohorts": ["0-0"], "train": TRAIN}
LAYERS = {"fc1.weight": "hidden", "fc2.weight": "hidden", "fc3.weight": "output"}
PROBED = [name for name in criterion.names() if criterion.uses(name, "probe")]

Score = Callable[..., Path]


@pytest.fixture
def scored(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Score:
    """scored(seeds, level, ...) -> the mask that the job makes of theta_0, of the dense network by default."""
    factory = model_factory(Task.model_validate(TASK), {"classes": 3, "input_shape": [1, 6, 6]})

    def run(
        seeds: Sequence[int],
        scale: float = 1.0,
        trained: dict | None = None,
        mask: Path | None = None,
        **method: object,
    ) -> Path:
        weights = initialize_cohort(factory, Initialization(), list(seeds))
        weights = {name: value * np.float32(scale) for name, value in weights.items()}
        initial, output = tmp_path / f"initial-{seeds}", tmp_path / f"mask-{seeds}-{mask is not None}"
        write_tensors(initial, weights, {"layers": LAYERS, "consumers": {}, **(trained or {})})
        settings = {"levels": 2, "densities": [0.3, 0.1], "scope": "global", **method}
        spec = {"task": TASK, "method": settings, "level": 1 + (mask is not None), "seeds": list(seeds), "modules": []}
        files = {"data": data_file, "initial": initial, "trained-from": initial, "trained": initial, "output": output}
        files |= {"mask": mask} if mask else {}
        arguments = [text for name, path in files.items() for text in (f"--{name}", str(path))]
        monkeypatch.setattr(sys, "argv", ["score", "--spec", json.dumps(spec), *arguments])
        monkeypatch.setenv("LTH_DEVICE", "cpu")
        score.main()
        return output

    return run


@pytest.mark.parametrize("name", PROBED)
def test_a_cohort_has_the_masks_of_its_replicates_alone(scored: Score, name: str) -> None:
    both, alone = (read_tensors(scored(seeds, criterion=name, iterations=3)) for seeds in ([3, 4], [4]))
    assert all(np.array_equal(both[layer][1], alone[layer][0]) for layer in LAYERS)
    assert any((both[layer][0] != both[layer][1]).any() for layer in LAYERS)


def test_levels_follow_each_other(scored: Score) -> None:
    first = scored([0, 1], criterion="synflow")
    second = scored([0, 1], criterion="synflow", mask=first)
    before, after = read_tensors(first), read_tensors(second)
    assert read_header(second)["density"] == pytest.approx(0.1, abs=2e-3)
    assert all((after[layer] <= before[layer]).all() for layer in LAYERS)
    assert read_header(second)["provenance"]["device"] == "cpu"


def test_a_replicate_that_has_diverged_has_no_ticket(scored: Score) -> None:
    header = read_header(scored([0, 1], criterion="taylor", trained={"diverged": [True, False]}))
    assert header["diverged"] == [True, False]
    kept = np.sum([*header["kept"].values()], axis=0)
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"criterion": {"name": "synflow", "precision": "float32"}, "scale": 1e15},
            "error: criterion 'synflow': 288 of 288 scores of fc1.weight are not finite",
        ),
        (
            {"criterion": {"name": "snip", "examples_per_class": 31}},
            "error: examples_per_class: 31 must be at most the 30 training examples of class 0",
        ),
    ],
    ids=["overflow", "few examples"],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    scored: Score, asked: dict, said: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        scored([0], **asked)
    line = capsys.readouterr().err
    assert line.startswith(said) and line.count("\n") == 1 and not list(tmp_path.glob("mask-*"))
