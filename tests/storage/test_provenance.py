"""Provenance says what made an artifact, and nothing that differs between equal runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lth_core.storage.provenance import _git_commit, provenance


def test_provenance_names_versions_and_commit_but_no_time() -> None:
    made_by = provenance({"seeds": [0, 1]}, device="cuda")
    assert made_by["spec"] == {"seeds": [0, 1]} and made_by["device"] == "cuda"
    assert made_by["versions"]["numpy"] == np.__version__
    assert set(made_by) == {"spec", "versions", "git_commit", "device"}


def test_provenance_needs_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _git_commit.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance({})["git_commit"] is None
    _git_commit.cache_clear()
