"""Your own texts with labels, in the tokens of a Hugging Face model that lies in a local folder."""

from __future__ import annotations

import csv
import importlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from lth_core.data.labelled_texts import LabelledTexts, check_labels, split_labelled_texts
from lth_core.data.splits import DataError
from lth_core.data.trees import below_root
from lth_core.metrics import counted
from lth_core.registry import dataset
from lth_core.runtime.installation import missing_package

TOKENIZER, SETTINGS = "tokenizer.json", "config.json"
COLUMNS = ["text", "label"]
AGAIN = "copy the folder again"
CONTEXT = 128
"""Tokens of a text that are used, by default."""


def known_of_labelled_texts(path: str, tokenizer: str, context: int = CONTEXT, root: str | None = None) -> dict:
    """Return the facts that the options and, where `root` is known, the two files tell. Raises DataError."""
    if root is None:
        return {"context": context}
    vocabulary, padding = _settings(tokenizer)
    labels = [label for _, label in _rows(os.path.join(root, path))]
    check_labels(labels, Path(path).name)
    return {"context": context, "vocabulary": vocabulary, "classes": len({*labels}), "padding": padding}


def read_files(tokenizer: str, **_: Any) -> list[str]:
    """List the files besides the texts, which decide what the data set is."""
    return [os.path.join(tokenizer, name) for name in (SETTINGS, TOKENIZER)]


def watched_files(root: str, path: str, **_: Any) -> list[str]:
    """List the file of texts, below `root`: what the workflow watches."""
    return [path]


@dataset(
    "labelled-texts",
    kind="labelled-texts",
    watched=watched_files,
    known=known_of_labelled_texts,
    reads=read_files,
)
def labelled_texts(
    root: str,
    path: Annotated[str, AfterValidator(below_root)],
    tokenizer: str,
    context: Annotated[int, Field(ge=2)] = CONTEXT,
) -> LabelledTexts:
    """Read ROOT/PATH, a CSV file with the columns `text` and `label`: 70% to train on, 10% and 20%, by class.

    `tokenizer` is the folder of a Hugging Face model: its tokenizer.json cuts texts into tokens, and its config.json
    says how many tokens there are and which one pads. Only the first `context` tokens of a text are used. Nothing is
    downloaded. Raises DataError when a file is missing or has other columns, or the package `tokenizers` is missing.
    """
    file = os.path.join(root, path)
    vocabulary, padding = _settings(tokenizer)
    rows = _rows(file)
    tokens = _encoded([text for text, _ in rows], tokenizer, context, padding)
    if len(tokens) and tokens.max() >= vocabulary:
        raise DataError(
            f"{tokenizer}: {TOKENIZER} gives token {tokens.max()}, but the vocabulary of {SETTINGS} has {vocabulary}: "
            "they are of two models"
        )
    source = f"{Path(path).name}: {counted(len(rows), 'texts')} with labels"
    return split_labelled_texts(tokens, [label for _, label in rows], vocabulary, padding, source)


def _rows(path: str) -> list[tuple[str, str]]:
    """The texts and labels of a CSV file. Raises DataError."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {*COLUMNS} <= {*(rows.fieldnames or [])}:
                have = ", ".join(rows.fieldnames or []) or "nothing"
                raise DataError(f"{path}: needs the columns {' and '.join(COLUMNS)}; its first line has {have}")
            texts = [(row["text"] or "", _label(row["label"], path, rows.line_num)) for row in rows]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): put a CSV file of texts there") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is no CSV file in UTF-8 ({error}): convert it") from error
    if texts and not any(text for text, _ in texts):
        raise DataError(f"{path}: all texts are empty: put them into the column `text`")
    return texts


def _label(label: str | None, path: str, line: int) -> str:
    if not label:
        raise DataError(f"{path}, line {line}: has no label")
    return label


def _settings(folder: str) -> tuple[int, int]:
    """The number of tokens and the one that pads, by a model's config.json. Raises DataError."""
    for name in (SETTINGS, TOKENIZER):
        if not os.path.isfile(os.path.join(folder, name)):
            raise DataError(f"{folder}: has no {name}: give the folder of a Hugging Face model with its fast tokenizer")
    try:
        settings = json.loads(Path(folder, SETTINGS).read_text(encoding="utf-8"))
        vocabulary, padding = settings.get("vocab_size"), settings.get("pad_token_id")
    except (ValueError, AttributeError) as error:
        raise DataError(f"{folder}: {SETTINGS} is no JSON of settings: {AGAIN}") from error
    for name, value in (("vocab_size", vocabulary), ("pad_token_id", padding)):
        if type(value) is not int:
            hint = " (a model without padding, such as GPT-2, takes its eos_token_id)" * (name == "pad_token_id")
            raise DataError(f"{folder}: {SETTINGS} has no {name}: add it{hint}")
    return vocabulary, padding


def _encoded(texts: list[str], folder: str, context: int, padding: int) -> np.ndarray:
    """The tokens (N, context) of texts. Raises DataError."""
    try:
        tokenizers: Any = importlib.import_module("tokenizers")  # which is optional
    except ImportError as error:
        raise DataError(missing_package("tokenizers", "hugging-face", error)) from error
    try:
        tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, TOKENIZER))
    except Exception as error:  # of the package's own type
        raise DataError(f"{folder}: {TOKENIZER} cannot be read ({' '.join(str(error).split())}): {AGAIN}") from error
    tokenizer.enable_truncation(context)
    tokenizer.enable_padding(length=context, pad_id=padding)
    return np.array([encoding.ids for encoding in tokenizer.encode_batch(texts)], np.int64).reshape(-1, context)
