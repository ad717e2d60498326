"""Images that stay in their files: what is cut out of them, who gets them, and how much is in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torchvision.transforms import RandomResizedCrop

from lth_core.config import Recipe
from lth_core.data.crops import random_box
from lth_core.data.files import decode, decode_crop
from lth_core.data.reading import open_data
from lth_core.data.splits import DataError
from lth_core.jobs.prepare_data import prepare
from lth_core.randomness import random_generator
from lth_core.runtime.shares import ALONE, Share
from lth_core.tasks.base import Examples
from lth_core.tasks.opening import build_task

SIZE = 8
SHARES = [Share(rank, 3) for rank in range(3)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of pictures: 22 to train with, 4 to test with; and the data files made of them."""
    folder, rng = tmp_path_factory.mktemp("streaming"), np.random.default_rng(0)
    for part, count in (("train", 11), ("test", 2)):
        for name in ("ant", "bee"):
            target = folder / "pets" / part / name
            target.mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, [(SIZE, SIZE, 3), (40, 24, 3)][index % 2], dtype=np.uint8)
                Image.fromarray(pixels).save(target / f"{index}.{['png', 'jpg'][index % 2]}", quality=95)
    for name in ("stored", "streamed"):
        source = {"name": "image-folder", "path": "pets", "size": SIZE, "resize": 10, "validation": 6}
        output = folder / f"{name}.safetensors"
        prepare(name, {"source": source | {"stream": name == "streamed"}}, str(folder), str(output))
    return folder


def minibatches(
    root: Path, name: str, augment: str, share: Share = ALONE, first: int = 0, last: int = 4
) -> list[Examples]:
    recipe = Recipe(
        optimizer={"name": "sgd", "learning_rate": 1}, batch_size=6, steps=9, evaluate_every=1, augment=augment
    )
    data = open_data(root / f"{name}.safetensors", "cpu", share)
    task = build_task(nn.Identity(), data, recipe, torch.device("cpu"))
    return list(task.minibatches([5, 7], 0, first, last))


def same(first: Examples, second: Examples) -> bool:
    return torch.equal(first.inputs, second.inputs) and torch.equal(first.targets, second.targets)


# ---------------------------------------------------------------- parts of pictures


@given(st.integers(1, 600), st.integers(1, 600), st.integers(0, 10**6))
def test_a_random_part_lies_in_the_picture_and_is_a_function_of_the_stream(width: int, height: int, seed: int) -> None:
    left, top, right, bottom = box = random_box(width, height, random_generator(seed, "augment"))
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert random_box(width, height, random_generator(seed, "augment")) == box


def test_parts_are_distributed_as_torchvisions() -> None:
    actual = np.array([random_box(400, 300, random_generator(seed, "augment")) for seed in range(3000)])
    picture, aspects = torch.empty(1, 300, 400), [3 / 4, 4 / 3]
    drawn = np.array([RandomResizedCrop.get_params(picture, [0.08, 1.0], aspects) for _ in range(3000)])
    expected = np.stack([drawn[:, 1], drawn[:, 0], drawn[:, 1] + drawn[:, 3], drawn[:, 0] + drawn[:, 2]], axis=1)
    for moment in (np.mean, np.std):
        np.testing.assert_allclose(moment(actual, axis=0), moment(expected, axis=0), rtol=0.1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / (400 * 300) for boxes in (actual, expected)]
    np.testing.assert_allclose(*[np.quantile(area, [0, 0.1, 0.5, 0.9, 1]) for area in areas], atol=0.04)


def test_wide_parts_are_as_frequent_as_high_ones() -> None:
    boxes = np.array([random_box(300, 300, random_generator(seed, "augment")) for seed in range(3000)])
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    assert abs(np.log(width / height).mean()) < 0.01


def test_of_a_narrow_picture_the_middle_is_taken() -> None:
    assert random_box(1000, 10, random_generator(0, "augment")) == (493, 0, 506, 10)
    assert random_box(10, 1000, random_generator(0, "augment")) == (0, 493, 10, 506)


def flips(seed: int, path: Path) -> bool:
    """Whether the stream says so, after the part."""
    draws = random_generator(seed, "augment")
    random_box(*Image.open(path).size, draws)
    return bool(draws.integers(0, 2))


@pytest.mark.parametrize("grey", [False, True])
def test_a_part_is_resized_and_flipped(tmp_path: Path, grey: bool) -> None:
    path = tmp_path / "it.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)).save(path)
    for seed in range(4):
        part = (
            Image.open(path)
            .convert("L" if grey else "RGB")
            .crop(random_box(120, 90, random_generator(seed, "augment")))
        )
        expected = np.asarray(part.resize((SIZE, SIZE), Image.Resampling.BILINEAR)).reshape(SIZE, SIZE, -1)
        expected = expected[:, ::-1] if flips(seed, path) else expected
        actual = decode_crop(str(path), SIZE, grey, random_generator(seed, "augment"))
        assert np.array_equal(actual, expected.transpose(2, 0, 1))
    assert len({flips(seed, path) for seed in range(4)}) == 2


def smooth_picture(path: Path) -> np.ndarray:
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8))
    picture = coarse.resize((400, 300), Image.Resampling.BICUBIC)
    picture.save(path, quality=95)
    return np.asarray(picture)


def test_a_part_of_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(tmp_path: Path) -> None:
    smooth_picture(tmp_path / "it.jpg")
    Image.open(tmp_path / "it.jpg").save(tmp_path / "it.png")
    for seed in range(4):
        quick, whole = (
            decode_crop(str(tmp_path / name), 32, True, random_generator(seed, "augment")).astype(int)
            for name in ("it.jpg", "it.png")
        )
        assert np.abs(quick - whole).mean() < 3


def test_evaluation_sees_the_middle_of_the_resized_picture(tmp_path: Path) -> None:
    smooth_picture(tmp_path / "it.png")
    resized = np.asarray(Image.open(tmp_path / "it.png").resize((100, 75), Image.Resampling.BILINEAR))
    expected = resized[(75 - 64) // 2 :, (100 - 64) // 2 :][:64, :64].astype(int)
    actual = decode(str(tmp_path / "it.png"), 64, grey=True, resize=75)[0]
    assert np.abs(actual - expected).mean() < 3 and actual.shape == (64, 64)  # half a pixel is left of odd margins


# ---------------------------------------------------------------- minibatches


@pytest.mark.parametrize("augment", ["none", "crop-flip"])
def test_streamed_minibatches_are_those_from_memory(root: Path, augment: str) -> None:
    stored, streamed = (minibatches(root, name, augment) for name in ("stored", "streamed"))
    assert len(stored) == 4 and all(map(same, stored, streamed))


@pytest.mark.parametrize(("name", "augment"), [("stored", "crop-flip"), ("streamed", "resized-crop-flip")])
def test_an_example_looks_the_same_whichever_process_has_it(root: Path, name: str, augment: str) -> None:
    whole = minibatches(root, name, augment)
    for share in SHARES:
        for part, batch in zip(minibatches(root, name, augment, share), whole, strict=True):
            assert part.inputs.shape == (2, 2, 3, SIZE, SIZE)
            assert torch.equal(part.inputs, batch.inputs[:, share.slice])
            assert torch.equal(part.targets, batch.targets[:, share.slice])


def test_a_step_looks_the_same_wherever_training_begins_and_no_two_are_alike(root: Path) -> None:
    whole = minibatches(root, "streamed", "resized-crop-flip")
    assert all(map(same, whole[2:], minibatches(root, "streamed", "resized-crop-flip", first=2)))
    pictures = torch.cat([batch.inputs.flatten(0, 1) for batch in whole])
    assert len(pictures.unique(dim=0)) == len(pictures)


def test_parts_need_the_pictures_files(root: Path) -> None:
    with pytest.raises(DataError, match=r"cut from their files: set 'stream: true'"):
        minibatches(root, "stored", "resized-crop-flip")


@pytest.mark.parametrize("name", ["stored", "streamed"])
def test_shares_of_an_evaluation_are_all_of_it(root: Path, name: str) -> None:
    pieces = [np.arange(4), np.arange(3), np.array([2])]
    shares = [list(open_data(root / f"{name}.safetensors", "cpu", share).batches("test", pieces)) for share in SHARES]
    assert [[len(images) for images, _ in share] for share in shares] == [[2, 1, 1], [1, 1], [1, 1]]


# ---------------------------------------------------------------- large sets


def test_only_two_minibatches_of_each_worker_are_in_memory(root: Path) -> None:
    asked = []

    def endless() -> Any:
        while True:
            asked.append(len(asked))
            yield np.arange(4)

    batches = open_data(root / "streamed.safetensors").batches("train", endless())
    for taken in range(1, 4):
        next(batches)
        assert len(asked) <= taken + 2 * torch.get_num_threads()


def test_what_is_scored_is_read_from_files_too(root: Path) -> None:
    """As many examples of each class, the same whether pixels are in the data file or decoded."""

    def scored(name: str) -> list[Examples]:
        recipe = Recipe.model_validate(
            {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
        )
        task = build_task(nn.Identity(), open_data(root / f"{name}.safetensors"), recipe, torch.device("cpu"))
        return task.scored_batches(3, 4, 5)

    stored, streamed = scored("stored"), scored("streamed")
    assert [batch.targets.tolist() for batch in streamed] == [[0] * 4, [1] * 4]
    assert all(torch.equal(one.inputs, other.inputs) for one, other in zip(stored, streamed, strict=True))
