"""Texts: characters as tokens, splits by position, windows, and what is refused in one line."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from lth_core.config import Choice
from lth_core.data import downloads
from lth_core.data.facts import known_facts
from lth_core.data.sets import text as sets
from lth_core.data.splits import SPLITS, DataError
from lth_core.data.text import Text, split_text

ALPHABET = "abcdefghij"
EVERY = "".join(map(chr, range(66000)))
INTEGERS = "must be integer tokens of shape (N,)"


def decoded(text: Text, split: str) -> str:
    return "".join(text.vocabulary[token] for token in getattr(text, split))


def refused(function: Any, *arguments: Any, **options: Any) -> str:
    """What is said of it: one line."""
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------- a text becomes splits of tokens


def test_tokens_are_positions_in_the_sorted_vocabulary_and_splits_follow_each_other():
    text = split_text(ALPHABET * 10, context=4, source="letters")
    assert text.vocabulary == ALPHABET
    assert text.train.tolist() == [*range(10)] * 9
    assert text.validation.tolist() == [0, 1, 2, 3, 4] and text.test.tolist() == [5, 6, 7, 8, 9]


def test_a_character_that_only_the_end_has_is_in_the_vocabulary():
    text = split_text("ab" * 50 + "é", context=3, source="end")
    assert text.vocabulary == "abé" and decoded(text, "test")[-1] == "é" and "é" not in decoded(text, "train")


@pytest.mark.parametrize("length", [100, 119, 120, 12345])
def test_validation_and_test_have_a_twentieth_each_and_training_the_rest(length: int):
    whole = (ALPHABET * length)[:length]
    text = split_text(whole, context=4, source="letters")
    assert len(text.validation) == len(text.test) == length // 20
    assert "".join(decoded(text, name) for name in SPLITS) == whole


@pytest.mark.parametrize(
    ("characters", "context", "examples"), [(9, 4, 2), (10, 4, 2), (12, 4, 2), (13, 4, 3), (5, 4, 1)]
)
def test_examples_are_windows_that_overlap_by_one_character(characters: int, context: int, examples: int):
    tokens = np.arange(characters) % 3
    text = Text(tokens, tokens, tokens, "abc", context, "windows")
    assert {text.examples(name) for name in SPLITS} == {examples}
    assert len([start for start in range(0, characters, context) if start + context + 1 <= characters]) == examples


def test_tokens_take_as_few_bits_as_the_vocabulary_needs():
    for count, kind in ((256, np.uint8), (257, np.uint16), (30000, np.uint16)):
        whole = "".join(map(chr, range(40, 40 + count))) * 40
        text = split_text(whole, context=2, source="many")
        assert {getattr(text, name).dtype for name in SPLITS} == {np.dtype(kind)}
        assert "".join(decoded(text, name) for name in SPLITS) == whole


def test_the_data_file_has_the_tokens_and_says_what_they_are():
    whole = "to be\0or not ☃" * 20
    text = split_text(whole, context=5, source="a line")
    assert text.tensors().keys() == {"train_tokens", "validation_tokens", "test_tokens"}
    assert text.facts() == {
        "kind": "text",
        "source": "a line",
        "vocabulary": 9,
        "characters": "\0 benort☃",
        "context": 5,
        "checksum": hashlib.sha256(whole.encode()).hexdigest(),
    }


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("whole", "context", "said"),
    [
        ("", 4, "mine: the text is empty"),
        ("a" * 1000, 4, "mine: a text needs two different characters or more: nothing could be predicted of it"),
        (
            "ab" * 49,
            4,
            "mine: 98 characters are too few for context 4, which needs 100: give more text, or a smaller context",
        ),
        ("ab" * 49, 0, "mine: context must be a positive whole number, not 0"),
    ],
)
def test_texts_that_cannot_be_learned_from_are_refused(whole: str, context: int, said: str):
    assert refused(split_text, whole, context, "mine") == said


def test_the_smallest_text_that_the_message_names_will_do():
    text = split_text("ab" * 50, context=4, source="mine")
    assert [text.examples(name) for name in SPLITS] == [22, 1, 1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"test": np.arange(4)}, "the test split has 4 characters, but one window needs 5: give more text"),
        ({"validation": np.arange(12)}, "the validation split has tokens 0..11, but those of the vocabulary are 0..9"),
        ({"train": np.arange(9) - 1}, "the train split has tokens -1..7, but those of the vocabulary are 0..9"),
        ({"train": np.ones((3, 9), int)}, f"the train split {INTEGERS}, not int64 of shape (3, 9)"),
        ({"train": np.ones(9)}, f"the train split {INTEGERS}, not float64 of shape (9,)"),
        ({"vocabulary": "ba"}, "the vocabulary must be the different characters, sorted"),
        ({"vocabulary": EVERY}, "66,000 different characters are more than 65,536: give another text"),
    ],
)
def test_tokens_of_plugins_are_checked(changed: dict[str, Any], said: str):
    parts = dict.fromkeys(SPLITS, np.arange(10)) | {"vocabulary": ALPHABET, "context": 4, "source": "mine"}
    assert refused(Text, **(parts | changed)) == f"mine: {said}"


# ---------------------------------------------------------------- your own text


def test_a_file_is_read_as_utf8_with_the_line_ends_of_unix(tmp_path: Path):
    (tmp_path / "mine.txt").write_bytes("\ufeffähm\r\n".encode() * 1 + b"abc\r" * 30)
    text = sets.text(str(tmp_path), "mine.txt", context=3)
    assert text.vocabulary == "\nabchmä" and text.source == "mine.txt: 124 characters"
    assert decoded(text, "train").startswith("ähm\nabc\nabc")


def test_the_files_of_a_folder_are_read_in_sorted_order_and_hidden_ones_left_out(tmp_path: Path):
    for name, content in {"b.txt": "b", "a.txt": "a", "c/d.txt": "d", ".hidden": "h", ".git/x": "h"}.items():
        path = tmp_path / "books" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(content * 100)
    text = sets.text(str(tmp_path), "books", context=3)
    assert "".join(decoded(text, name) for name in SPLITS) == "a" * 100 + "b" * 100 + "d" * 100
    assert sets.watched_files(str(tmp_path), "books") == ["books/a.txt", "books/b.txt", "books/c/d.txt"]
    assert sets.watched_files(str(tmp_path), "books/a.txt") == ["books/a.txt"]
    assert sets.watched_files(str(tmp_path), "missing") == ["missing"]


def test_files_that_are_missing_empty_or_no_text_are_named(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").touch()
    (tmp_path / "books").mkdir()
    (tmp_path / "books/a.txt").write_text("a" * 100)
    (tmp_path / "books/b.png").write_bytes(b"abc\xff\xfe")
    said = {path: refused(sets.text, str(tmp_path), path) for path in ("none.txt", "empty", "blank.txt", "books")}
    assert {path: line.removeprefix(f"{tmp_path}/") for path, line in said.items()} == {
        "none.txt": "none.txt: cannot be read (No such file or directory): put a text file or a folder of them there",
        "empty": "empty: has no files: put text files into it",
        "blank.txt": "blank.txt: the text is empty",
        "books": "books/b.png: is not UTF-8 text (byte 3): convert or remove it",
    }


# ---------------------------------------------------------------- texts that come ready


def test_english_is_pythons_help_without_repeated_paragraphs():
    text = sets.english(context=32)
    whole = "".join(decoded(text, name) for name in SPLITS)
    assert len(whole) > 300_000 and whole.startswith('The "assert" statement') and text.context == 32
    paragraphs = whole.split("\n\n")
    assert len(paragraphs) == len(set(paragraphs)) and text.source == f"Python's help topics: {len(whole):,} characters"


def test_little_of_the_test_split_of_english_is_known_word_for_word():
    text = sets.english()
    train, test = decoded(text, "train"), decoded(text, "test")
    windows = [test[start : start + 65] for start in range(0, len(test) - 64, 64)]
    assert sum(window in train for window in windows) < 0.02 * len(windows)


PLAY = b"First Citizen:\nSpeak, speak.\n" * 50


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "SHAKESPEARE_SUM", hashlib.sha256(PLAY).hexdigest())


def answer(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """Let the network give `content`; or None: there is no network."""

    class Answer:
        def __init__(self, address: str, timeout: float):
            assert address.startswith("https://") and timeout == downloads.SECONDS
            if content is None:
                raise URLError("no network")

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self) -> bytes | None:
            return content

    monkeypatch.setattr("urllib.request.urlopen", Answer)


@pytest.mark.usefixtures("published")
def test_shakespeare_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    answer(monkeypatch, PLAY)
    text = sets.shakespeare(str(tmp_path), context=8)
    assert "".join(decoded(text, name) for name in SPLITS) == PLAY.decode()
    answer(monkeypatch, None)
    assert sets.shakespeare(str(tmp_path), context=8).source == "Tiny Shakespeare: 1,450 characters"
    assert [path.name for path in (tmp_path / "tinyshakespeare").iterdir()] == ["input.txt"]


@pytest.mark.usefixtures("published")
def test_a_text_that_cannot_be_had_or_is_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "tinyshakespeare" / "input.txt"
    answer(monkeypatch, None)
    assert refused(sets.shakespeare, str(tmp_path)) == (
        f"{path}: missing; put {sets.SHAKESPEARE} there, as the download failed (<urlopen error no network>)"
    )
    answer(monkeypatch, b"<html>")
    assert refused(sets.shakespeare, str(tmp_path)) == (
        f"{path}: missing, and what {sets.SHAKESPEARE} gives is another file: put the published one there"
    )
    assert not path.exists()
    path.parent.mkdir()
    path.write_bytes(PLAY[:-1])
    assert refused(sets.shakespeare, str(tmp_path)) == (
        f"{path}: is damaged, or not the published file: delete it, or put that of {sets.SHAKESPEARE} there"
    )
    assert path.read_bytes() == PLAY[:-1]


# ---------------------------------------------------------------- what is known before reading


def test_the_kind_and_what_options_tell_are_known_before_reading():
    mine = Choice.model_validate({"name": "text", "path": "mine.txt", "context": 16})
    assert known_facts(mine) == {"kind": "text", "context": 16}
    facts = known_facts(Choice(name="shakespeare"))
    assert len(facts.pop("characters")) == 65
    assert facts == {"kind": "text", "vocabulary": 65, "context": 64, "train_examples": 15685}
    assert known_facts(Choice(name="digits"))["kind"] == "images"


@pytest.mark.parametrize("bounds", [[0.0, 0.5], [0.5, 1.0], [0.2, 0.9]])
def test_passages_of_shakespeare_have_the_vocabulary_of_the_whole(
    bounds: list[float], monkeypatch: pytest.MonkeyPatch, published: None, tmp_path: Path
):
    monkeypatch.setattr(sets, "SHAKESPEARE_CHARACTERS", len(PLAY))
    answer(monkeypatch, PLAY)
    text = sets.shakespeare(str(tmp_path), 4, bounds)
    first, last = (round(len(PLAY) * bound) for bound in bounds)
    assert "".join(decoded(text, name) for name in SPLITS) == PLAY.decode()[first:last]
    assert text.vocabulary == sets.SHAKESPEARE_VOCABULARY
    known = known_facts(Choice.of("shakespeare", context=4, passage=bounds))
    assert known.pop("train_examples") == text.examples("train") and known.items() <= text.facts().items()


def test_a_passage_that_ends_before_it_begins_or_is_too_short_is_one_line():
    assert refused(sets.known_of_shakespeare, passage=[0.5, 0.5]) == (
        "passage: [0.5, 0.5] must rise, from one fraction of the text to another"
    )
    assert "1,115 characters are too few for context 64" in refused(sets.known_of_shakespeare, passage=[0.5, 0.501])


@pytest.mark.parametrize("context", [16, 64])
def test_english_is_known_before_it_is_prepared(context: int):
    made = sets.english(context)
    known = known_facts(Choice.of("english", context=context))
    assert known.pop("train_examples") == made.examples("train")
    assert known.items() <= made.facts().items() and known["vocabulary"] == len(known["characters"])


def test_a_text_below_the_root_is_known_as_soon_as_it_is_there(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "b.txt").write_text("to be, or not " * 20)
    mine = Choice.of("text", path="mine", context=4)
    for more in ("", "nought"):
        (tmp_path / "mine" / "a.txt").write_text(more)
        made = sets.text(str(tmp_path), "mine", 4)
        known = known_facts(mine, root=str(tmp_path))
        assert known.pop("train_examples") == made.examples("train")
        assert known == {key: made.facts()[key] for key in ("kind", "vocabulary", "characters", "context")}


def test_a_very_large_text_is_known_when_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mine.txt").write_text("ab" * 100)
    monkeypatch.setattr(sets, "MOST_TO_PLAN", 199)
    assert known_facts(Choice.of("text", path="mine.txt"), root=str(tmp_path)) == {"kind": "text", "context": 64}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ab" * 649, "mine.txt: 1,298 characters are too few for context 64, which needs 1,300: give more text, or"),
        (b"ab" * 640 + b"\r\n" * 19, "mine.txt: 1,299 characters are too few"),
        (b"", "mine.txt: the text is empty"),
        (b"a" * 5000, "mine.txt: a text needs two different characters or more"),
        (b"ab\xff" * 500, "mine.txt: is not UTF-8 text (byte 2)"),
        (None, "mine.txt: cannot be read (No such file or directory)"),
    ],
)
def test_a_text_that_cannot_be_learned_from_is_refused_before_it_is_prepared(
    tmp_path: Path, content: bytes | None, said: str
):
    if content is not None:
        (tmp_path / "mine.txt").write_bytes(content)
    root = str(tmp_path)
    line = refused(known_facts, Choice.of("text", path="mine.txt"), root=root)
    assert line.startswith(f"{root}/{said}") and line == refused(sets.text, root, "mine.txt")


def test_no_context_is_longer_than_a_text_that_is_known():
    for name in ("english", "shakespeare"):
        assert "which needs 20,000,020: give more text" in refused(known_facts, Choice.of(name, context=10**6))
