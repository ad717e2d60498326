"""Tables of numbers as data: rows of features, and what is to be predicted of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lth_core.data.splits import SPLITS, DataError, hold_out
from lth_core.metrics import counted
from lth_core.randomness import random_generator

VALIDATION, TEST = 0.1, 0.2
"""The shares of the rows that `split_points` holds out."""


@dataclass(frozen=True)
class Rows:
    """Features (N, D), and targets (N,) or (N, K): numbers to predict, or classes as integers from 0.

    Targets that are numbers become float32, integers and truth values int64. Features are float64, until they are
    standardised: float32 would not tell dates apart. Raises DataError for what is no array of numbers.
    """

    features: np.ndarray
    targets: np.ndarray

    def __post_init__(self) -> None:
        features, targets = _numbers("features", self.features), _numbers("targets", self.targets)
        kind = np.float32 if np.issubdtype(targets.dtype, np.floating) else np.int64
        object.__setattr__(self, "features", features.astype(np.float64))
        object.__setattr__(self, "targets", targets.astype(kind))

    def take(self, indices: np.ndarray) -> Rows:
        """Take the rows at the indices, in that order."""
        return Rows(self.features[indices], self.targets[indices])


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # rows of several lengths, a tensor of a GPU
        raise DataError(f"{name} must be one array of numbers ({' '.join(str(error).split())})") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} must be numbers, not {array.dtype}: encode what is text, and fill in what is missing")
    return array


@dataclass(frozen=True)
class Points:
    """A table in three splits. `source` says in captions what it is.

    Networks see features that are standardised, each by its mean and standard deviation in the training split. Targets
    stay in their unit. Raises DataError when the splits are empty, disagree in shape or type, or have values that are
    not finite, or negative classes.
    """

    train: Rows
    validation: Rows
    test: Rows
    source: str
    kind: ClassVar[str] = "points"

    def __post_init__(self) -> None:
        for name in SPLITS:
            rows = getattr(self, name)
            if not isinstance(rows, Rows):
                kind = type(rows).__name__
                raise DataError(f"{self.source}: the {name} split must be Rows(features, targets), not {kind}")
        for name in SPLITS:
            if problem := self._problem(getattr(self, name)):
                raise DataError(f"{self.source}: the {name} split {problem}")

    def _problem(self, rows: Rows) -> str | None:
        features, targets, first = rows.features, rows.targets, self.train
        if features.ndim != 2 or not features.shape[1]:
            return f"must have features of shape (N, D), not {features.shape}"
        if not len(features):
            return "is empty"
        if targets.ndim not in (1, 2) or len(targets) != len(features) or not targets.size:
            return (
                f"needs targets (N,) or (N, K) for its {counted(len(features), 'rows')}, not of shape {targets.shape}"
            )
        one, other = ((part.features.shape[1:], *_kind(part.targets)) for part in (rows, first))
        if one != other:
            return f"has {_described(rows)}, the train split {_described(first)}"
        if not (np.isfinite(features).all() and np.isfinite(targets).all()):
            return "has values that are not finite numbers: fill them in, or leave their rows out"
        if targets.dtype == np.int64 and targets.min() < 0:
            return f"has class {targets.min()}: integer targets are classes from 0; make them float to predict numbers"
        return None

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays of the data file: {split}_features, standardised, in float32, and {split}_targets."""
        mean, std = self._statistics()
        tensors = {}
        for name in SPLITS:
            rows = getattr(self, name)
            tensors[f"{name}_features"] = ((rows.features - mean) / std).astype(np.float32)
            tensors[f"{name}_targets"] = rows.targets
        return tensors

    def facts(self) -> dict[str, Any]:
        """Return the header of the data file; `mean` and `std` per feature tell what its features were standardised by.

        `targets` is K, or 1; `classes` is there where targets are integers.
        """
        targets = [getattr(self, name).targets for name in SPLITS]
        mean, std = self._statistics()
        return {
            "kind": self.kind,
            "source": self.source,
            "features": self.train.features.shape[1],
            "targets": targets[0].shape[1] if targets[0].ndim == 2 else 1,
            "mean": mean.tolist(),
            "std": std.tolist(),
        } | ({"classes": int(max(part.max() for part in targets)) + 1} if targets[0].dtype == np.int64 else {})

    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation per feature of the training split; that of a constant one is 1."""
        features = self.train.features
        constant = (features == features[0]).all(axis=0)
        mean, std = np.where(constant, features[0], features.mean(axis=0)), features.std(axis=0)
        return mean, np.where(constant, 1.0, std)


def _kind(targets: np.ndarray) -> tuple[Any, ...]:
    return targets.shape[1:], targets.dtype


def _described(rows: Rows) -> str:
    shape = ", ".join(["N", *map(str, rows.targets.shape[1:])])
    return f"{counted(rows.features.shape[1], 'features')} and {rows.targets.dtype} targets of shape ({shape})"


def split_points(features: Any, targets: Any, source: str) -> Points:
    """Split a table at random: 70% of the rows to train on, 10% for validation, 20% for test; always the same rows.

    Where targets are classes, every class has its share of each split. Raises DataError for a table that cannot be
    split or learned from.
    """
    try:
        rows = Rows(features, targets)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    count = len(rows.features) if rows.features.ndim else 0
    if rows.targets.shape[:1] != (count,):
        raise DataError(f"{source}: {count} rows of features need as many targets, not {rows.targets.shape}")
    held = [round(share * count) for share in (TEST, VALIDATION)]
    if not all(held):
        few = f"{counted(count, 'rows')} {'is' if count == 1 else 'are'} too few"
        raise DataError(f"{source}: {few} for three splits: give 10 or more")
    strata = rows.targets if rows.targets.dtype == np.int64 and rows.targets.ndim == 1 else np.zeros(count, np.int64)
    rest, test = hold_out(strata, held[0], random_generator(0, "split", "points", "test"), stratified=True)
    rng = random_generator(0, "split", "points", "validation")
    kept, validation = hold_out(strata[rest], held[1], rng, stratified=True)
    return Points(rows.take(rest[kept]), rows.take(rest[validation]), rows.take(test), source)
