"""The benchmark of convolutional networks: both loops train the same network on the same number of examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks import conv_step, sparse_conv_step
from lth_core.engine.batch_norm import PreciseBatchNorm


def test_a_row_per_network_and_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [replace(contest, batch_size=4, steps=1) for contest in conv_step.CONTESTS]
    monkeypatch.setattr(conv_step, "CONTESTS", few)
    monkeypatch.setattr(conv_step, "EXAMPLES", 100)
    monkeypatch.setattr(conv_step, "WARM_UP", 1)
    rows = conv_step.measure(str(tmp_path), repetitions=1)
    assert [row.name for row in rows] == [
        f"{network}, batch 4, {precision}" for network in ("Conv-2", "ResNet-20") for precision in ("float32", "bf16")
    ]
    assert all(len(row.values) == 1 and row.median > 0 for row in rows)


@pytest.mark.parametrize("benchmark", [conv_step, sparse_conv_step])
def test_batch_norms_are_those_of_the_projects_jobs(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain one would be faster or slower than what a run computes."""
    norms = []

    def keep(module: nn.Module, *_: object) -> None:
        norms.extend(type(layer) for layer in module.modules() if isinstance(layer, nn.BatchNorm2d))
        raise InterruptedError

    monkeypatch.setattr(benchmark, "build_task", keep)
    with conv_step.stored(conv_step.photographs(str(tmp_path), 100)) as data, pytest.raises(InterruptedError):
        if benchmark is conv_step:
            conv_step.project_task(conv_step.CONTESTS[1], data)
        else:
            sparse_conv_step.spent(sparse_conv_step.CONTESTS[1], data, 0.05, dense=False)
    assert set(norms) == {PreciseBatchNorm}


def test_every_loop_is_timed_on_the_same_number_of_steps() -> None:
    """The ordinary loop's epoch must be long enough for its steps: a shorter one would be timed on fewer."""
    for contest in conv_step.CONTESTS:
        assert (contest.steps + conv_step.WARM_UP) * contest.batch_size <= conv_step.EXAMPLES


def test_images_come_from_a_folder_per_class_where_there_is_one(tmp_path: Path) -> None:
    for label, name in enumerate(("bird", "cat")):
        folder = tmp_path / "cifar10" / "train" / name
        folder.mkdir(parents=True)
        for index in range(3):
            pixels = np.full((32, 32, 3), 10 * label + index, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    photographs = conv_step.photographs(str(tmp_path), 6)
    assert photographs.images[:, 0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert photographs.labels.tolist() == [0, 0, 0, 1, 1, 1]
    random = conv_step.photographs(str(tmp_path / "nothing"), 6)
    assert random.images.shape == (6, 3, 32, 32) and random.images.dtype == np.uint8


def test_the_ordinary_loop_sees_what_torchvision_would_give(tmp_path: Path) -> None:
    images = conv_step.photographs(str(tmp_path), 3)
    data = conv_step.InMemory(images, lambda image: torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()))
    assert len(data) == 3
    for index in range(3):
        pixels, label = data[index]
        assert np.array_equal(pixels.numpy(), images.images[index]) and label == images.labels[index]
