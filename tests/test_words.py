"""Retired words stay out of code and prose. Each has one to say instead; docs/glossary.md defines those in use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PHRASES = {
    "cell": (r"(?<![a-z])cells?(?![a-z])", "run"),
    "verb": (r"(?<![a-z])verbs?(?![a-z])", "the step itself: train, prune, ..."),
    "foreign": (r"(?<![a-z])foreign(?![a-z])", "source and target; another run's (artifacts)"),
    "random stream": (
        r"\b(random|named|seeded) streams?\b|\bstream: (np\.random\.)?generator\b",
        "random generator, rng",
    ),
    "numerical fault": (r"(?<![a-z])numerical[ _-]faults?(?![a-z])", "divergence"),
    "policy continue": (r"policy:? *['\"`]?continue\b|['\"`]continue['\"`]", "lr-rewind"),
    "so many": (r"\bso many\b", "this many; or name the number"),
    "of which what": (r"\bof which what\b", "two sentences"),
    "is none of": (r"\b(is|are) none of\b", "must be one of; is not one of"),
    "for (because)": (r", for (that|there|they|it|this) (\w+ )?(is|are|has|have|would|will|can|cannot)\b", "because"),
}
"""What a text must not say: its pattern, in lower case, and what to say instead."""

NAMES = {
    **dict.fromkeys(("found", "told", "noted"), "the thing itself: rows, problems, modules, ..."),
    **dict.fromkeys(("place", "places"), "index, position, location, folder, ..."),
    "room": "workspace, capacity, width, ...",
    "own": "what owns it: target, ticket, run, ...",
    "none": "diverged, empty, ...",
    "weigh": "spmm",
    "multiply": "sddmm",
    **dict.fromkeys(("Fixed", "Trained", "Learning"), "a noun"),
}
"""What code must not call a variable, parameter, attribute, function or class, and what to call it instead."""

ORDINARY = {
    "lth_core/config/rewinding.py": {"policy continue"},  # refused with its new name
    "tests/planning/test_values.py": {"policy continue"},
    "lth_core/planning/configdoc.py": {"cell", "room"},
    "lth_core/training/kept.py": {"cell"},  # of a closure, as Python calls it
    "lth_core/registry.py": {"cell"},  # refused with its new name
    "tests/planning/test_files.py": {"cell"},
    "tests/test_architecture.py": {"room"},
}
"""Files where one of these words is the ordinary one."""

# Rooms that still have words to lose, and which. Remove a word here once its room is clean; never add one.
ALLOWED: dict[str, set[str]] = {
    "tests/pruning": {"found", "so many"},
    "tests/storage": {"foreign", "found", "place"},
}

SEARCHED = (
    *("lth_core", "workflow", "config", "docs", "tests", "benchmarks", "profiles", "snakemake_logger_plugin_lth"),
    *("Snakefile", "Makefile", "config.yaml", "README.md", "CONTRIBUTING.md"),
)
TEXT = {".py", ".smk", ".md", ".yaml", ".html", ".css", ".js", ".sh", ""}


def files() -> list[Path]:
    """The files that are searched, relative to the repository."""
    paths = [path for name in SEARCHED for path in [ROOT / name, *(ROOT / name).rglob("*")] if path.is_file()]
    relative = [path.relative_to(ROOT) for path in paths]
    kept = {path for path in relative if path.suffix in TEXT and "__pycache__" not in path.parts}
    return sorted(kept - {Path("tests/test_words.py")})  # the list itself


def room_of(path: Path) -> str:
    """`lth_core/pruning`, `lth_core/studies/transfer`, `tests/models`, `docs`, `README.md`."""
    depth = 3 if path.parts[1:2] == ("studies",) else 2
    return "/".join(path.parent.parts[:depth]) or path.name


FILES = files()


def bound_names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that the code gives a name to or passes by name, and of attributes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.keyword(arg=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.MatchAs(name=str(name)):
                yield node.lineno, name


def retired_words(text: str, code: bool) -> list[tuple[int, str]]:
    """Line and word of every retired word in a text; of names, only in Python code."""
    hits = [
        (text.count("\n", 0, match.start()) + 1, word)
        for word, (pattern, _) in PHRASES.items()
        for match in re.finditer(pattern, text.lower())
    ]
    return sorted([*hits, *((line, name) for line, name in bound_names(text) if name in NAMES)] if code else hits)


@pytest.mark.parametrize("room", sorted({room_of(path) for path in FILES}))
def test_retired_words_stay_out(room: str) -> None:
    instead = NAMES | {word: say for word, (_, say) in PHRASES.items()}
    lines = []
    for path in FILES:
        if room_of(path) == room:
            allowed = ALLOWED.get(room, set()) | ORDINARY.get(path.as_posix(), set())
            hits = retired_words((ROOT / path).read_text(encoding="utf-8"), path.suffix == ".py")
            lines += [f"{path}:{line}: {word} -> {instead[word]}" for line, word in hits if word not in allowed]
    assert not lines


def test_retired_words_are_seen_in_prose_and_in_names() -> None:
    code = "class Cell:\n    none: bool\n\n\ndef find(place, rng):\n    found = rng.own\n    return dict(told=found)\n"
    assert retired_words(code, code=True) == [
        (1, "cell"),
        (2, "none"),
        (5, "place"),
        (6, "found"),
        (6, "own"),
        (7, "told"),
    ]
    assert retired_words("judged by two verbs,\nfor it is numerical_faults.csv", code=False) == [
        (1, "verb"),
        (2, "numerical fault"),
    ]


def test_ordinary_words_are_not_mistaken_for_retired_ones() -> None:
    code = (
        "excellent = misjudgement = replaced = None\nrandom.choice(places_left)  # torch finds none; found in place\n"
    )
    assert retired_words(code, code=True) == []
