"""What comes from outside (configs, files, names) can neither run code nor leave its folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lth_core.config import Cohort, Name
from lth_core.storage import paths
from lth_core.storage.runs import Run

ROOT = Path(__file__).resolve().parents[1]

# ---------------------------------------------------------------- no pickle, no unsafe YAML, no code from text

FORBIDDEN = [
    ("import pickle", "TID251"),
    ("from pickle import load", "TID251"),
    ("import joblib", "TID251"),
    ("import shelve", "TID251"),
    ("import torch\n\ntorch.load('x.pt')", "TID251"),
    ("import torch\n\ntorch.load('x.pt', weights_only=True)", "TID251"),
    ("from torch import load\n\nload('x.pt')", "TID251"),
    ("import numpy as np\n\nnp.load('x.npy', allow_pickle=True)", "TID251"),
    ("import pandas as pd\n\npd.read_pickle('x')", "TID251"),
    ("import marshal\n\nmarshal.loads(b'')", "S302"),
    ("import yaml\n\nyaml.load('a: 1', Loader=yaml.Loader)", "S506"),
    ("import yaml\n\nyaml.unsafe_load('a: 1')", "TID251"),
    ("import yaml\n\nyaml.full_load('a: 1')", "TID251"),
    ("eval('1')", "S307"),
    ("exec('1')", "S102"),
    ("import tarfile\n\ntarfile.open('x').extractall()", "S202"),
]


@pytest.mark.parametrize("path", ["lth_core/added.py", "tests/added.py", "benchmarks/added.py"])
def test_lint_fails_where_code_would_run_what_a_file_says(path: str) -> None:
    source = "\n".join(line for text, _ in FORBIDDEN for line in text.splitlines())
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--stdin-filename", path, "-"],
        input=source,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    findings = {tuple(line.split(":")[1:4:2]) for line in done.stdout.splitlines() if line.startswith(path)}
    codes = {(line, code.split()[0]) for line, code in findings}
    number = 0
    for text, code in FORBIDDEN:
        numbers = {str(number + offset + 1) for offset in range(len(text.splitlines()))}
        number += len(text.splitlines())
        assert any((line, code) in codes for line in numbers), (text, done.stdout)


def test_nothing_of_the_package_opens_archives() -> None:
    for path in (ROOT / "lth_core").rglob("*.py"):
        assert not {"tarfile", "zipfile", "shutil.unpack_archive"} & set(path.read_text().split()), path


# ---------------------------------------------------------------- names of the config become folders

NASTY = [
    "..",
    "../x",
    "/etc",
    "a/b",
    "a\\b",
    "a b",
    "",
    ".",
    "-rf",
    "ü",
    "a\n",
    "a\0",
    "con",
    "nul",
    "lpt1",
    "a" * 65,
    "~",
    "%2e",
]


def accepted(kind: object, text: str) -> bool:
    try:
        return TypeAdapter(kind).validate_python(text) == text
    except ValidationError:
        return False


@pytest.mark.parametrize("text", NASTY)
def test_names_that_are_no_folders_are_refused(text: str) -> None:
    assert not accepted(Name, text) and not accepted(Cohort, text)


names = st.one_of(
    st.text(), st.text("ab-_.09/\\ A", max_size=70), st.sampled_from(NASTY), st.from_regex(r"[a-z0-9_-]+")
)


@example("a" * 64, "0-4", "b" * 64, "c" * 64)
@given(names, st.one_of(names, st.from_regex(r"[0-9]{1,6}-[0-9]{1,6}", fullmatch=True)), names, names)
def test_no_accepted_name_leads_out_of_the_results(task: str, cohort: str, method: str, branch: str) -> None:
    texts = ((Name, task), (Cohort, cohort), (Name, method), (Name, branch))
    if not all(accepted(kind, text) for kind, text in texts):
        return
    top = Path("/somewhere/results")
    run = Run(task, cohort, method, 1, branch)
    for path in (
        run.trained(str(top)),
        run.mask(str(top)),
        Run(task, cohort, branch=branch).history(str(top)),
        paths.initial_file(str(top), task, cohort),
        paths.data_file(str(top), task),
        paths.table_file(str(top), task, method, branch),
    ):
        inside = Path(path).relative_to(top)
        assert ".." not in inside.parts and Path(path).resolve().is_relative_to(top)
        assert path.isascii() and path.isprintable() and " " not in path
        longest = paths.sum_file(path).with_name(f".{paths.sum_file(path).name}.4194304.part")
        assert all(len(part.encode()) <= 255 for part in longest.parts)


@given(names)
def test_a_name_is_accepted_exactly_if_it_is_a_plain_word(text: str) -> None:
    plain = set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    word = 0 < len(text) <= 64 and set(text) <= plain and text[0] not in "-_"
    device = text in {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
    assert accepted(Name, text) == (word and not device)
