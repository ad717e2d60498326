"""A judge's view of drawn images as a job: near images are near, a seed alone as among others, what has diverged."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lth_core.config import Initialization, Task
from lth_core.data.reading import open_data
from lth_core.jobs import judged
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.initialization import initialize_cohort
from lth_core.storage.tables import read_rows
from lth_core.storage.tensors import write_tensors

TRAIN = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
TASK: dict[str, Any] = {"dataset": "mine", "cohorts": ["0-0"], "train": TRAIN}
GAN = TASK | {"objective": "gan", "model": {"name": "gan", "hidden": 4, "latents": 2, "discriminator_hidden": 4}}
JUDGE = TASK | {"model": {"name": "lenet", "hidden": [6, 5]}}
COUNT = 30

Judged = Callable[..., list[dict[str, str]]]


@pytest.fixture
def judge(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judged:
    """judge(seeds, images, ...) -> the rows that the job writes of images (R, count, 1, 6, 6)."""
    monkeypatch.setenv("LTH_DEVICE", "cpu")

    def run(
        seeds: Sequence[int], images: np.ndarray, diverged: Sequence[bool] = (), task: Any = GAN, fails: bool = False
    ) -> list[dict[str, str]]:
        factory = model_factory(Task.model_validate(JUDGE), {"classes": 3, "input_shape": [1, 6, 6]})
        weights = initialize_cohort(factory, Initialization(), [0, 1])
        write_tensors(tmp_path / "judge", weights, {"diverged": [fails, False]})
        lost = {"diverged": list(diverged) or [False] * len(images)}
        write_tensors(tmp_path / "samples", {"samples": images}, lost)
        settings, judges = (Task.model_validate(one).model_dump() for one in (task, JUDGE))
        spec = {"task": settings, "seeds": list(seeds), "modules": []}
        spec["judge"] = {"task": judges, "seeds": [0, 1], "modules": []}
        files = {
            "data": data_file,
            "samples": tmp_path / "samples",
            "judge": tmp_path / "judge",
            "output": tmp_path / "o",
        }
        arguments = [text for name, path in files.items() for text in (f"--{name}", str(path))]
        monkeypatch.setattr(sys, "argv", ["judged", "--spec", json.dumps(spec), *arguments])
        judged.main()
        return read_rows(tmp_path / "o")

    return run


@pytest.fixture
def real(data_file: Path) -> np.ndarray:
    """The test images in bytes as rule `samples` writes them: of 219, the brightest pixel, 255."""
    data = open_data(data_file)
    stored = data.images["test"].numpy()
    return np.rint(255.0 * stored / float(data.images["train"].max())).clip(0, 255).astype(np.uint8)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (COUNT, 1, 6, 6)).astype(np.uint8)


def test_real_images_have_no_distance_and_dark_noise_has_a_large_one(judge: Judged, real: np.ndarray) -> None:
    same, other = judge([3, 4], np.stack([real, noise(0) // 16]))
    assert float(same["frechet_distance"]) < 1e-3
    assert float(other["frechet_distance"]) > 5 * float(other["frechet_floor"]) > 0


def test_the_spread_is_that_of_the_classes_that_the_judge_sees(judge: Judged, real: np.ndarray) -> None:
    one = np.broadcast_to(real[:1], real.shape)
    (row,) = judge([3], one[None])
    assert float(row["coverage"]) == pytest.approx(1 / 3) and float(row["entropy"]) == 0


def test_a_seed_is_judged_alone_as_among_others(judge: Judged) -> None:
    both = judge([3, 4], np.stack([noise(0), noise(1)]))
    assert judge([4], noise(1)[None]) == both[1:]


def test_draws_are_numbered_within_their_seed(judge: Judged) -> None:
    rows = judge([3, 4], np.stack([noise(seed) for seed in range(4)]))
    assert [(row["seed"], row["draw"]) for row in rows] == [("3", "0"), ("3", "1"), ("4", "0"), ("4", "1")]


def test_what_diverged_has_no_distance(judge: Judged) -> None:
    lost, other = judge([3, 4], np.stack([noise(0), noise(1)]), [True, False])
    assert [math.isnan(float(row["frechet_distance"])) for row in (lost, other)] == [True, False]
    assert [math.isnan(float(row["coverage"])) for row in (lost, other)] == [True, False]


def test_a_judge_whose_training_diverged_says_nothing(judge: Judged) -> None:
    (row,) = judge([3], noise(0)[None], fails=True)
    assert row["frechet_distance"] == row["judge_accuracy"] == "nan"


def test_its_accuracy_is_that_on_validation_images(judge: Judged) -> None:
    (row,) = judge([3], noise(0)[None])
    right = 30 * float(row["judge_accuracy"])
    assert 0 <= right <= 30 and right == pytest.approx(round(right), abs=1e-6)


def test_the_floor_is_of_held_out_images_where_there_are_as_many_as_were_drawn(judge: Judged) -> None:
    few, many = noise(0), np.concatenate([noise(0), noise(1)[:1]])  # 30 are in the validation split, and 90 to train on
    rows = [*judge([3], few[None]), *judge([3], many[None])]
    assert [row["floor_images"] for row in rows] == ["validation", "training"]
    assert rows[0]["frechet_floor"] == judge([3], few[None])[0]["frechet_floor"] != rows[1]["frechet_floor"]


def test_a_network_that_makes_no_images_is_one_line(judge: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        judge([3], noise(0)[None], task=JUDGE)
    assert "objective 'classification' makes no images, so none can be judged" in capsys.readouterr().err
