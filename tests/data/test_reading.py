"""A data file is mapped, not read; its batches are normalised with the training split's statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lth_core.data.reading import open_data
from lth_core.data.splits import Images, Splits
from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import write_tensors


def random_images(count: int, kind: type, seed: int) -> Images:
    rng = np.random.default_rng(seed)
    return Images(rng.integers(0, 256, (count, 2, 3, 4)).astype(kind), rng.integers(0, 5, count))


@pytest.fixture(params=[np.uint8, np.float32])
def splits(request: pytest.FixtureRequest) -> Splits:
    parts = [random_images(count, request.param, count) for count in (20, 7, 9)]
    return Splits(*parts, classes=5, source="noise: 36 3x4 images")


@pytest.fixture
def path(splits: Splits, tmp_path: Path) -> Path:
    write_tensors(tmp_path / "noise.safetensors", splits.tensors(), splits.facts())
    return tmp_path / "noise.safetensors"


def test_the_facts_of_the_header(path: Path) -> None:
    data = open_data(path)
    assert (data.classes, data.input_shape, data.source) == (5, (2, 3, 4), "noise: 36 3x4 images")
    assert [data.size(split) for split in ("train", "validation", "test")] == [20, 7, 9]


@pytest.mark.parametrize("shape", [(6,), (1,), (3, 4), (1, 5)])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_batch_has_the_shape_of_its_indices_and_training_statistics(
    shape: tuple[int, ...], split: str, splits: Splits, path: Path
) -> None:
    index = np.random.default_rng(1).integers(0, 7, shape)
    [(images, labels)] = open_data(path).batches(split, [index])
    train = splits.train.images.astype(np.float64)
    part = getattr(splits, split)
    expected = (part.images[index] - train.mean(axis=(0, 2, 3))[:, None, None]) / train.std(axis=(0, 2, 3))[
        :, None, None
    ]
    assert images.dtype == torch.float32 and labels.dtype == torch.int64
    assert images.shape == (*shape, 2, 3, 4)
    np.testing.assert_allclose(images.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(labels.numpy(), part.labels[index])


def test_normalised_training_pixels_have_mean_0_and_deviation_1(path: Path) -> None:
    [(images, _)] = open_data(path).batches("train", [np.arange(20)])
    assert torch.allclose(images.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-6)
    assert torch.allclose(images.std(dim=(0, 2, 3), correction=0), torch.ones(2), atol=1e-6)


def test_black_is_the_normalised_zero(path: Path) -> None:
    data = open_data(path)
    assert torch.equal(data.black, data.normalise(torch.zeros(2, 1, 1))[:, 0, 0])


def test_reading_twice_gives_the_same_batch(path: Path) -> None:
    data = open_data(path)
    first, second = (next(data.batches("test", [np.arange(9)]))[0] for _ in range(2))
    first.zero_()  # what a caller does to a batch does not reach the data
    assert torch.equal(second, next(data.batches("test", [np.arange(9)]))[0])


def test_index_batches_are_drawn_one_at_a_time(path: Path) -> None:
    drawn = []

    def endless():
        while True:
            drawn.append(np.arange(3))
            yield drawn[-1]

    next(open_data(path).batches("train", endless()))
    assert len(drawn) == 1


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists a process's mapped files")
def test_the_file_is_mapped_into_memory(path: Path) -> None:
    assert str(path) not in Path("/proc/self/maps").read_text()
    data = open_data(path)
    assert str(path) in Path("/proc/self/maps").read_text()
    assert data.size("train") == 20


def test_a_missing_or_truncated_file_is_one_line(path: Path, tmp_path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    for bad in (path, tmp_path / "none.safetensors"):
        with pytest.raises(ArtifactError) as caught:
            open_data(bad)
        assert str(bad) in str(caught.value) and "\n" not in str(caught.value)
