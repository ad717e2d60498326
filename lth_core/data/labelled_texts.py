"""Texts with labels as data: each is a row of tokens, padded to one length, and a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lth_core.data.splits import SPLITS, DataError, hold_out
from lth_core.metrics import counted
from lth_core.randomness import random_generator

VALIDATION, TEST = 0.1, 0.2
"""The shares of the texts that `split_labelled_texts` holds out."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts in three splits of (tokens (N, context), labels (N,)). `source` says in captions what they are.

    Tokens lie in 0..vocabulary - 1; short texts are padded by the token `padding`. Labels are positions in `classes`.
    Raises DataError when a split is empty, or has tokens or labels outside these.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: list[str]
    vocabulary: int
    padding: int
    source: str
    kind: ClassVar[str] = "labelled-texts"

    def __post_init__(self) -> None:
        for name in SPLITS:
            tokens, labels = getattr(self, name)
            if problem := self._problem(tokens, labels):
                raise DataError(f"{self.source}: the {name} split {problem}")

    def _problem(self, tokens: np.ndarray, labels: np.ndarray) -> str | None:
        if tokens.ndim != 2 or len(tokens) != len(labels) or not tokens.size:
            return f"must have tokens (N, context) and N labels, not of shapes {tokens.shape} and {labels.shape}"
        if tokens.min() < 0 or tokens.max() >= self.vocabulary:
            last = self.vocabulary - 1
            return f"has tokens {tokens.min()}..{tokens.max()}, but those of the vocabulary are 0..{last}"
        if labels.min() < 0 or labels.max() >= len(self.classes):
            return f"has labels {labels.min()}..{labels.max()} for {counted(len(self.classes), 'classes')}"
        return None

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays of the data file: {split}_tokens, int32, and {split}_labels, int64."""
        tensors = {}
        for name in SPLITS:
            tokens, labels = getattr(self, name)
            tensors |= {f"{name}_tokens": tokens.astype(np.int32), f"{name}_labels": labels.astype(np.int64)}
        return tensors

    def facts(self) -> dict[str, Any]:
        """Return the header of the data file; `labels` names the classes."""
        return {
            "kind": self.kind,
            "source": self.source,
            "vocabulary": self.vocabulary,
            "context": self.train[0].shape[1],
            "classes": len(self.classes),
            "labels": self.classes,
            "padding": self.padding,
        }


def split_labelled_texts(
    tokens: np.ndarray, labels: list[str], vocabulary: int, padding: int, source: str
) -> LabelledTexts:
    """Split texts at random: 70% to train on, 10% for validation, 20% for test; every class has its share of each.

    Always the same texts. Raises DataError for too few texts or classes.
    """
    check_labels(labels, source)
    classes, positions = np.unique(labels, return_inverse=True)
    held = [round(share * len(labels)) for share in (TEST, VALIDATION)]
    rest, test = hold_out(positions, held[0], random_generator(0, "split", "labelled-texts", "test"), stratified=True)
    rng = random_generator(0, "split", "labelled-texts", "validation")
    kept, validation = hold_out(positions[rest], held[1], rng, stratified=True)

    def taken(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return tokens[index], positions[index]

    parts = taken(rest[kept]), taken(rest[validation]), taken(test)
    return LabelledTexts(*parts, classes.tolist(), vocabulary, padding, source)


def check_labels(labels: Sequence[str], source: str) -> None:
    """Check that texts with these labels can be split. Raises DataError for too few texts, too few or many classes."""
    classes = len({*labels})
    have = f"{source}: {counted(len(labels), 'texts')} of {counted(classes, 'classes')}"
    if classes < 2 or not all(round(share * len(labels)) for share in (TEST, VALIDATION)):
        raise DataError(f"{have}: give 10 or more, of 2 or more")
    if 2 * classes > len(labels):
        raise DataError(f"{have}: labels name classes, of several texts each: is another column the label?")
