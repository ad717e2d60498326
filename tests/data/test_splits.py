"""Splits are fixed, exact, disjoint and stratified where they say so; normalization comes from training pixels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.data.sets.digits import digits
from lth_core.data.splits import DataError, Images, Splits, channel_statistics, hold_out
from lth_core.randomness import random_generator
from lth_core.registry import dataset


@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=80), data=st.data(), stratified=st.booleans())
def test_hold_out_divides_the_examples_exactly(labels: list[int], data: st.DataObject, stratified: bool) -> None:
    count = data.draw(st.integers(1, len(labels) - 1))
    kept, held = hold_out(np.array(labels), count, random_generator(0, "split", "x"), stratified)
    assert len(held) == count
    assert sorted([*kept, *held]) == list(range(len(labels)))
    assert list(kept) == sorted(kept) and list(held) == sorted(held)
    again = hold_out(np.array(labels), count, random_generator(0, "split", "x"), stratified)
    assert np.array_equal(again[1], held)


@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=80), data=st.data())
def test_stratified_hold_out_takes_each_class_in_proportion_to_within_one(
    labels: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(labels) - 1))
    _, held = hold_out(np.array(labels), count, random_generator(0, "split", "x"), stratified=True)
    taken = Counter(labels[index] for index in held)
    for label, size in Counter(labels).items():
        assert abs(taken[label] - size * count / len(labels)) < 1


def test_hold_out_is_random_within_a_class() -> None:
    labels = np.zeros(100, dtype=np.int64)
    first, second = (hold_out(labels, 50, random_generator(0, "split", name), stratified=True)[1] for name in "ab")
    assert list(first) != list(range(50)) and list(first) != list(second)


@pytest.mark.parametrize("count", [0, -1, 10, 11])
def test_hold_out_leaves_neither_part_empty(count: int) -> None:
    with pytest.raises(DataError, match=f"cannot hold {count} examples out of 10"):
        hold_out(np.zeros(10, dtype=np.int64), count, random_generator(0, "split", "x"))


def test_digits_are_1257_180_360_different_real_images_stratified_by_class() -> None:
    from sklearn.datasets import load_digits

    splits = digits()
    parts = [splits.train, splits.validation, splits.test]
    assert [part.images.shape for part in parts] == [(1257, 1, 8, 8), (180, 1, 8, 8), (360, 1, 8, 8)]
    together = Counter(
        (label, image.tobytes()) for part in parts for label, image in zip(part.labels, part.images, strict=True)
    )
    real = load_digits()
    assert together == Counter(
        (label, image.astype(np.uint8).tobytes()) for label, image in zip(real.target, real.images, strict=True)
    )
    shares = np.bincount(real.target) / 1797
    for part in parts:
        assert np.abs(np.bincount(part.labels) - shares * len(part.labels)).max() < 2  # two hold-outs, each within one


def test_what_is_said_of_digits_before_reading_them_is_true() -> None:
    splits = digits()
    images = splits.train.images
    known = {"train_examples": len(images), "input_shape": images.shape[1:], "classes": splits.classes}
    assert dataset.facts("digits") == known


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_statistics_are_those_of_each_channel(kind: type) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 5, 4)).astype(kind)
    mean, std = channel_statistics(images)
    for channel in range(3):
        pixels = images[:, channel].astype(np.float64)
        assert mean[channel] == pytest.approx(pixels.mean(), rel=1e-12)
        assert std[channel] == pytest.approx(pixels.std(), rel=1e-12)


def test_statistics_of_large_images_are_summed_in_pieces() -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 1, 1500, 1000)).astype(np.uint8)  # pieces of 2
    mean, std = channel_statistics(images)
    assert (mean[0], std[0]) == (pytest.approx(images.mean()), pytest.approx(images.std()))


def test_a_constant_channel_is_not_divided_by_zero() -> None:
    assert channel_statistics(np.full((3, 1, 2, 2), 7, dtype=np.uint8)) == ([7.0], [1.0])


def some(examples: int = 2, shape: tuple[int, ...] = (1, 2, 2), kind: type = np.uint8, labels: object = None) -> Images:
    default = np.zeros(examples, dtype=np.int64)
    return Images(np.ones((examples, *shape), dtype=kind), default if labels is None else np.array(labels))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": some(0)}, "pets: the train split is empty"),
        ({"test": some(0)}, "pets: the test split is empty"),
        ({"train": some(kind=np.float64)}, "the train split must be uint8 or float32 of shape"),
        ({"train": some(shape=(2, 2))}, "the train split must be uint8 or float32 of shape"),
        ({"test": (np.ones((2, 1, 2, 2)), [0, 1])}, "the test split must be Images(images, labels), not tuple"),
        ({"test": some(shape=(1, 3, 2))}, "the test split has uint8 images (1, 3, 2), the train split uint8 (1, 2, 2)"),
        ({"test": some(kind=np.float32)}, "the test split has float32 images"),
        ({"validation": some(labels=[0])}, "one integer label for each of its 2 images, not int64 of shape (1,)"),
        ({"validation": some(labels=[0.0, 1.0])}, "one integer label for each of its 2 images, not float64"),
        ({"validation": some(labels=[0, 3])}, "has labels 0..3, but 3 classes are labelled 0..2"),
        ({"train": some(labels=[-1, 0])}, "has labels -1..0"),
    ],
)
def test_inconsistent_splits_are_refused_in_one_line(changed: dict[str, Images], message: str) -> None:
    good = {"train": some(), "validation": some(1), "test": some(3, labels=[0, 1, 2])}
    Splits(**good, classes=3, source="pets")
    with pytest.raises(DataError) as caught:
        Splits(**(good | changed), classes=3, source="pets")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_pixels_that_are_not_numbers_are_refused() -> None:
    broken = some(kind=np.float32)
    broken.images[0, 0, 0, 0] = np.nan
    with pytest.raises(DataError, match="the train split has pixels that are not finite numbers"):
        Splits(broken, some(kind=np.float32), some(kind=np.float32), classes=3, source="pets")


def test_a_number_of_classes_that_is_no_number_is_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"^pets: classes must be a whole number, not list$"):
        Splits(some(), some(), some(), ["ant", "bee"], "pets")  # pyright: ignore[reportArgumentType]


def test_labels_may_be_a_list() -> None:
    piece = Images(np.ones((3, 1, 2, 2), np.uint8), [0, 1, 0])  # pyright: ignore[reportArgumentType]
    arrays = Splits(piece, piece.take(np.array([2])), piece, 2, "pets").tensors()
    assert arrays["train_labels"].tolist() == [0, 1, 0] and arrays["validation_labels"].tolist() == [0]


def test_labels_that_are_no_array_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"^labels must be one array of numbers \(.*\)$"):
        Images(np.ones((2, 1, 2, 2), np.uint8), [0, [1, 2]])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_splits_whose_pixels_are_all_equal_are_refused(split: str) -> None:
    ramp = Images(np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2), np.array([0, 1]))
    parts = dict.fromkeys(("train", "validation", "test"), ramp)
    Splits(**parts, classes=2, source="pets").facts()
    black = Images(np.zeros_like(ramp.images), ramp.labels)
    with pytest.raises(DataError, match=f"pets: the {split} split shows nothing: all its pixels are 0.0;"):
        Splits(**parts | {split: black}, classes=2, source="pets").facts()
