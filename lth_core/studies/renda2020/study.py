"""The options of the study of Renda, Frankle & Carbin 2020, and the trainings and figures that they ask for.

Four techniques are compared for several retraining budgets t out of T training steps: fine-tuning (trained weights, the
schedule's last learning rate), weight rewinding (weights and schedule of step T - t), learning-rate rewinding (trained
weights, schedule of step T - t) and weight rewinding at the last rate. Pruning is one-shot, straight from the dense
network, or iterative. The control is the masks of one-shot pruning on a fresh initialization. The paper's own
algorithm is iterative learning-rate rewinding with the full budget t = T.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Config, Method, Policy, Rewind
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels, rising

FINE_TUNING = "fine-tuning"
WEIGHT_REWINDING = "weight-rewinding"
RATE_REWINDING = "rate-rewinding"
LOW_RATE_REWINDING = "low-rate-rewinding"
REINIT = "reinit"
PRUNED = "pruned"

POLICIES: dict[str, Policy] = {
    FINE_TUNING: "fine-tune",
    WEIGHT_REWINDING: "rewind",
    RATE_REWINDING: "lr-rewind",
    LOW_RATE_REWINDING: "rewind-low-rate",
}
"""Technique -> its rewind policy."""

AT_LAST_RATE: dict[Policy, Policy] = {"lr-rewind": "fine-tune", "rewind": "rewind-low-rate"}
"""Rewind policy -> the one that it equals once the learning rate no longer changes."""

ONE_SHOT, ITERATIVE = "one-shot", "iterative"


@dataclass(frozen=True)
class Retraining:
    """One chain of tickets: how it is pruned and retrained, and the name of the method that does so."""

    pruning: str
    technique: str
    budget: int
    method: str


class Design(Study):
    """The options of the study, and what they ask for: methods, runs and figures."""

    budgets: Annotated[list[PositiveInt], Field(min_length=1)]
    """Retraining budgets t in steps, rising, below T, the steps of the task; T itself is always added."""
    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which one-shot pruning is compared; iterative pruning goes on to the last of them."""
    iterative_budgets: list[PositiveInt] = []
    """Retraining budgets of iterative pruning in steps, rising, besides T."""

    _rising = field_validator("budgets", "levels", "iterative_budgets")(rising)

    # ------------------------------------------------------------ trainings

    def retrainings(self, config: Config, task: str) -> list[Retraining]:
        """List every combination of pruning, technique and budget of a task."""
        return [retraining for retraining, _ in self._derived(config, task)]

    def full(self, config: Config, task: str) -> int:
        """Return T, the steps of the task's training."""
        return config.tasks[task].train.steps

    def constant_budget(self, config: Config, task: str) -> int:
        """Return the steps after the last drop of the learning rate: budgets up to this replay no drop.

        With these, rewinding the rate is fine-tuning, and rewinding weights is rewinding them at the last rate. Equal
        trainings are run once.
        """
        return self.full(config, task) - config.tasks[task].train.schedule.drop_steps[-1]

    def _derived(self, config: Config, task: str) -> Iterator[tuple[Retraining, Method]]:
        full, base, constant = self.full(config, task), self.tasks[task], self.constant_budget(config, task)
        for pruning, budgets in ((ONE_SHOT, self.budgets), (ITERATIVE, self.iterative_budgets)):
            for technique, policy in POLICIES.items():
                for budget in (*budgets, full):
                    replayed = policy if budget > constant else AT_LAST_RATE.get(policy, policy)
                    name, method = retrained(config, base, replayed, full - budget, pruning == ITERATIVE)
                    yield Retraining(pruning, technique, budget, name), method

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the tasks' methods with every retraining.

        Raises ValueError for tasks on which retraining techniques would not differ, or whose methods do not fit.
        """
        for task in self.tasks:
            self._check(config, task)
        return {
            retraining.method: method
            for task, base in self.tasks.items()
            for retraining, method in self._derived(config, task)
            if retraining.method != base
        }

    def _check(self, config: Config, task: str) -> None:
        settings, method, full = config.tasks[task].train, self.tasks[task], self.full(config, task)
        if settings.schedule.name != "step":
            why = (
                "its learning rate never falls, so that learning-rate rewinding would be the same as fine-tuning"
                if settings.schedule.name == "constant"
                else "its learning rate falls to 0, so that fine-tuning at the last rate would change nothing"
            )
            raise ValueError(f"tasks.{task}: {why}: set the task's train.schedule to {{name: step, drop_steps: ...}}")
        for key in ("budgets", "iterative_budgets"):
            if (most := max(getattr(self, key), default=0)) >= full:
                raise ValueError(
                    f"{key}: {most} must be less than {full}, the steps of task '{task}', which are always compared"
                )
        if not config.methods[method].iterative:
            raise ValueError(f"tasks.{task}: method '{method}' must be iterative; the one-shot variant is derived")
        if config.methods[method].treatment:
            raise ValueError(f"tasks.{task}: method '{method}' must have no treatment: retraining techniques use none")
        require_levels(config, method, self.levels)

    def runs(self, config: Config) -> list[Run]:
        """List dense runs, one-shot tickets at the chosen levels, all iterative tickets, and the reinit control."""
        runs = []
        for task in self.tasks:
            for cohort in config.tasks[task].cohorts:
                runs.append(Run(task, cohort))
                for retraining in self.retrainings(config, task):
                    levels = self.levels if retraining.pruning == ONE_SHOT else range(1, self.levels[-1] + 1)
                    runs += [Run(task, cohort, retraining.method, level) for level in levels]
                runs += [Run(task, cohort, self.reset_method(config, task), level, REINIT) for level in self.levels]
        return list(dict.fromkeys(runs))

    def reset_method(self, config: Config, task: str) -> str:
        """Return the one-shot method that goes back to theta_0; all one-shot methods have its masks."""
        return retrained(config, self.tasks[task], "rewind", 0, iterative=False)[0]

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and task, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("delta-density", "delta-budget", "frontier")]


def retrained(config: Config, method: str, policy: Policy, step: int, iterative: bool) -> tuple[str, Method]:
    """Return the method with another pruning and rewinding, and its name, which says what differs."""
    settings = config.methods[method]
    rewind = Rewind() if policy == "rewind" and not step else Rewind(policy=policy, step=step)
    base = method if iterative else f"{method}-one-shot"
    name = base if rewind == settings.rewind else f"{base}-{policy}-{step}"
    return name, settings.model_copy(update={"iterative": iterative, "rewind": rewind})
