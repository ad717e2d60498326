"""Damaged artifacts are found before a run starts on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lth_core.storage.checks import check_artifacts
from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import write_text
from lth_core.storage.tensors import write_tensors
from tests.support.artifact_samples import TENSORS


@pytest.fixture
def artifacts(tmp_path: Path) -> list[Path]:
    """A file of tensors and a table."""
    write_tensors(tmp_path / "init.safetensors", TENSORS, {})
    write_text(tmp_path / "history.csv", "seed\n0\n")
    return [tmp_path / "init.safetensors", tmp_path / "history.csv"]


def test_sound_artifacts_and_those_that_are_not_there_pass(artifacts: list[Path], tmp_path: Path) -> None:
    check_artifacts([*artifacts, tmp_path / "missing.csv", tmp_path])


@pytest.mark.parametrize("index", [0, 1])
def test_a_damaged_one_is_named(artifacts: list[Path], index: int) -> None:
    path = artifacts[index]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=path.name):
        check_artifacts(artifacts)
