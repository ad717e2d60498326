"""What the figures and captions of Frankle & Carbin 2019 look at: the study, its tables and some tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from lth_core.analysis.measurements import nearest_level, select, select_dense
from lth_core.config import Config
from lth_core.drawing.colours import ROLES
from lth_core.metrics import Metric
from lth_core.studies.frankle2019.early_stop import stops_last, too_short
from lth_core.studies.frankle2019.study import CURVE_DENSITIES, Design, treatment
from lth_core.tasks.metrics import metric_of


@dataclass(frozen=True)
class View:
    """What the figures of some tasks are drawn from; `task` is the first of them."""

    study: Design
    config: Config
    tables: Mapping[str, pd.DataFrame]
    tasks: tuple[str, ...]

    @property
    def task(self) -> str:
        """Return the task that the figure is named after."""
        return self.tasks[0]

    @property
    def metric(self) -> Metric:
        """Return what the tasks are compared by."""
        return metric_of(self.config.tasks[self.task])

    @property
    def method(self) -> str:
        """Return the method that finds the tickets of `task`."""
        return self.study.tasks[self.task]

    def curve(self, branch: str = "ticket", *, task: str | None = None, method: str | None = None) -> pd.DataFrame:
        """Return the measurements over densities, from the dense network on unless level 1 was not trained."""
        task = task or self.task
        rows = self.tables["measurements"]
        pruned = select(rows, task, method or self.study.tasks[task], branch)
        return pd.concat([select_dense(rows, task), pruned]) if (pruned["level"] == 1).any() else pruned

    def densities(self) -> pd.Series:
        """Return the densities of the tickets and of the dense network, one per measurement."""
        return self.curve()["density"]

    def seeds(self) -> int:
        """Return the number of seeds of `task`."""
        return self.curve()["seed"].nunique()

    def stops_last(self) -> float:
        """Return the part of the trainings of `task` that are best at their last evaluation: none has stopped early."""
        return stops_last(self.tables["measurements"], self.config, self.task)

    def too_short(self) -> bool:
        """Return whether training is too short to draw when to stop: half of the trainings would stop at the end."""
        return too_short(self.tables["measurements"], self.config, self.task)

    def reinits(self) -> list[str]:
        """List the controls that keep the mask and draw a new initialization."""
        return self.study.reinits(self.config)

    def one_shots(self) -> bool:
        """Return whether one-shot pruning is compared with the method."""
        return self.study.has_one_shot(self.config.methods[self.method])

    def control_label(self, name: str) -> str:
        """Return the label of a control: that of its treatment, or its name if a user registered the treatment."""
        role = treatment(self.config, name)
        return ROLES[role].label if role in ROLES else name

    def curve_levels(self) -> tuple[list[int], list[int]]:
        """Return the levels whose training curves are drawn: two of large tickets, then small ones."""
        tickets = select(self.tables["curves"], self.task, self.method)
        levels = [nearest_level(tickets, density) for density in CURVE_DENSITIES]
        large, small = ([level for level in part if level is not None] for part in (levels[:2], levels[2:]))
        return large, small

    def layers(self) -> list[str]:
        """List the layers whose weights were put into histograms, in network order."""
        weights = self.tables["weights"]
        return [str(name) for name in weights.loc[weights["task"] == self.task, "layer"].unique()]
