"""One task of a study, and the tables that its figures and claims are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lth_core.config import Config
from lth_core.metrics import Metric
from lth_core.tasks.metrics import metric_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TaskTables:
    """One task of a study, with the study's tables; subclasses look up what they draw or claim."""

    study: Any
    config: Config
    tables: dict[str, pd.DataFrame]
    task: str

    @property
    def metric(self) -> Metric:
        """Return what the task is measured by."""
        return metric_of(self.config.tasks[self.task])

    def of_task(self, table: str) -> pd.DataFrame:
        """Return the rows of the task."""
        return self.tables[table][self.tables[table]["task"] == self.task]
