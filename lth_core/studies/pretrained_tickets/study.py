"""The options of the study of Chen et al. 2020, and the trainings and figures that they ask for.

All tasks start from the same pre-trained weights. Each finds tickets by iterative pruning, and every ticket starts from
the pre-trained weights again. The pre-training finds tickets, too: its objective, on its data, goes on from its own
weights, by the recipe of the tasks. Every mask is then trained on every other task.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import PositiveInt, field_validator

from lth_core.config import Branch, Config, Name, Task
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels, require_reset, rising
from lth_core.studies.chains import ticket_of

RANDOM, FRESH, PERMUTED = "random-mask", "reinit", "redraw"


class Design(Study):
    """The options of the study, and what they ask for: a derived task, branches, runs and figures."""

    controls: list[Name] = [RANDOM, FRESH, PERMUTED]
    """Branches or treatments to compare tickets with: a random mask of the same counts per layer on the pre-trained
    weights, the ticket's mask on fresh weights, and on the pre-trained weights permuted within each layer."""
    control_levels: list[PositiveInt] = []
    """Levels, rising, at which the controls are trained; empty: all."""
    transfer_levels: list[PositiveInt] = []
    """Levels, rising, at which every mask is trained on every other task; empty: all."""

    _rising = field_validator("control_levels", "transfer_levels")(rising)

    # ------------------------------------------------------------ tasks

    def pretraining(self, config: Config) -> str | None:
        """Return the task whose trained weights all tasks start from; None where their networks are built with them.

        Raises ValueError unless all tasks start from the same ones, in the same network.
        """
        starts = {task: config.tasks[task].initialization.source for task in self.tasks}
        (first, start), *others = starts.items()
        for task, other in others:
            if other != start:
                raise ValueError(
                    f"tasks '{first}' and '{task}' start from different weights: give both the same "
                    "`initialization: {from: {task: ...}}`"
                )
        if start is None and config.tasks[first].initialization.weights != "as-built":
            raise ValueError(
                f"task '{first}' starts from drawn weights: give it `initialization: {{from: {{task: ...}}}}`, the "
                "task that pre-trains, or `{weights: as-built}` if its network is built with pre-trained weights"
            )
        source = [start.task] if start and start.task in config.tasks else []  # others are reported elsewhere
        one, *rest = [*source, *self.tasks]
        for task in rest:
            if config.tasks[task].model != config.tasks[one].model:
                raise ValueError(
                    f"tasks '{one}' and '{task}' have different networks, and weights or masks pass between them: give "
                    "both the same `model`"
                )
        return start.task if start else None

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive the task that goes on with pre-training: the tasks' recipe and start, on the data of pre-training."""
        source, first = self.pretraining(config), config.tasks[next(iter(self.tasks))]
        if source is None or source not in config.tasks:  # which another check reports
            return {}
        pretrained = config.tasks[source]
        update = {"initialization": first.initialization, "train": first.train, "cohorts": first.cohorts}
        return {again(source): pretrained.model_copy(update=update)}

    def members(self, config: Config) -> list[str]:
        """List the tasks that find masks, that of pre-training first."""
        source = self.pretraining(config)
        return [*([again(source)] if source else []), *self.tasks]

    def method(self) -> str:
        """Return the method of all tasks. Raises ValueError if they have several."""
        (first, method), *others = self.tasks.items()
        for task, other in others:
            if other != method:
                raise ValueError(f"tasks '{first}' and '{task}' need one method, not '{method}' and '{other}'")
        return method

    # ------------------------------------------------------------ trainings

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive `from-{source}`: the source's ticket, trained on the task of the run."""
        return dict(map(ticket_of, self.members(config)))

    def levels(self, config: Config) -> list[int]:
        """List the levels at which every mask is trained on every other task."""
        return self.transfer_levels or [*range(1, config.methods[self.method()].levels + 1)]

    def runs(self, config: Config) -> list[Run]:
        """List dense networks, tickets, controls and transferred tickets, of every cohort of every task.

        Raises ValueError unless all tasks have one method, which resets, and the same cohorts.
        """
        name = self.method()
        require_reset(config, name, "the pre-trained weights")
        require_levels(config, name, self.control_levels, "control_levels")
        require_levels(config, name, self.transfer_levels, "transfer_levels")
        if self.transfer_levels and len(self.members(config)) == 1:
            raise ValueError("transfer_levels changes nothing where one task alone finds masks: remove it")
        first, *others = self.tasks
        for task in others:
            if sorted(config.tasks[task].cohorts) != sorted(config.tasks[first].cohorts):
                raise ValueError(
                    f"tasks '{first}' and '{task}' need the same cohorts: masks are exchanged seed by seed"
                )
        return [run for member in self.members(config) for run in self._runs_of(config, member, name)]

    def _runs_of(self, config: Config, task: str, method: str) -> Iterator[Run]:
        levels, exchanged = range(1, config.methods[method].levels + 1), self.levels(config)
        others = [other for other in self.members(config) if other != task]
        downstream = task in self.tasks
        controlled = {*(self.control_levels or levels), *exchanged} if downstream else {*exchanged}
        controls = self.controls if downstream else [control for control in self.controls if control == RANDOM]
        for cohort in config.tasks[task].cohorts:
            yield Run(task, cohort)
            if FRESH in controls:
                yield Run(task, cohort, branch=FRESH)
            for level in levels:
                yield Run(task, cohort, method, level)
                yield from (Run(task, cohort, method, level, name) for name in controls if level in controlled)
                if level in exchanged:
                    yield from (Run(task, cohort, method, level, ticket_of(other)[0]) for other in others)

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, in the order of the page."""
        return ["tickets", *(["masks"] if len(self.members(config)) > 1 else [])]


def again(source: str) -> str:
    """Name the derived task that goes on with pre-training."""
    return f"{source}-again"
