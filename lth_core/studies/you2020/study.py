"""The options of the study of You et al. 2020 (arXiv 1909.11957), and the trainings and figures that they ask for.

The task's method ranks channels of the dense network in one shot; its levels are the fractions that go. Derived are
methods that draw their masks at many epochs. When masks settle depends on the data, so that no plan can know it: the
tickets of all these epochs are trained, and the one that detection would have drawn is picked from them afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from lth_core import registry
from lth_core.config import Branch, Choice, Config, Method, Recipe, Rewind, StartingWeights, Task
from lth_core.config.sections import Fraction
from lth_core.metrics import counted
from lth_core.storage.paths import channel_masks_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, rising

CONTINUED, RETRAINED, RANDOM, REINIT, ITERATIVE = ("continued", "retrained", "random", "reinit", "iterative")
LOW_PRECISION_SEARCH = "low-precision-search"
"""What becomes of a mask: the smaller network trains on in the same schedule; it is trained by the whole schedule from
the weights at the draw; so are random channels; it is trained from a fresh initialization. Masks are made by iterative
pruning. Or mask and weights at the draw come from a search in low precision."""
AS_CONFIGURED, SMALL_RATE, UNPENALIZED = ("as configured", "small learning rate", "without penalty")
LOW_PRECISION = "low precision"
SEARCHES = {"bf16": "in bfloat16", "int8-simulated": "in 8 bits"}
"""How sentences name the low precision of a search."""


class Ticket(NamedTuple):
    """One training of a ticket: what becomes of its mask, and the epoch at which that was drawn."""

    network: str
    epoch: int
    run: Run


class Design(Study):
    """The options of the study, and what they ask for: tasks, methods, branches, runs and figures."""

    epoch_steps: PositiveInt
    """Steps of an epoch, after each of which masks are compared."""
    draw_epochs: Annotated[list[PositiveInt], Field(min_length=2)]
    """Epochs, rising, whose tickets are trained. The last one is the draw that early ones are compared with."""
    epsilon: PositiveFloat = 0.1
    """Masks have settled when the newest of `queue` differs from each other one in at most this part of channels."""
    queue: Annotated[int, Field(ge=2)] = 5
    """Masks of successive epochs that are compared."""
    small_rate: Fraction = 0.1
    """The small learning rate, as a fraction of the task's, with which masks are compared, too; 0: with none."""
    search_precision: Literal["none", "bf16", "int8-simulated"] = "int8-simulated"
    """Low precision in which tickets are searched for, too, to be trained in the task's own; `none`: left out."""

    _rising = field_validator("draw_epochs")(rising)

    # ------------------------------------------------------------ what is derived

    def settings(self, config: Config, task: str) -> dict[str, str]:
        """Map the settings under which a task's masks are compared to tasks: itself, and those that are derived."""
        recipe = config.tasks[task].train
        wanted = {
            SMALL_RATE: bool(self.small_rate),
            UNPENALIZED: bool(recipe.penalty),
            LOW_PRECISION: self.search_precision not in ("none", recipe.precision),
        }
        names = {SMALL_RATE: "small-rate", UNPENALIZED: "no-penalty", LOW_PRECISION: self.search_precision}
        return {AS_CONFIGURED: task} | {one: f"{task}-{names[one]}" for one, is_wanted in wanted.items() if is_wanted}

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive the tasks with a small learning rate, without penalty, and with low precision."""
        derived = {}
        for name in self.tasks:
            task, recipe = config.tasks[name], config.tasks[name].train
            slow = recipe.optimizer.model_copy(
                update={"learning_rate": self.small_rate * recipe.optimizer.learning_rate}
            )
            recipes: dict[str, Recipe] = {
                SMALL_RATE: recipe.model_copy(update={"optimizer": slow}),
                UNPENALIZED: recipe.model_copy(update={"penalty": 0.0}),
                LOW_PRECISION: recipe.model_copy(update={"precision": self.search_precision}),
            }
            for setting, other in self.settings(config, name).items():
                if setting in recipes:
                    derived[other] = task.model_copy(update={"train": recipes[setting]})
        return derived

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive methods that draw their masks at every epoch, train them on from there, or prune iteratively."""
        derived = {}
        for task, name in self.tasks.items():
            method = config.methods[name]
            for epoch in self.draw_epochs:
                step = epoch * self.epoch_steps
                derived[drawn(name, step)] = method.model_copy(update={"prune_at": step, "rewind": Rewind()})
                if step < config.tasks[task].train.steps:
                    there = {"prune_at": step, "rewind": Rewind(policy="rewind", step=step)}
                    derived[trained_on(name, step)] = method.model_copy(update=there)
            derived[iterative(name)] = method.model_copy(update={"iterative": True, "rewind": Rewind()})
        return derived

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive the trainings by the whole schedule from every epoch's weights: of tickets and of random channels.

        Tickets of a search in low precision are trained likewise, in the task's own precision.
        """
        derived = {}
        for task in self.tasks:
            for epoch in self.draw_epochs:
                weights = StartingWeights(task=task, step=epoch * self.epoch_steps)
                for network, treatment in ((RETRAINED, "ticket"), (RANDOM, "random-channels")):
                    branch = Branch(treatment=Choice(name=treatment), weights=weights)
                    derived[branch_name(network, task, weights.step)] = branch
                if low := self.settings(config, task).get(LOW_PRECISION):
                    searched = Branch(
                        treatment=Choice(name="ticket"), source=low, weights=weights.model_copy(update={"task": low})
                    )
                    derived[branch_name(LOW_PRECISION_SEARCH, task, weights.step)] = searched
        return derived

    # ------------------------------------------------------------ trainings

    def tickets(self, config: Config, task: str) -> Iterator[Ticket]:
        """List the trained tickets of a task, of all cohorts and levels; those of iterative pruning have epoch 0."""
        name = self.tasks[task]
        low = [LOW_PRECISION_SEARCH] if LOW_PRECISION in self.settings(config, task) else []
        for cohort in config.tasks[task].cohorts:
            for level in range(1, config.methods[name].levels + 1):
                for epoch in self.draw_epochs:
                    step = epoch * self.epoch_steps
                    if step < config.tasks[task].train.steps:
                        yield Ticket(CONTINUED, epoch, Run(task, cohort, trained_on(name, step), level))
                    for network in (RETRAINED, RANDOM, *low):
                        branch = branch_name(network, task, step)
                        yield Ticket(network, epoch, Run(task, cohort, drawn(name, step), level, branch))
                    yield Ticket(REINIT, epoch, Run(task, cohort, drawn(name, step), level, "reinit"))
                yield Ticket(ITERATIVE, 0, Run(task, cohort, iterative(name), level))

    def runs(self, config: Config) -> list[Run]:
        """List the dense networks and all tickets.

        Raises ValueError for methods that do not rank channels of the dense network at once, and for epochs beyond a
        training.
        """
        for task, name in self.tasks.items():
            self._check_method(name, config.methods[name])
            steps = config.tasks[task].train.steps
            if (last := self.draw_epochs[-1]) * self.epoch_steps > steps:
                epochs = f"{counted(last, 'epochs')} of {counted(self.epoch_steps, 'steps')}"
                beyond = f"{epochs} are more than the {counted(steps, 'steps')} of task '{task}'"
                raise ValueError(f"draw_epochs: {beyond}")
            if self.queue * self.epoch_steps > steps:
                raise ValueError(f"queue: task '{task}' is trained for less than {counted(self.queue, 'epochs')}")
        dense = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        return [*dense, *(ticket.run for task in self.tasks for ticket in self.tickets(config, task))]

    @staticmethod
    def _check_method(name: str, method: Method) -> None:
        criterion = method.criterion.name
        if method.granularity != "channel" or method.iterative:
            wanted = "granularity: channel and iterative: false"
            raise ValueError(f"tasks: method '{name}' must rank the channels of the dense network: set {wanted}")
        if not registry.criterion.uses(criterion, "trained") or registry.criterion.uses(criterion, "probe"):
            raise ValueError(f"tasks: criterion '{criterion}' of method '{name}' must look at trained weights alone")
        if method.treatment or method.prune_at is not None:
            raise ValueError(f"tasks: method '{name}' must have no treatment and no prune_at, which the study sets")

    # ------------------------------------------------------------ analyses and figures

    def analyses(self, config: Config) -> list[str]:
        """List the channel masks of every epoch, of all settings."""
        return [path for task in self.tasks for _, path in self.mask_files(config, task)]

    def mask_files(self, config: Config, task: str) -> list[tuple[str, str]]:
        """List the settings of a task, each with the file of a cohort's masks."""
        return [
            (setting, channel_masks_file(config.results, other, cohort, self.tasks[task], self.epoch_steps))
            for setting, other in self.settings(config, task).items()
            for cohort in config.tasks[task].cohorts
        ]

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and task, in the order of the page."""
        return [name for task in self.tasks for name in self.figures_of(config, task)]

    def figures_of(self, config: Config, task: str) -> list[str]:
        """Name the figures of a task; that of precision only where one is lowered."""
        low = ["precision"] if LOW_PRECISION in self.settings(config, task) else []
        return [f"{kind}-{task}" for kind in ("draws", "distances", "settling", *low, "costs")]


def drawn(method: str, step: int) -> str:
    """Name the derived method that draws its masks at a step."""
    return f"{method}-drawn-at-{step}"


def trained_on(method: str, step: int) -> str:
    """Name the derived method that draws its masks at a step and trains on from there."""
    return f"{method}-from-{step}"


def iterative(method: str) -> str:
    """Name the derived method that prunes iteratively."""
    return f"{method}-iterative"


def branch_name(network: str, task: str, step: int) -> str:
    """Name the branch that trains a network by the whole schedule, from a task's weights at a step."""
    return f"{network}-{task}-at-{step}"
