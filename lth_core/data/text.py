"""A text as a data set: its characters are the tokens, and each model learns to predict the next one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lth_core.data.splits import SPLITS, DataError
from lth_core.metrics import counted

HELD_OUT = 20
"""One of this many characters goes to validation, and as many to test: 90%, 5% and 5%."""
MOST_CHARACTERS = 2**16
"""That tokens of 16 bits can tell apart."""


@dataclass(frozen=True)
class Text:
    """A text in three splits of tokens (N,), uint8 or uint16: the position of each character in `vocabulary`.

    The vocabulary is that of the whole text, so that every split can be encoded. An example is a window of `context`
    + 1 tokens: the inputs are its first `context` tokens, the targets the tokens after each of them. The last
    target of a window is the first input of the next one. `source` says in captions what the text is.
    Raises DataError when a split is shorter than a window, or has tokens outside the vocabulary.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    vocabulary: str
    context: int
    source: str
    kind: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        if type(self.context) is not int or self.context < 1:
            raise DataError(f"{self.source}: context must be a positive whole number, not {self.context!r}")
        if problem := _vocabulary_problem(self.vocabulary):
            raise DataError(f"{self.source}: {problem}")
        for name in SPLITS:
            if problem := self._problem(np.asarray(getattr(self, name))):
                raise DataError(f"{self.source}: the {name} split {problem}")
            tokens = np.asarray(getattr(self, name)).astype(token_type(self.vocabulary))
            object.__setattr__(self, name, tokens)

    def _problem(self, tokens: np.ndarray) -> str | None:
        if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
            return f"must be integer tokens of shape (N,), not {tokens.dtype} of shape {tokens.shape}"
        if len(tokens) <= self.context:
            return f"has {counted(len(tokens), 'characters')}, but one window needs {self.context + 1}: give more text"
        if tokens.min() < 0 or tokens.max() >= len(self.vocabulary):
            last = len(self.vocabulary) - 1
            return f"has tokens {tokens.min()}..{tokens.max()}, but those of the vocabulary are 0..{last}"
        return None

    def examples(self, split: str) -> int:
        """Count the windows of a split."""
        return examples_of(len(getattr(self, split)), self.context)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays of the data file: {split}_tokens (N,)."""
        return {f"{name}_tokens": getattr(self, name) for name in SPLITS}

    def facts(self) -> dict[str, Any]:
        """Return the header of the data file; `checksum` is the SHA-256 sum of the whole text in UTF-8."""
        return {
            "kind": self.kind,
            "source": self.source,
            "vocabulary": len(self.vocabulary),
            "characters": self.vocabulary,
            "context": self.context,
            "checksum": self._checksum(),
        }

    def _checksum(self) -> str:
        digest, codes = hashlib.sha256(), _codes(self.vocabulary)
        for name in SPLITS:
            text = codes[getattr(self, name)].tobytes().decode("utf-32-le", "surrogatepass")
            digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def _vocabulary_problem(vocabulary: str) -> str | None:
    """Say what is wrong with a vocabulary, or None."""
    if len(vocabulary) < 2:
        return "a text needs two different characters or more: nothing could be predicted of it"
    if len(vocabulary) > MOST_CHARACTERS:
        return f"{len(vocabulary):,} different characters are more than {MOST_CHARACTERS:,}: give another text"
    if list(vocabulary) != sorted(set(vocabulary)):
        return "the vocabulary must be the different characters, sorted"
    return None


def token_type(vocabulary: str) -> type[np.uint8] | type[np.uint16]:
    """Return the smallest type that the tokens of a vocabulary fit."""
    return np.uint8 if len(vocabulary) <= 2**8 else np.uint16


def examples_of(characters: int, context: int) -> int:
    """Count the windows of `context` + 1 characters that overlap by one."""
    return (characters - 1) // context


def training_characters(characters: int) -> int:
    """Count the characters of a text that training gets."""
    return characters - 2 * (characters // HELD_OUT)


def facts_of_text(text: str, context: int, source: str) -> dict[str, Any]:
    """Tell of a text what is known of its data file, and how many examples it gives to train on.

    Raises DataError for a text that is empty, has a single distinct character, or is too short for a window in each
    split.
    """
    if not text:
        raise DataError(f"{source}: the text is empty")
    vocabulary = "".join(sorted(set(text)))
    if problem := _vocabulary_problem(vocabulary):
        raise DataError(f"{source}: {problem}")
    check_length(len(text), context, source)
    examples = examples_of(training_characters(len(text)), context) if context > 0 else 0
    return {
        "vocabulary": len(vocabulary),
        "characters": vocabulary,
        "context": context,
        "train_examples": examples,
    }


def check_length(characters: int, context: int, source: str) -> None:
    """Raise DataError unless a text of that many characters has a window in each split."""
    if characters < (needed := HELD_OUT * (context + 1)):
        short = f"{characters:,} characters are too few for context {context}, which needs {needed:,}"
        raise DataError(f"{source}: {short}: give more text, or a smaller context")


def split_text(text: str, context: int, source: str, vocabulary: str | None = None) -> Text:
    """Split a text by position: its first 90% to train on, then 5% each for validation and test.

    Not at random, because neighbouring windows have words in common. `vocabulary`, by default the text's characters,
    may have more: texts of one vocabulary can exchange weights. Raises DataError as `facts_of_text` does.
    """
    characters = facts_of_text(text, context, source)["characters"]
    tokens = np.concatenate([*_encoded(text, vocabulary or characters)])
    first = training_characters(len(text))
    train, validation, test = np.split(tokens, [first, first + len(text) // HELD_OUT])
    return Text(train, validation, test, vocabulary or characters, context, source)


def _encoded(text: str, vocabulary: str, step: int = 2**20) -> Iterator[np.ndarray]:
    """Go through the tokens of a text, some at a time, because a character takes four bytes in between."""
    codes = _codes(vocabulary)
    for start in range(0, len(text), step):
        yield np.searchsorted(codes, _codes(text[start : start + step])).astype(token_type(vocabulary))


def _codes(text: str) -> np.ndarray:
    """Return the Unicode numbers of characters, in plugins' texts of halves of surrogate pairs, too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
