"""Frankle, Dziugaite, Roy & Carbin 2019: rewinding to an early step makes subnetworks stable, and so trainable.

For every rewind step k a chain of iterative magnitude pruning (IMP) is run that rewinds to theta_k. At chosen levels
its tickets are compared with random subnetworks of the same layerwise counts: in accuracy, in stability to pruning
(distance to the dense network trained on the same data order) and in stability to data order (distance between two
trainings of the subnetwork on different data orders). Figures and claims are in the two modules next to this one.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Branch, Choice, Config, Method, Step
from lth_core.registry import study
from lth_core.storage.runs import Run
from lth_core.studies.base import Drawing, Study, rising
from lth_core.studies.chains import on_order, rewound, rewound_chains

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim

TICKET = "ticket"
RANDOM = "random-mask"
OTHER_ORDER = "order-1"
RANDOM_OTHER_ORDER = "random-mask-order-1"

DISTANCES = {
    (TICKET, "pruning"): (None, "pruning_distance.csv"),
    (TICKET, "order"): (OTHER_ORDER, "order_distance.csv"),
    (RANDOM, "pruning"): (RANDOM, "pruning_distance.csv"),
    (RANDOM, "order"): (RANDOM_OTHER_ORDER, "order_distance.csv"),
}
"""Network and kind of distance -> the branch whose folder holds it, and the file."""

COLUMNS = (
    *("task", "k", "level", "density", "network", "seed", "draw", "accuracy", "validation_accuracy"),
    *("order_l2", "order_angle", "pruning_l2", "pruning_angle"),
)
"""Of the table of measurements; angles in radians."""


@study("stabilizing2019", published="2019-03")
class Stabilizing2019(Study):
    """Stability and accuracy of subnetworks against the rewind step."""

    title: ClassVar[str] = "Stabilizing the Lottery Ticket Hypothesis"
    citation: ClassVar[str] = "Frankle, Dziugaite, Roy & Carbin, 2019 (arXiv 1903.01611)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements",)

    rewind_steps: Annotated[list[Step], Field(min_length=2)]
    """The rewind steps k, rising from 0 (reset to the initialization)."""
    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which distances and random subnetworks are measured; pruning goes on to the last of them."""

    _rising = field_validator("rewind_steps", "levels")(rising)

    @field_validator("rewind_steps")
    @classmethod
    def _from_reset(cls, steps: list[int]) -> list[int]:
        if steps[0] != 0:
            raise ValueError("must start with 0, which the other steps are compared with")
        return steps

    # ------------------------------------------------------------ trainings

    def method(self, config: Config, task: str, step: int) -> str:
        """The name of the method that rewinds to `step`: the task's own where that is what it does."""
        return rewound(config, self.tasks[task], step)[0]

    def methods(self, config: Config) -> dict[str, Method]:
        """The tasks' methods with other rewind steps."""
        return rewound_chains(config, self.tasks.values(), self.rewind_steps)

    def branches(self, config: Config) -> dict[str, Branch]:
        """The second data order, and random subnetworks (as the config defines them, if it does) on both orders."""
        random_mask = config.branches.get(RANDOM, Branch(treatment=Choice(name="random-mask")))
        return {RANDOM: random_mask} | dict([on_order(None, None, 1), on_order(RANDOM, random_mask, 1)])

    def runs(self, config: Config) -> list[Run]:
        """Dense runs, all tickets of every chain, and the branches of the chosen levels.

        Raises ValueError when a task's method has fewer levels than the study looks at.
        """
        for method in self.tasks.values():
            if (last := config.methods[method].levels) < self.levels[-1]:
                raise ValueError(f"levels: {self.levels[-1]} is beyond the {last} levels of method '{method}'")
        runs = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        for task, cohort, _, method in self._chains(config):
            runs += [Run(task, cohort, method, level) for level in range(1, self.levels[-1] + 1)]
            branches = product(self.levels, (OTHER_ORDER, RANDOM, RANDOM_OTHER_ORDER))
            runs += [Run(task, cohort, method, level, branch) for level, branch in branches]
        return runs

    def _chains(self, config: Config) -> list[tuple[str, str, int, str]]:
        """Task, cohort, rewind step and method of every chain."""
        return [
            (task, cohort, step, self.method(config, task, step))
            for task in self.tasks
            for cohort in config.tasks[task].cohorts
            for step in self.rewind_steps
        ]

    # ------------------------------------------------------------ tables

    def analyses(self, config: Config) -> list[str]:
        """Both distances of both networks at the chosen levels of every chain."""
        return list(self._distance_files(config).values())

    def _distance_files(self, config: Config) -> dict[tuple[Run, str], str]:
        """Ticket or random subnetwork, and kind of distance -> its file."""
        return {
            (Run(task, cohort, method, level, None if network == TICKET else network), kind): (
                f"{Run(task, cohort, method, level, branch).folder(config.results)}/{file}"
            )
            for task, cohort, _, method in self._chains(config)
            for level in self.levels
            for (network, kind), (branch, file) in DISTANCES.items()
        }

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """measurements: one row per task, rewind step k, level, network (dense, ticket, random-mask) and replicate.

        Accuracies (test and validation) are those of the last step. Distances are empty where they are not measured.
        """
        import pandas as pd

        from lth_core.analysis.measurements import RUN, final_accuracies, read_histories
        from lth_core.analysis.tables import read_table

        runs = [run for run in self.runs(config) if run.branch in (None, RANDOM)]
        table = final_accuracies(read_histories(config.results, runs))
        distances: dict[str, list[pd.DataFrame]] = {"order": [], "pruning": []}
        for (run, kind), path in self._distance_files(config).items():
            named = [run.task, run.cohort, run.method, run.level, run.branch or TICKET]
            found = read_table(path).rename(columns={"l2": f"{kind}_l2", "angle": f"{kind}_angle"})
            distances[kind].append(found.assign(**dict(zip(RUN, named, strict=True))))
        for found in distances.values():
            table = table.merge(pd.concat(found), on=[*RUN, "seed", "draw"], how="left")
        steps = {(task, method): step for task, _, step, method in self._chains(config)}
        table["k"] = [steps.get(chain, 0) for chain in zip(table["task"], table["method"], strict=True)]
        return {"measurements": table.rename(columns={"branch": "network"})[list(COLUMNS)]}

    # ------------------------------------------------------------ figures and claims

    def figure_names(self, config: Config) -> list[str]:
        """Kind of figure and task, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("fig04-stability", "fig05-accuracy", "angles")]

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """The figures of every task, with captions that name what is drawn."""
        from lth_core.studies.stabilizing2019.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables["measurements"])]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims about every task, as far as its levels reach."""
        from lth_core.studies.stabilizing2019.claims import claims

        return [claim for task in self.tasks for claim in claims(self, config, task, tables["measurements"])]
