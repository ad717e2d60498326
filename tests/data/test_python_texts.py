"""Texts of Python itself: what each part holds, one vocabulary for all, and what is known before they are read."""

from __future__ import annotations

import ast
import string
from pathlib import Path
from typing import get_args

import pytest

from lth_core.config import Choice
from lth_core.data.facts import known_facts
from lth_core.data.kinds import other_characters
from lth_core.data.sets import python_texts as sets
from lth_core.data.splits import SPLITS, DataError
from lth_core.data.text import Text

PARTS = get_args(sets.Part)


@pytest.fixture(scope="module")
def texts() -> dict[str, Text]:
    return {part: sets.python_texts(part, 32) for part in PARTS}


def whole(text: Text) -> str:
    return "".join(text.vocabulary[token] for name in SPLITS for token in getattr(text, name))


def test_all_parts_have_one_vocabulary_so_that_weights_pass_between_them(texts: dict[str, Text]) -> None:
    assert {text.vocabulary for text in texts.values()} == {sets.VOCABULARY}
    assert set(sets.VOCABULARY) == {*string.printable} - {*"\t\r\x0b\x0c"}
    facts = {part: known_facts(Choice.of("python-texts", part=part, context=32)) for part in PARTS}
    for part, known in facts.items():
        assert known.items() <= texts[part].facts().items()
        assert other_characters(known, facts["topics"]) is None


def test_parts_are_large_and_say_how_large(texts: dict[str, Text]) -> None:
    for part, text in texts.items():
        length = len(whole(text))
        assert sets.LEAST_CHARACTERS <= length <= sets.MOST_CHARACTERS
        assert text.source == f"Python's {part}: {length:,} characters"


def test_parts_are_of_different_character(texts: dict[str, Text]) -> None:
    topics, docstrings, code, names = map(whole, texts.values())
    assert topics.startswith('The "assert" statement')
    assert code.count("\n    return ") > 10 * docstrings.count("\n    return ") and '"""' not in code[:20_000]
    assert names.isupper() and "LATIN SMALL LETTER A WITH GRAVE\n" in names


def test_every_split_of_the_names_has_latin_letters_and_others(texts: dict[str, Text]) -> None:
    for split in SPLITS:
        tokens = getattr(texts["names"], split)
        decoded = "".join(sets.VOCABULARY[token] for token in tokens)
        assert "LATIN" in decoded and "BRAILLE" in decoded and "ARABIC" in decoded


def test_docstrings_are_taken_out_of_the_code_which_still_parses(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        '"""Module."""\nX = 1  # a remark\n\ndef f():\n    """Only this."""\n\nclass C:\n    """C."""\n    y = 2\n'
    )
    docstrings, code = sets._taken_apart(str(path))
    assert docstrings == ["Module.\n\n", "Only this.\n\n", "C.\n\n"]
    assert "remark" not in code and '"""' not in code
    kinds = [type(node).__name__ for node in ast.parse(code).body]
    assert kinds == ["Assign", "FunctionDef", "ClassDef"] and "pass" in code


def test_a_context_that_no_part_has_room_for_is_one_line() -> None:
    with pytest.raises(DataError, match=r"^Python's code: 250,000 characters are too few for context 20000"):
        sets.known_of_python_texts("code", 20_000)
