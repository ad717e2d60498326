"""The error of an artifact that cannot be used: which file, what is wrong with it, how to make it again."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

COMMAND_VARIABLE = "LTH_COMMAND"
"""Environment variable: the snakemake command that makes one artifact again, with {} in place of its path."""


class ArtifactError(ValueError):
    """An artifact that is missing, damaged or another one; one line: which file, what is wrong, how to rebuild it."""

    @classmethod
    def unusable(cls, path: str | Path, problem: str) -> ArtifactError:
        """Describe one that has to be made again."""
        command = os.environ.get(COMMAND_VARIABLE, "snakemake --force {} --cores all")
        again = command.replace("{}", shlex.quote(str(path)), 1)
        return cls(f"{path}: {problem}; make it again, then run the same command as before: {again}")
