"""Texts to learn the next character of: your own, English that every Python carries, and Shakespeare."""

from __future__ import annotations

import os
import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field, PositiveInt

from lth_core.data.downloads import find_or_fetch
from lth_core.data.splits import DataError
from lth_core.data.text import Text, check_length, examples_of, facts_of_text, split_text, training_characters
from lth_core.data.trees import below_root, files_below
from lth_core.registry import dataset

CONTEXT = 64
"""Characters that a window shows, by default."""


MOST_TO_PLAN = 2**24
"""Bytes of the largest text that planning reads, which then takes half a second."""

# ---------------------------------------------------------------- your own text


def watched_files(root: str, path: str, **_: Any) -> list[str]:
    """List the files of a text, below `root`: what the workflow watches."""
    top = os.path.join(root, path)
    try:
        files = list(files_below(top, top)) if os.path.isdir(top) else [top]
    except DataError:  # the job that reads the text says what is wrong
        files = [top]
    return [os.path.relpath(file, root) for file in files]


def known_of_text(path: str, context: int = CONTEXT, root: str | None = None, **_: Any) -> dict[str, Any]:
    """Return the facts that the options tell and, where `root` is known, the text, unless it is very large.

    Raises DataError as `text` does.
    """
    if root is None:
        return {"context": context}
    top = os.path.join(root, path)
    stamps = [(status.st_size, status.st_mtime_ns) for status in map(os.stat, filter(os.path.isfile, _files(top)))]
    if sum(size for size, _ in stamps) > MOST_TO_PLAN:
        return {"context": context}
    return dict(_facts(top, context, tuple(stamps)))


@cache
def _facts(top: str, context: int, stamps: tuple[tuple[int, int], ...]) -> dict[str, Any]:
    """The facts of a text, read once for each state of its files."""
    return facts_of_text(_whole(top), context, top)


@dataset("text", kind="text", watched=watched_files, known=known_of_text)
def text(root: str, path: Annotated[str, AfterValidator(below_root)], context: PositiveInt = CONTEXT) -> Text:
    """Read the characters of ROOT/PATH, a text file or a folder of them: the first 90% to train on, then 5% and 5%.

    The files of a folder, and of folders in it, are read in sorted order, one after the other; hidden ones are left
    out. They are UTF-8; a byte order mark is dropped, and the ends of lines become those of Unix. `context` is how many
    characters a window shows. The workflow notices files that are added, removed or changed.
    Raises DataError when there is no such file, one is not UTF-8, or the text is too short.
    """
    top = os.path.join(root, path)
    whole = _whole(top)
    facts_of_text(whole, context, top)
    return split_text(whole, context, f"{Path(top).name}: {len(whole):,} characters")


def _whole(top: str) -> str:
    files = _files(top)
    if not files:
        raise DataError(f"{top}: has no files: put text files into it")
    return "".join(map(_read, files))


def _files(top: str) -> list[str]:
    return sorted(files_below(top, top)) if os.path.isdir(top) else [top]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text (byte {error.start}): convert or remove it") from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}): put a text file or a folder of them there"
        ) from error


# ---------------------------------------------------------------- English that needs no download


def known_of_english(context: int = CONTEXT) -> dict[str, Any]:
    """Return the facts of the text of this Python. Raises DataError for a context that it is too short for."""
    return dict(_facts_of_topics(context))


@dataset("english", kind="text", known=known_of_english)
def english(context: PositiveInt = CONTEXT) -> Text:
    """Python's language reference: about 370,000 characters (Python 3.11) to 420,000 (3.13); bundled, no download.

    The topics of help() (`pydoc_data.topics`) differ between versions of Python: the header of the data file has the
    text's checksum. They are in the order of their names, whatever that of the dictionary. A paragraph that has
    occurred before is left out: topics such as `while` are parts of earlier ones, so that otherwise a sixth of the test
    split would be known word for word from training.
    """
    whole = help_topics()
    return split_text(whole, context, f"Python's help topics: {len(whole):,} characters")


@cache
def _facts_of_topics(context: int) -> dict[str, Any]:
    return facts_of_text(help_topics(), context, "Python's help topics")


@cache
def help_topics() -> str:
    """Return the topics of help(), in the order of their names, each paragraph once."""
    from pydoc_data.topics import topics

    paragraphs = (paragraph.strip("\n") for name in sorted(topics) for paragraph in topics[name].split("\n\n"))
    return "\n\n".join(filter(None, dict.fromkeys(paragraphs)))


# ---------------------------------------------------------------- Shakespeare

SHAKESPEARE = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHAKESPEARE_SUM = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_CHARACTERS = 1115394
SHAKESPEARE_VOCABULARY = "\n !$&',-.3:;?" + string.ascii_uppercase + string.ascii_lowercase


Passage: TypeAlias = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=2, max_length=2)]
WHOLE = (0.0, 1.0)


def known_of_shakespeare(context: int = CONTEXT, passage: Sequence[float] = WHOLE) -> dict[str, Any]:
    """Return the facts of a text that never changes. Raises DataError for a context or passage that is too short."""
    first, last = _bounds(SHAKESPEARE_CHARACTERS, passage)
    check_length(last - first, context, "Tiny Shakespeare")
    examples = examples_of(training_characters(last - first), context)
    known = {"vocabulary": len(SHAKESPEARE_VOCABULARY), "characters": SHAKESPEARE_VOCABULARY}
    return known | {"context": context, "train_examples": examples}


@dataset("shakespeare", kind="text", known=known_of_shakespeare)
def shakespeare(root: str, context: PositiveInt = CONTEXT, passage: Passage = [*WHOLE]) -> Text:  # noqa: B006
    """Tiny Shakespeare (Karpathy 2015): 1.1 million characters of his plays; read from ROOT/tinyshakespeare/input.txt.

    `passage` is the part to use, from one fraction of the text to another: [0, 0.5] is the first half. All passages
    have the vocabulary of the whole.
    Raises DataError when the file is missing and cannot be downloaded, is another one, or the passage is too short.
    """
    content = find_or_fetch(Path(root, "tinyshakespeare", "input.txt"), SHAKESPEARE, SHAKESPEARE_SUM)
    first, last = _bounds(len(content), passage)
    part = "" if last - first == len(content) else f", from {passage[0]:g} to {passage[1]:g} of the text"
    source = f"Tiny Shakespeare: {last - first:,} characters{part}"
    return split_text(content.decode()[first:last], context, source, SHAKESPEARE_VOCABULARY)


def _bounds(characters: int, passage: Sequence[float]) -> tuple[int, int]:
    """Return where a passage begins and ends. Raises DataError unless it ends after its begin."""
    first, last = (round(characters * fraction) for fraction in passage)
    if first >= last:
        raise DataError(f"passage: {[*passage]} must rise, from one fraction of the text to another")
    return first, last
