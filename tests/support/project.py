"""A copy of the project with a miniature config, in which snakemake runs for real."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import yaml

from tests.support.preloaded import Preloaded

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = (
    "Snakefile",
    "config.yaml",
    "config",
    "environment.yml",
    "lth_core",
    "profiles",
    "workflow",
)
"""All that a run needs."""

MINIATURE = """\
device: cpu
tasks:
  mini:
    dataset: digits
    model: {name: lenet, hidden: [20, 10]}
    train:
      optimizer: {name: adam, learning_rate: 1.2e-3}
      batch_size: 60
      steps: 40
      evaluate_every: 20
    cohorts: ["0-1"]
methods:
  imp: {rate: 0.2, rate_by_kind: {output: 0.1}, levels: 2}
studies:
  frankle2019:
    tasks: {mini: imp}
    controls: [reinit]
    control_levels: [1]
    histogram_levels: []
    one_shot: false
    continued: false
"""

RUN = "results/mini/0-1"
DENSE = f"{RUN}/dense"
LEVELS = [f"{RUN}/imp/level_1", f"{RUN}/imp/level_2"]
BRANCH = f"{LEVELS[0]}/reinit"
TABLES = "results/tables/config/frankle2019/measurements.csv"
CLAIMS = "results/tables/config/claims.csv"
PAGE = "reports/config/index.html"
INDEX = "reports/index.html"

ENVIRONMENT = {"OMP_NUM_THREADS": "2", "PYTHONDONTWRITEBYTECODE": ""}
"""Of every run. Python compiles each module once per project, not once per process."""

AFTER_TRAINING = {"table frankle2019", "figures frankle2019", "claims", f"report {PAGE}", f"index {INDEX}"}
"""The jobs that every new training entails."""


@dataclass(frozen=True)
class Finished:
    """What a snakemake did: its exit status and all that it said."""

    status: int
    said: str

    @classmethod
    def of(cls, process: subprocess.Popen[str], seconds: float | None = None) -> Finished:
        """Of a snakemake that was started, once it has ended. Raises TimeoutExpired."""
        said, _ = process.communicate(timeout=seconds)
        return cls(process.returncode, said)

    @property
    def jobs(self) -> set[str]:
        """The messages of the jobs that ran, or would run."""
        return set(re.findall(r"^Job \d+: (.+)$", self.said, re.MULTILINE))

    @property
    def nothing_to_do(self) -> bool:
        return "Nothing to be done" in self.said and not self.jobs


Files = dict[str, tuple[int, str]]
"""Path -> time of its last change (ns) and hash of its content."""


class Project:
    """A folder with the project's files and the artifacts of what ran in it."""

    command: ClassVar[tuple[str, ...]] = (sys.executable, "-m", "snakemake")
    preloaded: ClassVar[list[Preloaded]] = []
    """What runs that nobody disturbs are forked from, once there was one."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, source: Path = ROOT) -> Project:
        """A copy of the project's files, without artifacts; its config.yaml is replaced by the miniature."""
        for name in PIPELINE:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (source / name).is_dir():
                shutil.copytree(source / name, target)
            else:
                shutil.copy2(source / name, target)
        (folder / "config.yaml").write_text(MINIATURE)
        return cls(folder)

    def copy(self, folder: Path) -> Project:
        """The project in its present state, times of change included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    # ------------------------------------------------------------ running

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `snakemake --cores 2 ...` in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [*self.command, "--cores", "2", *arguments],
            cwd=self.folder,
            env=surroundings() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )

    @classmethod
    def ran(cls, folder: Path, config: Mapping[str, Any], source: Path = ROOT) -> Project:
        """A copy whose config is another one, run to its end on two cores."""
        project = cls.create(folder, source)
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        project.run("-c2")
        return project

    def table(self, name: str) -> pd.DataFrame:
        """A table of config.yaml, by study and name."""
        return pd.read_csv(self.folder / "results/tables/config" / f"{name}.csv")

    def snakemake(self, *arguments: str, **environment: str) -> Finished:
        """Run snakemake to its end, however it ends."""
        if environment or type(self) is not Project:
            return Finished.of(self.start(*arguments, **environment))
        if not Project.preloaded:
            Project.preloaded.append(Preloaded(surroundings()))
        return Finished(*Project.preloaded[0].run(["--cores", "2", *arguments], self.folder))

    def run(self, *arguments: str) -> Finished:
        """Run snakemake, which must succeed."""
        run = self.snakemake(*arguments)
        assert run.status == 0, run.said
        return run

    def python(self, *arguments: str) -> str:
        """What Python says in the project's folder, where it must succeed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def would_run(self, *arguments: str) -> set[str]:
        """The messages of the jobs that snakemake would run now."""
        return self.run("--dry-run", *arguments).jobs

    # ------------------------------------------------------------ changing

    def edit(self, path: str, *replacements: tuple[str, str]) -> None:
        """Replace pieces of a file, each of which must be there."""
        text = (self.folder / path).read_text()
        for old, new in replacements:
            assert old in text, f"{path} has no {old!r}"
            text = text.replace(old, new)
        (self.folder / path).write_text(text)

    def make_unsteady(self, steps: int) -> None:
        """Train the network of the plugin `unsteady`, for this number of steps."""
        shutil.copy2(Path(__file__).with_name("unsteady.py"), self.folder)
        self.edit("config.yaml", ("{name: lenet, hidden: [20, 10]}", "unsteady"), ("steps: 40", f"steps: {steps}"))
        self.append("config.yaml", "plugins: [unsteady]\n")

    def append(self, path: str, text: str) -> None:
        with (self.folder / path).open("a") as file:
            file.write(text)

    # ------------------------------------------------------------ looking

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def files(self) -> Files:
        """Every artifact and its sum, but neither the lock nor the origins."""
        every = [path for top in ("results", "reports") for path in (self.folder / top).rglob("*") if path.is_file()]
        paths = [path for path in every if path.name != ".running.lock" and path.suffix != ".origin"]
        return {
            path.relative_to(self.folder).as_posix(): (
                path.stat().st_mtime_ns,
                hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in paths
        }

    def job_times(self, output: str) -> tuple[float, float]:
        """When the job that made a file began and ended."""
        record = base64.b64encode(output.encode()).decode()
        times = json.loads(self.read(f".snakemake/metadata/{record}"))
        return times["starttime"], times["endtime"]

    def hashes(self) -> dict[str, str]:
        return {path: digest for path, (_, digest) in self.files().items()}


def surroundings() -> dict[str, str]:
    """The environment of every run: what it is outside must not matter."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("LTH_", "PYTHONPATH"))}
    return inherited | ENVIRONMENT


def heed_interrupts() -> None:
    """Ctrl-C works in the new process even where it is ignored here, as in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def touched(before: Files, after: Files) -> set[str]:
    """The files that were written anew (even with the same content), made or removed."""
    return {path for path in before | after if before.get(path) != after.get(path)}


def in_folder(folder: str, files: Files) -> set[str]:
    return {path for path in files if path.startswith(f"{folder}/")}
