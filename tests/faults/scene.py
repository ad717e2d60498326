"""A project that faults happen to, and what must hold after each of them."""

from __future__ import annotations

import base64
import json
import random
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil  # comes with snakemake

from tests.support.project import BRANCH, LEVELS, Files, Finished, Project

LONGER = ("steps: 40", "steps: 200")
PATIENCE = 300.0
"""Seconds after which something that should happen has not."""
WHOLE = 0.1
"""How often the command is for everything, not for the trainings alone."""
TRAININGS = [f"{LEVELS[-1]}/trained.safetensors", f"{BRANCH}/trained.safetensors"]
NAMED = re.compile(r"^ *error: (\S+): .+; make it again, then run the same command as before: (\S*snakemake .+)$", re.M)


class Wrong(AssertionError):
    """Something that must not happen, whatever the fault."""


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


class Scene:
    """A copy of a finished project, and that project's artifacts to compare with."""

    def __init__(self, finished: Project, folder: Path, chance: random.Random, pace: float):
        self.undisturbed = finished.hashes()
        self.project = finished.copy(folder)
        self.chance = chance
        self.pace = pace
        """Seconds that a run takes about; what is random happens within them."""
        self.targets = [] if chance.random() < WHOLE else TRAININGS
        """What the command is for; nothing: all."""

    # ------------------------------------------------------------ starting points

    def unfinish(self) -> None:
        """Take away the outputs of a random job and of all that follow it, and their records."""
        of_targets = re.compile("" if not self.targets else "results/(mini|data)/")
        outputs = {path: self._recorded(path)["shellcmd"] for path in self.recorded() if of_targets.match(path)}
        job = outputs[self.chance.choice(list(outputs))]
        # Snakemake touches a job's outputs one after the other: their times may differ by a tick of the clock.
        first = min((self.project.folder / path).stat().st_mtime_ns for path, its in outputs.items() if its == job)
        for path, (changed, _) in self.project.files().items():
            if changed >= first and of_targets.match(path):
                (self.project.folder / path).unlink()
                self._record("metadata", path).unlink(missing_ok=True)

    # ------------------------------------------------------------ running

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command; its trainings save their state after every step, or hardly ever."""
        seconds = self.chance.choice(["0", "0.3", "30"])
        return self.project.start(*self.targets, *arguments, LTH_CHECKPOINT_SECONDS=seconds)

    def run(self) -> Finished:
        """The command, undisturbed."""
        return self.project.snakemake(*self.targets)

    def wait(self, process: subprocess.Popen[str], family: list[psutil.Process] | None = None) -> Finished:
        """The end of a snakemake and of all that it started, as known before it ended."""
        said, _ = process.communicate(timeout=PATIENCE)
        orphans = psutil.wait_procs(family or [], timeout=10)[1]
        must(not orphans, f"processes outlive their snakemake: {orphans}")
        return Finished(process.returncode, said)

    def mend(self, run: Finished) -> list[str]:
        """Run the commands that errors name, until the same command as before finishes; the paths that were named."""
        named = []
        while run.status:
            waiting = dict(NAMED.findall(run.said))
            must(bool(waiting), f"fails without naming an artifact:\n{run.said}")
            while waiting:
                path, command = waiting.popitem()
                must(path not in named, f"{path} is named again after it was made again:\n{run.said}")
                words = shlex.split(command)
                must(words[0].endswith("snakemake"), command)
                run = self.project.snakemake(*words[1:])
                others = dict(NAMED.findall(run.said))
                must(not run.status or bool(others), f"{command} fails:\n{run.said}")
                if run.status:  # what it is made of is damaged, too
                    must(path not in others, f"{command} does not mend {path}:\n{run.said}")
                    waiting = {path: command} | waiting | others
                else:
                    named.append(path)
            run = self.run()
        return named

    def finish(self) -> None:
        """The same command finishes, and redoes nothing that was finished."""
        before, done = self.project.files(), self.finished()
        run = self.run()
        must(run.status == 0, f"the same command fails:\n{run.said}")
        self.kept(before, done)
        self.equal()

    # ------------------------------------------------------------ looking

    def family(self, process: subprocess.Popen[str]) -> list[psutil.Process]:
        """All processes that a snakemake has started and that run now."""
        try:
            return psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def some(self, process: subprocess.Popen[str], kind: str) -> list[psutil.Process]:
        """The running processes of a kind: `server`, `job` (forked by the server) or `client` (waits for one)."""
        processes = []
        for one in self.family(process):
            try:
                words, parent = one.cmdline(), one.parent().cmdline()
            except (psutil.NoSuchProcess, AttributeError):
                continue
            is_server, of_server = ("lth_core.jobs.support.server" in line for line in (words, parent))
            is_client = any(word.endswith("bin/lth-job") for word in words)
            if kind == ("job" if of_server else "server" if is_server else "client" if is_client else "other"):
                processes.append(one)
        return processes

    def recorded(self) -> list[str]:
        """The outputs of which Snakemake has a record."""
        folder = self.project.folder / ".snakemake/metadata"
        return sorted(base64.b64decode(record.name).decode() for record in folder.iterdir())

    def finished(self) -> set[str]:
        """The outputs that are there and recorded as finished."""
        return {
            path
            for path in self.recorded()
            if (self.project.folder / path).exists()
            and not self._record("incomplete", path).exists()
            and not self._recorded(path).get("incomplete")
        }

    def kept(self, before: Files, done: set[str]) -> None:
        """Nothing that was finished is written again. Files of the future may be given the present time."""
        after, now = self.project.files(), time.time_ns()
        redone = sorted(path for path in done if before[path] != after.get(path) and before[path][0] < now)
        must(not redone, f"made again though it was finished: {redone}")

    def equal(self) -> None:
        """Every artifact is that of an undisturbed run, and there are no others."""
        hashes = self.project.hashes()
        differing = sorted(
            path for path in hashes.keys() | self.undisturbed.keys() if hashes.get(path) != self.undisturbed.get(path)
        )
        must(not differing, f"differs from an undisturbed run: {differing}")

    def _recorded(self, path: str) -> dict[str, Any]:
        """Snakemake's record of an output; an empty one is of a job that was cut short."""
        return json.loads(self._record("metadata", path).read_text() or '{"incomplete": true}')

    def _record(self, kind: str, path: str) -> Path:
        return self.project.folder / ".snakemake" / kind / base64.b64encode(path.encode()).decode()


def undisturbed(folder: Path) -> Project:
    """The miniature with a somewhat longer training, run to its end."""
    project = Project.create(folder)
    project.edit("config.yaml", LONGER)
    project.run()
    return project


def pause(chance: random.Random, longest: float) -> None:
    time.sleep(chance.uniform(0, longest))


def mount(*arguments: str) -> bool:
    """Whether mounting worked: it needs the rights of an administrator."""
    if sys.platform != "linux":
        return False
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    return done.returncode == 0
