"""Texts of different character that every Python carries, with one vocabulary: weights pass from one to the others."""

from __future__ import annotations

import ast
import os
import string
import sysconfig
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import PositiveInt

from lth_core.data.sets.text import CONTEXT, help_topics
from lth_core.data.text import Text, check_length, split_text
from lth_core.registry import dataset

Part: TypeAlias = Literal["topics", "docstrings", "code", "names"]

VOCABULARY = "".join(sorted({"\n", " ", *string.digits, *string.ascii_letters, *string.punctuation}))
"""The characters of every part: printable ASCII and the end of a line. Others, which are few, are left out."""
MOST_CHARACTERS = 400_000
"""How much of a part is used: as much as the shortest of them has, roughly."""
LEAST_CHARACTERS = 250_000
"""What every part has at least, in any Python."""
NAMED, STRIDE = 0x3000, 5003
"""The characters of Unicode that are named, before those whose names only count; and how far one is from the next.
Stepping over them mixes the scripts, so that all splits have names of each."""


def known_of_python_texts(part: Part, context: int = CONTEXT) -> dict[str, Any]:
    """Return the facts that no version of Python changes. Raises DataError for a context that is too long."""
    check_length(LEAST_CHARACTERS, context, f"Python's {part}")
    return {"vocabulary": len(VOCABULARY), "characters": VOCABULARY, "context": context}


@dataset("python-texts", kind="text", known=known_of_python_texts)
def python_texts(part: Part, context: PositiveInt = CONTEXT) -> Text:
    """Texts of Python itself, 0.3 to 0.4 million characters each, of one vocabulary; bundled, no download.

    `topics`: the language reference, as in `english`. `docstrings` and `code`: of the modules of the standard library,
    in the order of their names, the docstrings, and the code without them and without comments. `names`: those of the
    characters of Unicode, in mixed order. Texts differ between versions of Python: the header of the data file has the
    checksum. Characters other than printable ASCII are left out.
    """
    whole = "".join(_printable(_pieces(part)))
    source = f"Python's {part}: {len(whole):,} characters"
    return split_text(whole, context, source, VOCABULARY)


def _pieces(part: Part) -> Iterator[str]:
    if part == "topics":
        yield help_topics()
    elif part == "names":
        names = (unicodedata.name(chr(STRIDE * number % NAMED), "") for number in range(NAMED))
        yield from (f"{name}\n" for name in names if name)
    else:
        for docstrings, code in _modules():
            yield from docstrings if part == "docstrings" else [code]


def _printable(pieces: Iterator[str]) -> Iterator[str]:
    """The characters of the vocabulary, until there are enough of them."""
    left, kept = MOST_CHARACTERS, {*VOCABULARY}
    for piece in pieces:
        text = "".join(filter(kept.__contains__, piece))[:left]
        left -= len(text)
        yield text
        if not left:
            return


def _modules() -> Iterator[tuple[list[str], str]]:
    """The docstrings of every module of the standard library, and its code without them."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("[a-z]*.py"), key=os.fspath):
        yield _taken_apart(str(path))


def _taken_apart(path: str) -> tuple[list[str], str]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    docstrings = []
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and (docstring := ast.get_docstring(node)):
            docstrings.append(f"{docstring}\n\n")
            node.body = node.body[1:] or [ast.Pass()]
    return docstrings, f"{ast.unparse(tree)}\n\n"
