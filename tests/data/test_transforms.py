"""Data sets made from others: exactly which examples, labels and pixels each transform gives, and what it refuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.data.files import Files, StreamedSplits
from lth_core.data.splits import SPLITS, DataError, Images, Splits
from lth_core.randomness import random_generator
from lth_core.registry import transform

NAMES = ["blur", "class-half", "half", "random-labels", "random-part", "rotation", "subset"]


def numbered(labels: list[int], start: int = 0, side: int = 4) -> Images:
    """Images that all differ, so that each can be told from the others wherever it goes."""
    numbers = start + np.arange(len(labels))
    random = np.random.default_rng(start)
    images = random.integers(0, 200, (len(labels), 2, side, side)).astype(np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = numbers % 256, numbers // 256
    return Images(images, np.array(labels, dtype=np.int64))


def some_splits(classes: int = 3, each: int = 6, side: int = 4) -> Splits:
    def labels(count: int) -> list[int]:
        return [index % classes for index in range(count)]

    train, validation, test = each * classes, each * classes // 2, each * classes // 3
    return Splits(
        numbered(labels(train), side=side),
        numbered(labels(validation), 1000, side),
        numbered(labels(test), 2000, side),
        classes,
        "toys",
    )


def apply(name: str, splits: Any, key: int = 0, **options: Any) -> Any:
    return transform.call(name, {"splits": splits, "rng": random_generator(key, "transform", name)}, options)


def identities(piece: Images) -> list[tuple[int, bytes]]:
    return [(int(label), image.tobytes()) for label, image in zip(piece.labels, piece.images, strict=True)]


def same(first: Images, second: Images) -> bool:
    return np.array_equal(first.images, second.images) and np.array_equal(first.labels, second.labels)


def test_these_are_the_transforms() -> None:
    assert set(NAMES) <= set(transform.names())


# ---------------------------------------------------------------- subset


@given(
    labels=st.lists(st.integers(0, 3), min_size=2, max_size=60).filter(lambda actual: len(set(actual)) > 1),
    data=st.data(),
)
def test_a_subset_has_so_many_training_examples_with_every_class_at_its_share(
    labels: list[int], data: st.DataObject
) -> None:
    examples = data.draw(st.integers(1, len(labels)))
    whole = Splits(numbered(labels), numbered([0, 1], 1000), numbered([0, 1], 2000), 4, "toys")
    part = apply("subset", whole, examples=examples)
    assert len(part.train.labels) == examples
    assert set(identities(part.train)) <= set(identities(whole.train))
    taken = Counter(part.train.labels.tolist())
    for label, count in Counter(labels).items():
        assert abs(taken[label] - count * examples / len(labels)) < 1
    assert part.validation is whole.validation and part.test is whole.test


def test_a_subset_is_random_and_depends_on_its_stream_alone() -> None:
    whole = some_splits(each=30)
    first, again, other = (apply("subset", whole, key, examples=30) for key in (0, 0, 1))
    assert same(first.train, again.train) and not same(first.train, other.train)
    assert sorted(identities(first.train)) != sorted(identities(whole.train.take(np.arange(30))))


def test_a_subset_larger_than_the_whole_is_refused() -> None:
    with pytest.raises(DataError, match=r"^subset: 19 examples are more than the 18 in the train split$"):
        apply("subset", some_splits(), examples=19)


# ---------------------------------------------------------------- random-part


@pytest.mark.parametrize(("fraction", "count"), [(0.5, 30), (0.25, 15), (0.02, 1), (0.99, 59)])
def test_a_random_part_is_a_fraction_of_the_training_examples_alone(fraction: float, count: int) -> None:
    whole = some_splits(each=20)
    part = apply("random-part", whole, fraction=fraction)
    assert len(part.train.labels) == count and set(identities(part.train)) < set(identities(whole.train))
    assert same(part.validation, whole.validation) and same(part.test, whole.test)


def test_a_random_part_of_random_labels_has_the_labels_of_the_whole() -> None:
    whole = apply("random-labels", some_splits(each=20), fraction=0.5)
    part = apply("random-part", whole, fraction=0.5)
    assert set(identities(part.train)) < set(identities(whole.train))


# ---------------------------------------------------------------- halves


@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=61))
def test_example_halves_share_nothing_leave_nothing_out_and_divide_every_class(labels: list[int]) -> None:
    whole = Splits(numbered(labels), numbered(labels, 1000), numbered(labels, 2000), 5, "toys")
    a, b = apply("half", whole, part="a"), apply("half", whole, part="b")
    for name in ("train", "validation"):
        parts = [identities(getattr(half, name)) for half in (a, b)]
        assert not set(parts[0]) & set(parts[1])
        assert sorted(parts[0] + parts[1]) == sorted(identities(getattr(whole, name)))
        counts = [Counter(label for label, _ in part) for part in parts]
        assert all(abs(counts[0][label] - counts[1][label]) <= 1 for label in range(5))
        assert len(parts[0]) - len(parts[1]) == len(labels) % 2
    assert a.test is whole.test and b.test is whole.test
    assert (a.classes, b.classes) == (5, 5)


def test_halves_of_one_subset_are_disjoint_parts_of_it() -> None:
    whole = some_splits(each=20)
    part = apply("subset", whole, examples=31)
    halves = [apply("half", apply("subset", whole, examples=31), part=name) for name in "ab"]
    together = [one for half in halves for one in identities(half.train)]
    assert sorted(together) == sorted(identities(part.train))


@pytest.mark.parametrize(("classes", "first", "second"), [(4, [0, 1], [2, 3]), (5, [0, 1, 2], [3, 4])])
def test_class_halves_divide_the_classes_of_all_splits_and_relabel_from_0(
    classes: int, first: list[int], second: list[int]
) -> None:
    whole = some_splits(classes, each=9)
    for part, members in (("first", first), ("second", second)):
        half = apply("class-half", whole, part=part)
        assert half.classes == len(members)
        for name in SPLITS:
            piece, expected = getattr(half, name), getattr(whole, name)
            expected = expected.take(np.flatnonzero(np.isin(expected.labels, members)))
            assert np.array_equal(piece.images, expected.images)
            assert np.array_equal(piece.labels + members[0], expected.labels)


@pytest.mark.parametrize(("classes", "part"), [(2, "first"), (2, "second"), (3, "second")])
def test_a_half_of_one_class_is_refused(classes: int, part: str) -> None:
    with pytest.raises(DataError, match=f"^class-half: the {part} half of {classes} classes is one: two are needed$"):
        apply("class-half", some_splits(classes), part=part)


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_random_labels_are_uniform_on_a_fraction_of_the_training_and_validation_images(fraction: float) -> None:
    whole = some_splits(classes=5, each=2000, side=2)
    changed = apply("random-labels", whole, fraction=fraction)
    for name in ("train", "validation"):
        before, after = getattr(whole, name), getattr(changed, name)
        assert np.array_equal(before.images, after.images)
        share = (before.labels != after.labels).mean()  # a fifth of the redrawn labels is what it was
        assert share == pytest.approx(fraction * 4 / 5, abs=0.02)
        assert np.bincount(after.labels) / len(after.labels) == pytest.approx([1 / 5] * 5, abs=0.02)
    assert changed.test is whole.test


def test_all_labels_are_redrawn_unless_a_fraction_is_named() -> None:
    assert same(apply("random-labels", some_splits()).train, apply("random-labels", some_splits(), fraction=1.0).train)


def test_the_label_of_a_rotation_turns_the_image_back() -> None:
    whole = some_splits(each=40)
    turned = apply("rotation", whole)
    assert turned.classes == 4
    for name in SPLITS:
        before, after = getattr(whole, name).images, getattr(turned, name)
        assert set(after.labels) == {0, 1, 2, 3}
        for image, original, turns in zip(after.images, before, after.labels, strict=True):
            assert np.array_equal(np.rot90(image, -turns, axes=(1, 2)), original)


def test_a_quarter_turn_is_counterclockwise() -> None:
    turned = apply("rotation", some_splits(each=20))
    index = list(turned.train.labels).index(1)
    original = some_splits(each=20).train.images[index]
    assert np.array_equal(turned.train.images[index, :, :, 0], original[:, 0, ::-1])  # the top row is the left column


def test_images_that_are_not_square_have_no_rotations() -> None:
    oblong = Images(np.zeros((4, 1, 2, 3), np.uint8), np.array([0, 1, 0, 1]))
    with pytest.raises(DataError, match=r"^rotation: images of 2x3 pixels must be square"):
        apply("rotation", Splits(oblong, oblong, oblong, 2, "toys"))


# ---------------------------------------------------------------- pixels


def blurred(images: np.ndarray, factor: int) -> np.ndarray:
    piece = Images(images, np.arange(len(images)) % 2)
    return apply("blur", Splits(piece, piece, piece, 2, "toys"), factor=factor).test.images


@pytest.mark.parametrize(("side", "factor"), [(8, 4), (8, 2), (28, 4), (9, 3)])
def test_blur_is_pytorchs_average_pooling_and_bilinear_enlargement(side: int, factor: int) -> None:
    import torch
    from torch.nn import functional

    images = np.random.default_rng(1).random((3, 2, side, side)).astype(np.float32)
    small = functional.avg_pool2d(torch.from_numpy(images), factor)
    expected = functional.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)
    assert blurred(images, factor) == pytest.approx(expected.numpy(), abs=1e-6)


def test_blur_rounds_whole_numbers() -> None:
    images = np.zeros((2, 1, 2, 2), np.uint8)
    images[0, 0] = [[1, 2], [2, 2]]
    assert blurred(images, 2)[0].tolist() == [[[2, 2], [2, 2]]]  # of 1.75


@pytest.mark.parametrize("side", [5, 7, 10])
@pytest.mark.parametrize("factor", [2, 4, 99])
def test_blur_keeps_a_constant_image_whatever_its_size(side: int, factor: int) -> None:
    images = np.full((2, 1, side, side), 3.5, np.float32)
    assert blurred(images, factor) == pytest.approx(images)


def test_blur_leaves_labels_and_the_original_alone() -> None:
    whole, untouched = some_splits(), some_splits()
    changed = apply("blur", whole)
    assert np.array_equal(changed.train.labels, whole.train.labels)
    assert same(whole.train, untouched.train) and not same(whole.train, changed.train)


# ---------------------------------------------------------------- what is said beforehand

OPTIONS: dict[str, dict[str, Any]] = {
    "subset": {"examples": 7},
    "random-part": {"fraction": 0.4},
    "half": {"part": "b"},
    "class-half": {"part": "first"},
}


def facts_of(splits: Splits) -> dict[str, Any]:
    return {
        "classes": splits.classes,
        "input_shape": splits.train.images.shape[1:],
        "train_examples": len(splits.train.labels),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("classes", "each"), [(4, 6), (5, 7)])
def test_what_is_said_of_a_transform_before_reading_is_true_and_follows_from_what_is_known(
    name: str, classes: int, each: int
) -> None:
    splits, options = some_splits(classes, each), OPTIONS.get(name, {})
    changes, known = transform.facts(name)["changes"], facts_of(splits)
    said, true = changes(known, **options), facts_of(apply(name, splits, **options))
    assert said == {key: true[key] for key in said}
    assert set(known) - set(said) <= ({"train_examples"} if name == "class-half" else set())
    assert known == facts_of(splits)  # not changed in place
    assert set(changes({}, **options)) <= {"classes", "train_examples"}


@pytest.mark.parametrize(
    ("name", "facts", "options"),
    [
        ("subset", {"train_examples": 6}, {"examples": 7}),
        ("random-part", {"train_examples": 4}, {"fraction": 0.1}),
        ("class-half", {"classes": 3}, {"part": "second"}),
        ("rotation", {"input_shape": (1, 8, 9)}, {}),
    ],
)
def test_what_known_facts_show_to_be_impossible_is_refused_before_reading(
    name: str, facts: dict[str, Any], options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        transform.facts(name)["changes"](facts, **options)


@pytest.mark.parametrize("name", NAMES)
def test_the_source_says_what_was_done(name: str) -> None:
    source = apply(name, some_splits(4), **OPTIONS.get(name, {})).source
    assert source.startswith("toys, ") and "\n" not in source


# ---------------------------------------------------------------- image folders that stay in their files


def streamed() -> StreamedSplits:
    train, validation, test = (
        Files([f"{part}/{index}.png" for index in range(count)], np.arange(count) % 4)
        for part, count in (("train", 24), ("validation", 8), ("test", 8))
    )
    return StreamedSplits(train, validation, test, 4, "pets", "pets", size=4, resize=4, grey=False)


@pytest.mark.parametrize("name", ["rotation", "blur"])
def test_pixels_in_files_cannot_be_changed(name: str) -> None:
    with pytest.raises(DataError, match=f"^transform '{name}' needs the pixels, .*stream: false") as caught:
        apply(name, streamed())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["subset", "random-part", "half", "class-half", "random-labels"])
def test_files_are_chosen_and_labelled_as_images_in_memory_are(name: str) -> None:
    in_files = streamed()
    pieces = {part: numbered(getattr(in_files, part).labels.tolist()) for part in SPLITS}
    images = Splits(**pieces, classes=4, source="pets")
    options = OPTIONS.get(name, {})
    files, memory = apply(name, in_files, **options), apply(name, images, **options)
    for part in SPLITS:
        assert np.array_equal(getattr(files, part).labels, getattr(memory, part).labels)
        assert len(getattr(files, part).names) == len(getattr(memory, part).images)
    assert replace(files, train=in_files.train).classes == memory.classes
