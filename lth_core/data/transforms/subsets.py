"""Transforms to fewer examples, or fewer classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import PositiveInt

from lth_core.config.sections import Rate
from lth_core.data.files import Files
from lth_core.data.splits import DataError, Images, hold_out
from lth_core.data.variants import AnySplits, Facts, each_split
from lth_core.registry import transform


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


def _part_of(examples: int, fraction: float) -> int:
    if not 0 < (part := round(fraction * examples)) < examples:
        raise DataError(
            f"random-part: {fraction:g} of {examples} training examples are {part}: choose another fraction"
        )
    return part


def _random_part_facts(facts: Facts, fraction: float) -> Facts:
    if "train_examples" not in facts:
        return facts
    return facts | {"train_examples": _part_of(facts["train_examples"], fraction)}


@transform("random-part", changes=_random_part_facts)
def random_part(splits: AnySplits, rng: np.random.Generator, fraction: Rate) -> AnySplits:
    """A random `fraction` of the training images, whatever their classes; validation and test stay whole."""
    labels = splits.train.labels
    _, chosen = hold_out(labels, _part_of(len(labels), fraction), rng)
    source = f"{splits.source}, a random {100 * fraction:g}% of the training examples"
    return replace(splits, train=splits.train.take(chosen), source=source)


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
    return replace(
        splits, train=train, validation=validation, source=f"{splits.source}, half {part} of the training examples"
    )


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
    return replace(splits, **each_split(splits, of_half), classes=len(chosen), source=source)
