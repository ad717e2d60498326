"""Runs of the grid task x cohort x method x level x branch, and where each one's files lie."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from lth_core.storage.errors import ArtifactError
from lth_core.storage.paths import dense_folder, level_folder

DENSE = "dense"


@dataclass(frozen=True, order=True)
class Run:
    """One training of a cohort: a ticket, the dense run (level 0), or a counterfactual of either (a branch)."""

    task: str
    cohort: str
    method: str = DENSE
    level: int = 0
    branch: str | None = None

    def folder(self, results: str) -> str:
        """Locate the files of this training."""
        if self.level == 0:
            return dense_folder(results, self.task, self.cohort, self.branch)
        return level_folder(results, self.task, self.cohort, self.method, self.level, self.branch)

    def history(self, results: str) -> str:
        """Locate the history, a tidy CSV: seed, draw, step, split, loss, accuracy."""
        return f"{self.folder(results)}/history.csv"

    def trained(self, results: str) -> str:
        """Locate the weights at the end of training."""
        return f"{self.folder(results)}/trained.safetensors"

    def checkpoint(self, results: str, step: int | str) -> str:
        """Locate the weights at a step of this training."""
        return f"{self.folder(results)}/at_{step}.safetensors"

    def mask(self, results: str) -> str:
        """Locate the mask that the run is trained with; dense networks have none."""
        return f"{self.folder(results)}/mask.safetensors"

    def first_mask(self, results: str) -> str:
        """Locate the mask that a training begins with which changes its mask."""
        return f"{self.folder(results)}/first_mask.safetensors"

    def search(self, results: str) -> str:
        """Locate the history of the search that a learned mask comes from."""
        return f"{self.folder(results)}/search.csv"

    def changes(self, results: str) -> str:
        """Locate the changes of the mask in such a training, as CSV: seed, step, density, moved, explored."""
        return f"{self.folder(results)}/changes.csv"

    def costs(self, results: str) -> str:
        """Locate what the network costs without its pruned filters, as CSV."""
        return f"{self.folder(results)}/costs.csv"

    def samples(self, results: str) -> str:
        """Locate images that the trained network has drawn."""
        return f"{self.folder(results)}/samples.safetensors"

    def energy_distance(self, results: str) -> str:
        """Locate how far these images are from real ones, as CSV."""
        return f"{self.folder(results)}/energy_distance.csv"

    def judged(self, results: str) -> str:
        """Locate what a classifier says of these images, as CSV."""
        return f"{self.folder(results)}/judged.csv"

    def ticket(self) -> Run:
        """Return the ticket, or the dense run, that a branch is a counterfactual of."""
        return replace(self, branch=None)


def run_of(folder: str | Path) -> tuple[str, Run]:
    """Return the results folder and the run of a training's folder: the inverse of `Run.folder`.

    Raises ArtifactError for another folder.
    """
    parts = [*Path(folder).parts]
    level = re.compile(r"level_([1-9]\d*)$")
    branch = None if parts and (level.match(parts[-1]) or parts[-1] == DENSE) else parts.pop() if parts else None
    match parts:
        case [*results, task, cohort, method, last] if number := level.match(last):
            return str(Path(*results)), Run(task, cohort, method, int(number[1]), branch)
        case [*results, task, cohort, last] if last == DENSE:
            return str(Path(*results)), Run(task, cohort, branch=branch)
    raise ArtifactError(f"{folder}: is no training's folder (results/TASK/SEEDS/METHOD/level_N or .../SEEDS/dense)")
