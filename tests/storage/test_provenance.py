"""Provenance says what made an artifact, and nothing that differs between equal runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lth_core.storage.provenance import _git_commit, provenance
from tests.support.code import read_anew


def test_provenance_names_versions_and_commit_but_no_time() -> None:
    made_by = provenance({"seeds": [0, 1]}, device="cuda")
    assert made_by["spec"] == {"seeds": [0, 1]} and made_by["device"] == "cuda"
    assert made_by["versions"]["numpy"] == np.__version__
    assert {"torch", "matplotlib"} <= made_by["versions"].keys()
    assert set(made_by) == {"spec", "versions", "git_commit", "plugins", "device"}


def test_provenance_names_plugins_by_a_digest_of_their_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def plugins(code: str, helper: str) -> dict[str, str]:
        (tmp_path / "labs.py").write_text(code)
        (tmp_path / "labs_helper.py").write_text(helper)
        read_anew()
        return provenance({"modules": ["labs", "lth_core.models.networks.lenet"]})["plugins"]

    monkeypatch.syspath_prepend(tmp_path)
    written = "import labs_helper\nfrom lth_core.registry import model\n"
    first = plugins(written, "X = 1\n")
    assert set(first) == {"labs"} and plugins(f"# comment\n{written}", "X = 1\n") == first
    assert first not in (plugins(f"{written}Y = 1\n", "X = 1\n"), plugins(written, "X = 2\n"))


def test_provenance_needs_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _git_commit.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance({})["git_commit"] is None
    _git_commit.cache_clear()
