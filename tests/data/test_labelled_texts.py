"""Texts with labels: splits by class, what readers give, and what of a user's files is refused in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lth_core.config import Choice
from lth_core.data.facts import known_facts
from lth_core.data.labelled_texts import LabelledTexts, split_labelled_texts
from lth_core.data.sets import labelled_texts as sets
from lth_core.data.splits import SPLITS, DataError
from lth_core.data.stored import StoredLabelledTexts
from lth_core.runtime.shares import ALONE
from tests.support.hugging_face import CONTEXT, WORDS, write_texts, write_tokenizer

# ---------------------------------------------------------------- splits


def texts(count: int = 100) -> LabelledTexts:
    tokens = np.arange(count * 4).reshape(count, 4)
    return split_labelled_texts(tokens, ["yes" if row % 5 else "no" for row in range(count)], 4 * count, 0, "mine")


def test_every_text_is_in_one_split_and_every_class_has_its_share() -> None:
    made = texts()
    parts = [getattr(made, name) for name in SPLITS]
    assert [len(labels) for _, labels in parts] == [70, 10, 20] and made.classes == ["no", "yes"]
    assert sorted(np.concatenate([tokens[:, 0] for tokens, _ in parts])) == list(range(0, 400, 4))
    assert [int((labels == 0).sum()) for _, labels in parts] == [14, 2, 4]
    for tokens, labels in parts:
        assert ((tokens[:, 0] // 4 % 5 > 0) == labels).all()


def test_the_split_is_always_the_same() -> None:
    assert all((texts().tensors()[name] == value).all() for name, value in texts().tensors().items())


@pytest.mark.parametrize(("count", "labels"), [(4, ["a", "b"] * 2), (20, ["a"] * 20)])
def test_too_few_texts_or_classes_are_one_line(count: int, labels: list[str]) -> None:
    have = f"{count} texts of {'1 class' if len({*labels}) == 1 else '2 classes'}"
    with pytest.raises(DataError, match=f"^mine: {have}: give 10 or more, of 2 or more$"):
        split_labelled_texts(np.zeros((count, 3), int), labels, 5, 0, "mine")


def test_scores_or_texts_in_place_of_classes_are_one_line() -> None:
    labels = [f"{row / 7:.2f}" for row in range(60)]
    with pytest.raises(
        DataError, match=r"^mine: 60 texts of 60 classes: labels name classes, .* is another column the label"
    ):
        split_labelled_texts(np.zeros((60, 3), int), labels, 5, 0, "mine")


def test_tokens_beyond_the_vocabulary_are_refused() -> None:
    with pytest.raises(DataError, match=r"^mine: the train split has tokens 0\.\.\d+, but those of the vocabulary"):
        split_labelled_texts(np.arange(80).reshape(20, 4), ["a", "b"] * 10, 9, 0, "mine")


def test_readers_give_tokens_and_labels_of_the_examples() -> None:
    made = texts()
    tensors = {name: torch.from_numpy(value) for name, value in made.tensors().items()}
    data = StoredLabelledTexts(tensors, made.facts(), torch.device("cpu"), ALONE)
    (batch,) = data.batches("validation", [np.array([[3, 1], [0, 0]])])
    tokens, labels = made.validation
    assert (
        batch[0].tolist() == tokens[[[3, 1], [0, 0]]].tolist()
        and batch[1].tolist() == labels[[[3, 1], [0, 0]]].tolist()
    )
    assert data.size("test") == 20 and data.labels_of("test").tolist() == made.test[1].tolist()


# ---------------------------------------------------------------- a user's files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    settings = {"vocab_size": len(WORDS), "pad_token_id": 0}
    (tmp_path / "model" / "config.json").write_text(json.dumps(settings))
    write_texts(tmp_path / "films.csv")
    return tmp_path


def test_texts_are_cut_by_the_tokenizer_of_the_folder_and_padded(folder: Path) -> None:
    write_tokenizer(folder / "model")
    (folder / "films.csv").write_text("label,text\n" + "bad,the film was awful\ngood,the nice film\n" * 10)
    made = sets.labelled_texts(str(folder), "films.csv", str(folder / "model"), CONTEXT)
    rows = {tuple(row): int(label) for row, label in zip(*made.train, strict=True)}
    assert rows == {(9, 6, 10, 5, 0, 0, 0, 0): 0, (9, 1, 6, 0, 0, 0, 0, 0): 1}  # `nice` is unknown
    known = known_facts(
        Choice.of("labelled-texts", path="films.csv", tokenizer=str(folder / "model"), context=CONTEXT),
        root=str(folder),
    )
    assert known == {"kind": "labelled-texts", "vocabulary": len(WORDS), "context": CONTEXT, "classes": 2, "padding": 0}
    assert known.items() <= made.facts().items()


def test_too_few_texts_are_known_before_any_job(folder: Path) -> None:
    (folder / "model" / "tokenizer.json").write_text("{}")
    (folder / "films.csv").write_text("text,label\n" + "the film,good\n" * 30)
    chosen = Choice.of("labelled-texts", path="films.csv", tokenizer=str(folder / "model"), context=CONTEXT)
    with pytest.raises(DataError, match=r"^films\.csv: 30 texts of 1 class: give 10 or more, of 2 or more$"):
        known_facts(chosen, root=str(folder))


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        sets.labelled_texts(str(folder), "films.csv", str(folder / "model"), CONTEXT)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_folder_without_a_tokenizer_is_one_line(folder: Path) -> None:
    assert refused(folder) == (
        "model: has no tokenizer.json: give the folder of a Hugging Face model with its fast tokenizer"
    )


def test_a_tokenizer_of_another_model_is_one_line(folder: Path) -> None:
    write_tokenizer(folder / "model")
    (folder / "model" / "config.json").write_text(json.dumps({"vocab_size": 5, "pad_token_id": 0}))
    assert refused(folder) == (
        "model: tokenizer.json gives token 11, but the vocabulary of config.json has 5: they are of two models"
    )


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ('{"vocab_size": 12}', "model: config.json has no pad_token_id: add it (a model without padding, such as "),
        ('{"pad_token_id": 0}', "model: config.json has no vocab_size: add it"),
        ("[]", "model: config.json is no JSON of settings: copy the folder again"),
        ("{", "model: config.json is no JSON of settings: copy the folder again"),
    ],
)
def test_settings_that_lack_something_are_one_line(folder: Path, settings: str, line: str) -> None:
    (folder / "model" / "tokenizer.json").write_text("{}")
    (folder / "model" / "config.json").write_text(settings)
    assert refused(folder).startswith(line)


def test_a_damaged_tokenizer_is_one_line(folder: Path) -> None:
    write_tokenizer(folder / "model")
    (folder / "model" / "tokenizer.json").write_text("{")
    said = refused(folder)
    assert said.startswith("model: tokenizer.json cannot be read (") and said.endswith("): copy the folder again")


def test_a_missing_package_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "model" / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert refused(folder) == (
        "the package tokenizers is missing: install it with make hugging-face (without make: pip install -r "
        "requirements-hugging-face.txt)"
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"sentence,label\na,b\n", "films.csv: needs the columns text and label; its first line has sentence, label"),
        (b"", "films.csv: needs the columns text and label; its first line has nothing"),
        (b"text,label\na,b\nc\n", "films.csv, line 3: has no label"),
        (b"text,label\n,a\n,b\n", "films.csv: all texts are empty: put them into the column `text`"),
        (b"text,label\n\xff,a\n", "films.csv: is no CSV file in UTF-8 ("),
        (None, "films.csv: cannot be read (No such file or directory): put a CSV file of texts there"),
    ],
)
def test_a_file_that_is_no_table_of_texts_is_one_line(folder: Path, content: bytes | None, line: str) -> None:
    (folder / "model" / "tokenizer.json").write_text("{}")
    (folder / "films.csv").unlink()
    if content is not None:
        (folder / "films.csv").write_bytes(content)
    assert refused(folder).startswith(line)
