"""The options of the comparison of all methods, and the trainings and figures that they ask for.

Every method has masks of the same densities on the same data, splits, seeds and recipe. Two budgets: the same training
of each ticket (`training`), and the same cost of search and training together (`total`), for which the tickets of
cheap methods are trained longer, as tasks that the study derives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field, PositiveFloat, field_validator

from lth_core.config import Branch, Choice, Config, Name, Task
from lth_core.config.sections import Rate
from lth_core.storage.runs import Run
from lth_core.studies.catalogue import CATALOGUE
from lth_core.studies.comparing import Comparing
from lth_core.studies.comparison.budgets import longer_steps, stretched
from lth_core.studies.contenders import Basis, Contender

TRAINING, TOTAL = "training", "total"
"""The two budgets: every ticket is trained as the recipe says; or search and training cost the same."""


@dataclass(frozen=True)
class Entry:
    """One training of the comparison: of which task, method and density, under which budget."""

    task: str
    contender: Contender
    budget: str
    density: float
    run: Run


class Design(Comparing):
    """The options of the study, and what they ask for."""

    compare: list[Name] = Field(default=[*CATALOGUE], min_length=2)
    """The compared methods: built-in ones, by default all, and methods of the config; one with a built-in name is used
    in its stead. All have masks of `densities`, whatever levels they have in the config: iterative ones come to them
    at their rate, the built-in ones at that of the task's method, whose step they rewind to. Write `iterative: false`
    to score once for each density."""
    densities: list[Rate] = Field(default=[0.2, 0.1, 0.05, 0.02, 0.01], min_length=1)
    """The densities of all masks, falling."""
    equal_cost_densities: list[Rate] = []
    """Those of `densities` at which methods are also compared at equal cost of search and training; empty: the
    highest. Lengths of trainings are planned by densities alone, without what scores cost, which the costs contain."""
    longest: PositiveFloat = 10.0
    """At equal cost, tickets are trained at most this many times the recipe's steps; 1: no comparison at equal cost."""

    @field_validator("densities")
    @classmethod
    def _falling(cls, densities: list[float]) -> list[float]:
        if densities != sorted(set(densities), reverse=True):
            raise ValueError("must fall")
        return densities

    # ------------------------------------------------------------ methods

    def basis(self, config: Config, task: str) -> Basis:
        """Return what the compared methods of a task have in common."""
        return Basis(self.tasks[task], self.densities)

    # ------------------------------------------------------------ longer trainings

    @property
    def has_total(self) -> bool:
        """Return whether methods are compared at equal cost, too."""
        return self.longest > 1

    @property
    def total_densities(self) -> list[float]:
        """Return the densities at which methods are compared at equal cost."""
        if not self.has_total:
            return []
        return self.equal_cost_densities or self.densities[:1]

    def longer(self, config: Config, task: str, density: float) -> dict[str, int]:
        """Return the steps of trainings that are longer at equal cost, by name of the method."""
        return longer_steps(self.contenders(config, task), density, config.tasks[task].train, self.longest)

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive the tasks whose trainings are longer."""
        return {
            longer_task(name, steps): stretched(config.tasks[name], steps)
            for name in self.tasks
            for density in self.total_densities
            for steps in self.longer(config, name, density).values()
        }

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive `of-{task}`: the task's ticket, or what a branch makes of it, trained for longer."""
        derived = {}
        for task in self.tasks if self.has_total else ():
            for contender in self.contenders(config, task):
                name = contender.branch or "ticket"
                branch = config.branches.get(name) or Branch(treatment=Choice(name=name))
                derived[longer_branch(task, contender)] = branch.model_copy(update={"source": task})
        return derived

    # ------------------------------------------------------------ trainings

    def runs(self, config: Config) -> list[Run]:
        """List dense networks and every compared training. Raises ValueError for densities that are not compared."""
        for density in self.equal_cost_densities:
            if density not in self.densities:
                known = ", ".join(f"{density:g}" for density in self.densities)
                raise ValueError(f"equal_cost_densities: {density:g} must be one of densities ({known})")
        dense = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        return list(dict.fromkeys([*dense, *(entry.run for entry in self.entries(config))]))

    def entries(self, config: Config) -> Iterator[Entry]:
        """List the compared trainings; under the budget `total` those that cost no less stay as they are."""
        for task in self.tasks:
            compared = self.contenders(config, task)
            for cohort in config.tasks[task].cohorts:
                for contender in compared:
                    for density in self.densities:
                        yield Entry(task, contender, TRAINING, density, contender.run(task, cohort, density))
                for density in self.total_densities:
                    longer = self.longer(config, task, density)
                    for contender in compared:
                        run = contender.run(task, cohort, density)
                        if contender.name in longer:
                            run = _longer_run(run, contender, longer_task(task, longer[contender.name]))
                        yield Entry(task, contender, TOTAL, density, run)

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures of every task, in the order of the page."""
        return [name for task in self.tasks for name in self.task_figures(task)]

    def task_figures(self, task: str) -> list[str]:
        """Name the figures of a task."""
        kinds = ["densities", "flops", "ranks", "search", *(["equal-cost"] if self.has_total else [])]
        return [f"{kind}-{task}" for kind in kinds]


def longer_task(task: str, steps: int) -> str:
    """Name the derived task that trains for more steps."""
    return f"{task}-{steps}-steps"


def longer_branch(task: str, contender: Contender) -> str:
    """Name the branch that trains a ticket of a task for longer."""
    return f"{contender.branch}-of-{task}" if contender.branch else f"of-{task}"


def _longer_run(run: Run, contender: Contender, task: str) -> Run:
    """The longer training: of the same mask, or, where masks change while training, with all its changes."""
    branch = None if contender.settings.during else longer_branch(run.task, contender)
    return Run(task, run.cohort, run.method, run.level, branch)
