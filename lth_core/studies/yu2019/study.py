"""The options of the study of Yu et al. 2020, and the trainings and figures that they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import PositiveInt

from lth_core import registry
from lth_core.config import Choice, Config, Method, Name, Task
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_reached
from lth_core.studies.chains import rewound

RANDOM, REINIT = "random-mask-reinit", "reinit"
EMBEDDINGS = "prune_embeddings"
"""The option of language models, yours too, that prunes their embeddings with the rest."""


class Design(Study):
    """The options of the study, and what they ask for: derived tasks and methods, runs and figures."""

    needs: ClassVar = {"control_levels": ("controls",), "one_shot_levels": ("one_shot",)}

    controls: list[Name] = [RANDOM, REINIT]
    """Branches or treatments to compare tickets with."""
    control_levels: list[PositiveInt] = []
    """Levels at which the controls are trained; empty: all."""
    one_shot: bool = True
    """Also prune in one shot; needs an iterative method."""
    one_shot_levels: list[PositiveInt] = []
    """Levels of one-shot pruning; empty: all."""
    resetting: bool = True
    """Also reset to theta_0 instead of rewinding; needs a method that rewinds to a later step."""
    embeddings: bool = True
    """Also prune the embeddings of models that have an option `prune_embeddings`, as a further task."""

    # ------------------------------------------------------------ tasks, methods and trainings

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive the tasks whose embeddings are pruned, too."""
        derived = {}
        for name in self.tasks:
            task = config.tasks[name]
            if self.compares_embeddings(task):
                options = task.model.model_dump() | {EMBEDDINGS: True}
                derived[with_embeddings(name)] = task.model_copy(update={"model": Choice.model_validate(options)})
        return derived

    def compares_embeddings(self, task: Task) -> bool:
        """Return whether the task's network has embeddings that it prunes on request, and does not prune yet."""
        on_request = EMBEDDINGS in registry.model.options(task.model.name)
        return self.embeddings and on_request and not task.model.options.get(EMBEDDINGS)

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the methods that reset and that prune in one shot, where they are compared."""
        derived = {}
        for name in self.tasks.values():
            method = config.methods[name]
            if self.has_one_shot(method):
                derived[one_shot(name)] = method.model_copy(update={"iterative": False})
            if self.has_resetting(method):
                other, resetting = rewound(config, name, 0)
                derived |= {} if other in config.methods else {other: resetting}
        return derived

    def has_one_shot(self, method: Method) -> bool:
        """Return whether one-shot pruning is compared with this method."""
        return self.one_shot and method.iterative

    def has_resetting(self, method: Method) -> bool:
        """Return whether resetting is compared with this method."""
        return self.resetting and method.rewind.policy == "rewind" and method.rewind.step > 0

    def runs(self, config: Config) -> list[Run]:
        """List dense networks, tickets, their controls and the other ways of pruning, of every cohort of every task.

        Raises ValueError for levels beyond those of all methods.
        """
        for option in ("control_levels", "one_shot_levels"):
            if option in self.model_fields_set:
                require_reached(config, self.tasks.values(), getattr(self, option), option)
        return [run for task in self.tasks for run in self._runs_of(config, task)]

    def _runs_of(self, config: Config, task: str) -> Iterator[Run]:
        name, settings = self.tasks[task], config.tasks[task]
        method = config.methods[name]
        levels = range(1, method.levels + 1)
        for cohort in settings.cohorts:
            yield Run(task, cohort)
            for level in levels:
                yield Run(task, cohort, name, level)
                for control in self.controls if level in (self.control_levels or levels) else ():
                    yield Run(task, cohort, name, level, control)
                if self.has_resetting(method):
                    yield Run(task, cohort, rewound(config, name, 0)[0], level)
                if self.has_one_shot(method) and level in (self.one_shot_levels or levels):
                    yield Run(task, cohort, one_shot(name), level)
            if self.compares_embeddings(settings):
                yield Run(with_embeddings(task), cohort)
                yield from (Run(with_embeddings(task), cohort, name, level) for level in levels)

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, in the order of the page."""
        return [name for name, _ in self.drawn(config)]

    def drawn(self, config: Config) -> Iterator[tuple[str, str]]:
        """List the figures to draw, each with the task that it shows."""
        for task in self.tasks:
            yield f"tickets-{task}", task
            if self.compares_embeddings(config.tasks[task]):
                yield f"embeddings-{task}", task
        if len(self.tasks) > 1 and RANDOM in self.controls:
            yield "advantage", ""


def one_shot(method: str) -> str:
    """Name the derived one-shot method."""
    return f"{method}-one-shot"


def with_embeddings(task: str) -> str:
    """Name the derived task whose embeddings are pruned, too."""
    return f"{task}-embeddings"
