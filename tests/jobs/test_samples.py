"""Images of trained networks as a job: the same bytes again, seed by seed, and what has diverged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lth_core.config import Initialization, Task
from lth_core.jobs import samples
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize_cohort
from lth_core.storage.tables import read_rows
from lth_core.storage.tensors import read_header, read_tensors, write_tensors

TRAIN = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
VAE: dict[str, Any] = {"objective": "vae", "model": {"name": "vae", "hidden": 4, "latents": 2}}
TASK = {"dataset": "mine", "cohorts": ["0-0"], "train": TRAIN}
COUNT = 12

Sample = Callable[..., Path]


@pytest.fixture
def sampled(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    """sampled(seeds, ...) -> where the job wrote; `diverged`: of which seeds training did, `broken`: sampling does."""
    monkeypatch.setenv("LTH_DEVICE", "cpu")

    def run(
        seeds: Sequence[int], diverged: Sequence[int] = (), broken: Sequence[int] = (), task: dict[str, Any] = VAE
    ) -> Path:
        settings = TASK | task
        factory = model_factory(Task.model_validate(settings), {"classes": 3, "input_shape": [1, 6, 6]})
        weights, trained = initialize_cohort(factory, Initialization(), list(seeds)), tmp_path / "trained"
        for index, seed in enumerate(seeds):
            if seed in broken:
                weights["generator.2.weight"][index] = np.nan
        write_tensors(trained, weights, {"diverged": [seed in diverged for seed in seeds]})
        spec = {"task": Task.model_validate(settings).model_dump(), "samples": {"count": COUNT}, "seeds": list(seeds)}
        spec["modules"] = []
        files = {"data": data_file, "trained": trained, "output": tmp_path / "out", "distances": tmp_path / "distances"}
        arguments = [text for name, path in files.items() for text in (f"--{name}", str(path))]
        monkeypatch.setattr(sys, "argv", ["samples", "--spec", json.dumps(spec), *arguments])
        samples.main()
        return tmp_path

    return run


def test_every_replicate_has_images_and_distances(sampled: Sample) -> None:
    folder = sampled([3, 4])
    images = read_tensors(folder / "out")
    assert images["samples"].shape == (2, COUNT, 1, 6, 6) and images["samples"].dtype == np.uint8
    assert images["real"].shape == (COUNT, 1, 6, 6) and images["samples"].std() > 0
    rows = read_rows(folder / "distances")
    assert [row["seed"] for row in rows] == ["3", "4"]
    for row in rows:  # networks that were not trained are further from the data than the data are
        assert 0 < float(row["test_floor"]) < float(row["test_distance"])
        assert 0 < float(row["validation_floor"]) < float(row["validation_distance"])


def test_the_same_bytes_again_and_a_seed_alone_as_among_others(sampled: Sample) -> None:
    folder = sampled([3, 4])
    before = [(folder / name).read_bytes() for name in ("out", "distances")]
    images = read_tensors(folder / "out")["samples"]
    sampled([3, 4])
    assert [(folder / name).read_bytes() for name in ("out", "distances")] == before
    sampled([4])
    assert np.array_equal(read_tensors(folder / "out")["samples"][0], images[1])
    assert (folder / "distances").read_text().splitlines()[1] == before[1].decode().splitlines()[2]


def test_what_diverged_in_training_or_sampling_has_no_images(sampled: Sample) -> None:
    folder = sampled([3, 4, 5], diverged=[3], broken=[4])
    assert read_header(folder / "out")["diverged"] == [True, True, False]
    assert not read_tensors(folder / "out")["samples"][:2].any()
    rows = read_rows(folder / "distances")
    assert [row["test_distance"] == "nan" for row in rows] == [True, True, False]
    assert all(float(row["test_floor"]) > 0 for row in rows)


def test_the_log_names_what_diverged_in_sampling_alone(sampled: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    sampled([3, 4, 5], diverged=[3], broken=[3, 4])
    assert "\ndiverged in sampling: 1 of 3 replicates (seed 4)\n" in capsys.readouterr().out
    sampled([3, 4, 5], diverged=[3])
    assert "diverged" not in capsys.readouterr().out


def test_a_network_that_makes_no_images_is_one_line(sampled: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sampled([3], task={"objective": "classification", "model": {"name": "lenet", "hidden": [4]}})
    assert "objective 'classification' makes no images, so none can be drawn" in capsys.readouterr().err
