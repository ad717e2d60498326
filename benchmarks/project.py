"""A copy of the pipeline in a temporary folder, in which snakemake runs for the clock."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = ("Snakefile", "config.yaml", "environment.yml", "lth_core", "profiles", "workflow")
"""All that a run on digits needs."""
LOGGER = "snakemake_logger_plugin_lth"


@dataclass(frozen=True)
class Run:
    """A snakemake that has succeeded: what it said, its wall time and its own processor time, without its jobs'."""

    said: str
    wall_seconds: float
    processor_seconds: float


@dataclass(frozen=True)
class Project:
    """The copy. Compiled code is copied as well, as it is there in any but the first run of a checkout."""

    folder: Path

    def run(self, *arguments: str, cores: int = 1, **environment: str) -> Run:
        """Run `snakemake ARGUMENT ...`; raises RuntimeError with what it said where it fails."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("LTH_", "PYTHONPATH"))}
        command = [sys.executable, "-m", "snakemake", "--logger", "lth", "--cores", str(cores), *arguments]
        before, start = children_seconds(), time.perf_counter()
        done = subprocess.run(
            command, cwd=self.folder, env=inherited | environment, capture_output=True, text=True, check=False
        )
        run = Run(done.stdout + done.stderr, time.perf_counter() - start, children_seconds() - before)
        if done.returncode:
            raise RuntimeError(run.said)
        return run

    def configure(self, name: str, config: dict[str, Any]) -> list[str]:
        """Write a config file; returns the arguments that select it."""
        (self.folder / name).write_text(yaml.safe_dump(config))
        return ["--configfile", name]

    def clear(self) -> None:
        """Remove what runs have made."""
        for name in ("results", "reports", "logs", ".snakemake"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


@contextmanager
def copied_project() -> Iterator[Project]:
    """The copy, which is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (*PIPELINE, LOGGER):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, Path(folder, name))
        yield Project(Path(folder))


def default_config() -> dict[str, Any]:
    """config.yaml, to be changed."""
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def children_seconds() -> float:
    """Processor time of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
