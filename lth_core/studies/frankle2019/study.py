"""The options of the study of Frankle & Carbin 2019, and the trainings and figures that they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import PositiveInt

from lth_core.config import Branch, Choice, Config, Method, Name, Rewind, Task
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_reached
from lth_core.tasks.metrics import metric_of

CURVE_DENSITIES = (0.51, 0.21, 0.07, 0.036, 0.019)
"""Densities whose training curves are drawn, as in Figure 3: the nearest levels."""


class Design(Study):
    """The options of the study, and what they ask for: methods, runs, analyses and figures."""

    needs: ClassVar = {"control_levels": ("controls",), "strategy_levels": ("one_shot", "continued")}

    controls: tuple[Name, ...] = ("reinit", "random-mask")
    """Branches that the tickets are compared with: names of `branches` or of registered treatments."""
    control_levels: tuple[PositiveInt, ...] = ()
    """Levels at which the controls are trained; empty: all."""
    one_shot: bool = True
    """Also prune in one shot, straight from the dense network (Figure 4c); needs an iterative method."""
    continued: bool = True
    """Also prune iteratively without resetting, and measure those masks from theta_0 (Figures 9 and 10); needs an
    iterative method that resets."""
    strategy_levels: tuple[PositiveInt, ...] = ()
    """Levels at which one-shot pruning and pruning without resetting are measured; empty: all."""
    histogram_levels: tuple[PositiveInt, ...] = (3, 7, 12)
    """Levels whose weights are shown in histograms (Figures 15, 16 and 19)."""

    # ------------------------------------------------------------ trainings

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive one-shot and continued variants of the tasks' methods, where they are compared."""
        derived = {}
        for method in self.tasks.values():
            settings = config.methods[method]
            if self.has_one_shot(settings):
                derived[one_shot(method)] = settings.model_copy(update={"iterative": False})
            if self.has_continued(settings):
                derived[continued(method)] = settings.model_copy(update={"rewind": Rewind(policy="lr-rewind")})
        return derived

    def runs(self, config: Config) -> list[Run]:
        """List dense networks, tickets, their controls and the other strategies, for every cohort of every task.

        Raises ValueError for levels beyond those of all methods.
        """
        for option in ("control_levels", "strategy_levels", "histogram_levels"):
            if option in self.model_fields_set:
                require_reached(config, self.tasks.values(), getattr(self, option), option)
        return [run for task in self.tasks for run in self._runs_of(config, task)]

    def _runs_of(self, config: Config, task: str) -> Iterator[Run]:
        method = self.tasks[task]
        settings = config.methods[method]
        control_levels = up_to(settings.levels, self.control_levels)
        strategy_levels = up_to(settings.levels, self.strategy_levels)
        for cohort in config.tasks[task].cohorts:
            yield Run(task, cohort)
            for level in range(1, settings.levels + 1):
                yield Run(task, cohort, method, level)
                for control in self.controls if level in control_levels else ():
                    yield Run(task, cohort, method, level, control)
            for level in strategy_levels:
                if self.has_one_shot(settings):
                    for branch in (None, *self.reinits(config)):
                        yield Run(task, cohort, one_shot(method), level, branch)
                if self.has_continued(settings):
                    yield Run(task, cohort, continued(method), level, "reset")

    def has_one_shot(self, method: Method) -> bool:
        """Return whether one-shot pruning is compared with this method."""
        return self.one_shot and method.iterative

    def has_continued(self, method: Method) -> bool:
        """Return whether pruning without resetting is compared with this method."""
        return self.continued and method.iterative and method.rewind.policy == "reset"

    def reinits(self, config: Config) -> list[str]:
        """List the controls that keep the mask and draw a new initialization."""
        return [name for name in self.controls if treatment(config, name) == "reinit"]

    # ------------------------------------------------------------ analyses

    def analyses(self, config: Config) -> list[str]:
        """List the histograms of the dense network's weights, at the chosen levels."""
        return list(self.histograms(config).values())

    def histograms(self, config: Config) -> dict[Run, str]:
        """Return the tickets at the chosen levels, each with its histograms of the dense network's weights."""
        runs = [
            Run(task, cohort, method, level)
            for task, method in self.tasks.items()
            for cohort in config.tasks[task].cohorts
            for level in self.histogram_levels
            if level <= config.methods[method].levels
        ]
        return {run: f"{run.folder(config.results)}/weight_histograms.csv" for run in runs}

    # ------------------------------------------------------------ figures

    def drawn(self, config: Config) -> Iterator[tuple[str, tuple[str, ...]]]:
        """List the figures to draw: kind, and the tasks that it shows."""
        for task, method in self.tasks.items():
            settings = config.methods[method]
            yield "fig03-training", (task,)
            if not drops_rate(config.tasks[task]):
                yield "fig04-tickets", (task,)
                yield "fig05-early-stop", (task,)
                if dropout(config.tasks[task]):
                    yield "fig06-dropout", (task, *self._without_dropout(config, task))
                if self.has_continued(settings):
                    yield "fig09-strategies", (task,)
            if self.controls:
                yield "fig14-controls", (task,)
            if any(level <= settings.levels for level in self.histogram_levels):
                yield "fig15-initial-values", (task,)
                yield "fig19-distances", (task,)
        for tasks in self.rate_groups(config):
            yield "fig07-thirds", tasks

    def _without_dropout(self, config: Config, task: str) -> list[str]:
        """List the tasks with the same data, network and metric as `task`, but no dropout."""
        return [name for name in self._alike(config, task) if not dropout(config.tasks[name])]

    def rate_groups(self, config: Config) -> list[tuple[str, ...]]:
        """Group the tasks whose learning rate falls in steps by data and network."""
        stepped = [task for task in self.tasks if drops_rate(config.tasks[task])]
        groups = [tuple(name for name in self._alike(config, task) if name in stepped) for task in stepped]
        return list(dict.fromkeys(groups))

    def _alike(self, config: Config, task: str) -> list[str]:
        def network(name: str) -> tuple[str, str, str]:
            task = config.tasks[name]
            return task.dataset, task.model.name, metric_of(task).name

        return [name for name in self.tasks if network(name) == network(task)]

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and first task, in the order of the page."""
        return [f"{kind}-{tasks[0]}" for kind, tasks in self.drawn(config)]


def one_shot(method: str) -> str:
    """Name the derived one-shot method."""
    return f"{method}-one-shot"


def continued(method: str) -> str:
    """Name the derived method that prunes without resetting."""
    return f"{method}-continued"


def treatment(config: Config, branch: str) -> str:
    """Return the registered treatment of a branch: the one configured for it, or the one of the same name."""
    return config.branches.get(branch, Branch(treatment=Choice(name=branch))).treatment.name


def drops_rate(task: Task) -> bool:
    """Return whether the learning rate falls in steps, whatever the optimizer.

    Validation loss then falls with it, so the step of early stopping says when the rate fell, not how fast a network
    learns (section 4, Figure 7).
    """
    return task.train.schedule.name == "step"


def dropout(task: Task) -> float:
    """Return the network's dropout rate."""
    return task.model.options.get("dropout", 0.0)


def up_to(last: int, levels: Iterable[int]) -> list[int]:
    """Return the chosen levels up to the last one, in order; all of them if none is chosen."""
    return sorted(set(levels) & set(range(1, last + 1))) if levels else list(range(1, last + 1))
