"""Transforms: a data set made from another one (a part of it, other labels, other pixels), by name.

They apply in the config's order, once, when the data file is prepared, before normalization is measured. Each is
registered with `changes`: what it makes of the facts known before anything is read (any of classes, input_shape,
train_examples), raising DataError when they show that it cannot work. Those that look at labels alone also take image
folders whose pixels stay in their files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PositiveInt

from lth_core.data.folder import Files, StreamedSplits
from lth_core.data.splits import SPLITS, DataError, Images, Splits, hold_out
from lth_core.registry import transform

AnySplits = Splits | StreamedSplits
Facts = dict[str, Any]


# ---------------------------------------------------------------- fewer examples


def _subset_facts(facts: Facts, examples: int) -> Facts:
    if examples > facts.get("train_examples", examples):
        raise DataError(f"subset: {examples} examples are more than the {facts['train_examples']} in the train split")
    return facts | {"train_examples": examples}


@transform("subset", changes=_subset_facts)
def subset(splits: AnySplits, rng: np.random.Generator, examples: PositiveInt) -> AnySplits:
    """`examples` random images of the training split, every class with its share; validation and test stay whole."""
    train = splits.train
    _subset_facts({"train_examples": len(train.labels)}, examples)
    if examples < len(train.labels):
        _, chosen = hold_out(train.labels, examples, rng, stratified=True)
        train = train.take(chosen)
    return replace(splits, train=train, source=f"{splits.source}, {examples:,} of them to train on")


def _half_facts(facts: Facts, part: str) -> Facts:
    if "train_examples" not in facts:
        return facts
    return facts | {"train_examples": (facts["train_examples"] + (part == "a")) // 2}


@transform("half", changes=_half_facts)
def half(splits: AnySplits, part: Literal["a", "b"]) -> AnySplits:
    """Half of the training and of the validation images; a and b share none and leave none out. Test stays whole.

    Images of one class go to a and b in turns, as Morcos et al. 2019 divide CIFAR-10.
    """
    train, validation = (_alternate(piece, first=part == "a") for piece in (splits.train, splits.validation))
    return replace(splits, train=train, validation=validation, source=f"{splits.source}, half {part} of those to train")


def _alternate(piece: Images | Files, first: bool) -> Images | Files:
    """Every other example of the examples sorted by class: of each class half of them, to the nearest example."""
    by_class = np.argsort(piece.labels, kind="stable")
    return piece.take(np.sort(by_class[0 if first else 1 :: 2]))


def _half_of_classes(classes: int, part: str) -> range:
    first = (classes + 1) // 2
    return range(first) if part == "first" else range(first, classes)


def _class_half_facts(facts: Facts, part: str) -> Facts:
    known = {key: value for key, value in facts.items() if key != "train_examples"}  # their number depends on the class
    if "classes" in known:
        known["classes"] = len(_half_of_classes(facts["classes"], part))
        if known["classes"] < 2:
            raise DataError(f"class-half: the {part} half of {facts['classes']} classes is one: two are needed")
    return known


@transform("class-half", changes=_class_half_facts)
def class_half(splits: AnySplits, part: Literal["first", "second"]) -> AnySplits:
    """The first or the second half of the classes in all splits, labelled from 0; `first` has more of an odd number."""
    _class_half_facts({"classes": splits.classes}, part)
    chosen = _half_of_classes(splits.classes, part)

    def of_half(piece: Images | Files) -> Images | Files:
        kept = piece.take(np.flatnonzero((piece.labels >= chosen.start) & (piece.labels < chosen.stop)))
        return replace(kept, labels=kept.labels - chosen.start)

    source = f"{splits.source}, classes {chosen.start} to {chosen.stop - 1}"
    return replace(splits, **_each_split(splits, of_half), classes=len(chosen), source=source)


# ---------------------------------------------------------------- other labels


def _same(facts: Facts, **options: Any) -> Facts:
    return facts


@transform("random-labels", changes=_same)
def random_labels(
    splits: AnySplits, rng: np.random.Generator, fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
) -> AnySplits:
    """A random `fraction` of the training and validation labels, drawn anew uniformly over the classes.

    The test labels stay true: they say what a network learns beyond its random labels (by chance 1 / classes).
    """

    def redrawn(piece: Images | Files) -> Images | Files:
        count = round(fraction * len(piece.labels))
        labels = piece.labels.copy()
        labels[rng.permutation(len(labels))[:count]] = rng.integers(0, splits.classes, count)
        return replace(piece, labels=labels)

    what = "random labels" if fraction == 1 else f"{100 * fraction:g}% of the labels random"
    train, validation = redrawn(splits.train), redrawn(splits.validation)
    return replace(splits, train=train, validation=validation, source=f"{splits.source}, {what}")


def _rotation_facts(facts: Facts) -> Facts:
    _need_pixels("rotation", facts.get("streamed", False))
    _, height, width = facts.get("input_shape", (1, 1, 1))
    if height != width:
        raise DataError(f"rotation: images of {height}x{width} pixels must be square to be turned by 90 degrees")
    return facts | {"classes": 4}


@transform("rotation", changes=_rotation_facts)
def rotation(splits: AnySplits, rng: np.random.Generator) -> Splits:
    """Every image turned by 0, 90, 180 or 270 degrees, drawn once; its label is the number of quarter turns."""
    splits = _with_pixels("rotation", splits)
    _rotation_facts({"input_shape": splits.train.images.shape[1:]})

    def turned(piece: Images) -> Images:
        turns = rng.integers(0, 4, len(piece.labels))
        images = piece.images.copy()
        for turn in (1, 2, 3):
            images[turns == turn] = np.rot90(images[turns == turn], turn, axes=(2, 3))
        return Images(images, turns)

    return replace(splits, **_each_split(splits, turned), classes=4, source=f"{splits.source}, rotation as the class")


# ---------------------------------------------------------------- other pixels


def _blur_facts(facts: Facts, **options: Any) -> Facts:
    _need_pixels("blur", facts.get("streamed", False))
    return facts


@transform("blur", changes=_blur_facts)
def blur(splits: AnySplits, factor: Annotated[int, Field(ge=2)] = 4) -> Splits:
    """Images averaged over blocks of `factor` x `factor` pixels, then enlarged bilinearly to their old size.

    Where `factor` does not divide a side, its last block is smaller.
    """
    splits = _with_pixels("blur", splits)
    rows, columns = (_blurring(side, factor) for side in splits.train.images.shape[2:])

    def blurred(piece: Images) -> Images:
        images = np.empty_like(piece.images)
        for first in range(0, len(images), 1000):
            exact = rows @ piece.images[first : first + 1000].astype(np.float64) @ columns.T
            images[first : first + 1000] = np.rint(exact) if images.dtype == np.uint8 else exact
        return replace(piece, images=images)

    return replace(splits, **_each_split(splits, blurred), source=f"{splits.source}, blurred by a factor of {factor}")


def _blurring(side: int, factor: int) -> np.ndarray:
    """The matrix (side, side) that averages a line of pixels over blocks and interpolates between their centres."""
    pixels = np.arange(side)
    blocks = pixels[::factor, None] // factor == pixels // factor  # (blocks, pixels)
    averages = blocks / blocks.sum(axis=1, keepdims=True)
    centres = averages @ pixels
    return np.stack([np.interp(pixels, centres, block) for block in np.eye(len(centres))], axis=1) @ averages


# ---------------------------------------------------------------- parts


def _each_split(splits: AnySplits, change: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: change(getattr(splits, name)) for name in SPLITS}


def _with_pixels(name: str, splits: AnySplits) -> Splits:
    _need_pixels(name, isinstance(splits, StreamedSplits))
    return splits


def _need_pixels(name: str, streamed: bool) -> None:
    if streamed:
        problem = "needs the pixels, which 'stream: true' leaves in their files: set 'stream: false'"
        raise DataError(f"transform '{name}' {problem}")
