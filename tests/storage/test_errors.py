"""An artifact that cannot be used is named with the command that makes it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from lth_core.storage.errors import COMMAND_VARIABLE, ArtifactError
from lth_core.storage.tensors import read_tensors


def test_the_command_of_this_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, "snakemake --force {} --cores all --configfile 'my own.yaml'")
    with pytest.raises(ArtifactError, match=r"snakemake --force '.*/my mask' --cores all --configfile 'my own\.yaml'$"):
        read_tensors(tmp_path / "my mask")
