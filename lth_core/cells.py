"""Cells of the grid task x cohort x method x level x branch, and where each one's files lie."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lth_core.artifacts import dense_folder, level_folder

DENSE = "dense"


@dataclass(frozen=True, order=True)
class Cell:
    """One training of a cohort: a ticket, the dense run (level 0), or a counterfactual of either (a branch)."""

    task: str
    cohort: str
    method: str = DENSE
    level: int = 0
    branch: str | None = None

    def folder(self, results: str) -> str:
        """Where the files of this training lie."""
        if self.level == 0:
            return dense_folder(results, self.task, self.cohort, self.branch)
        return level_folder(results, self.task, self.cohort, self.method, self.level, self.branch)

    def history(self, results: str) -> str:
        """Tidy CSV: seed, draw, step, split, loss, accuracy."""
        return f"{self.folder(results)}/history.csv"

    def trained(self, results: str) -> str:
        """The weights at the end of training."""
        return f"{self.folder(results)}/trained.safetensors"

    def checkpoint(self, results: str, step: int | str) -> str:
        """The weights at a step of this very training."""
        return f"{self.folder(results)}/at_{step}.safetensors"

    def mask(self, results: str) -> str:
        """The mask that the cell is trained with; dense networks have none."""
        return f"{self.folder(results)}/mask.safetensors"

    def ticket(self) -> Cell:
        """The ticket, or the dense run, that a branch is a counterfactual of."""
        return replace(self, branch=None)
