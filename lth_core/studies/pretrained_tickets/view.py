"""What figures and claims of the study look up of one task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lth_core.analysis.measurements import select, select_dense
from lth_core.studies.task_tables import TaskTables

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class View(TaskTables):
    """One task of the study, and the measurements of what is trained on it."""

    @property
    def method(self) -> str:
        """Return the method that finds all tickets."""
        return self.study.method()

    def dense(self) -> pd.DataFrame:
        """Return the rows of the dense network that starts from pre-trained weights."""
        return select_dense(self.tables["measurements"], self.task)

    def rows(self, branch: str = "ticket", mask_of: str | None = None) -> pd.DataFrame:
        """Return the rows of tickets, or of a control, with the masks of a task; by default its own."""
        rows = select(self.tables["measurements"], self.task, self.method, branch)
        return rows[rows["mask_of"] == (mask_of or self.task)]

    def dense_control(self, branch: str) -> pd.DataFrame:
        """Return the rows of the dense network that a control starts, if there are any."""
        rows = self.of_task("measurements")
        return rows[(rows["level"] == 0) & (rows["branch"] == branch)]
