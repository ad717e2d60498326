"""The options of the study of strong tickets, and the searches and figures that they ask for.

Every task names a method that searches by edge-popup and leaves the weights untrained. From it come the same search in
other weights and other widths, the other ways of learning a mask, and masks by a criterion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from lth_core import registry
from lth_core.config import Choice, Config, Method, Search, Task
from lth_core.storage.paths import supermasks_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, rising
from lth_core.studies.chains import LARGE_RATE, at_rate

EDGE_POPUP, GATES, SAMPLED, RESCALED = "edge-popup", "gates", "sampled", "sampled-rescaled"
RANDOM, ONE_SHOT, UNTRAINED, DENSE = "random", "one-shot", "untrained", "dense"
"""Kinds of subnetworks, the whole network before training, and the trained one."""
WEIGHTS = ("initial", "constant")
CRITERION = "large-final-same-sign"
"""The criterion whose masks make untrained weights most accurate in Zhou et al. 2019, section 5."""


class Design(Study):
    """The options of the study, and what they ask for: derived tasks and methods, runs and figures."""

    needs: ClassVar = {"gate_penalties": ("gates",), "width_level": ("widths",)}

    # ------------------------------------------------------------ other ways of learning a mask
    sampled: PositiveFloat | None = LARGE_RATE
    """Learning rate (SGD) of masks that are drawn (Zhou et al. 2019), rescaled and not; `null`: no such masks."""
    gates: PositiveFloat | None = 0.01
    """Learning rate (Adam) of Bernoulli gates (Tsayag & Lindenbaum 2026); `null`: no gates."""
    gate_penalties: Annotated[list[NonNegativeFloat], Field(min_length=1)] = [1.0, 3.0, 10.0, 30.0]
    """Penalties of open gates, rising; each leads to a density."""
    one_shot: bool = True
    """Also look at masks that a criterion finds with the help of the trained network."""

    # ------------------------------------------------------------ other weights, other widths
    weights: bool = True
    """Compare signed constants with the initial values."""
    widths: list[PositiveFloat] = []
    """Factors, rising, of the option `width` or `hidden` of the task's model; 1 is the task itself."""
    width_level: PositiveInt = 1
    """The level of the search in networks of other widths."""

    _rising = field_validator("gate_penalties", "widths")(rising)

    # ------------------------------------------------------------ tasks and methods

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive the tasks of other widths. Raises ValueError for a model that has no such option."""
        return {
            self.at_width(name, factor): widened(config.tasks[name], factor)
            for name in self.tasks
            for factor in self.widths
            if factor != 1
        }

    def at_width(self, task: str, factor: float) -> str:
        """Name the task of another width."""
        return task if factor == 1 else f"{task}-width-{round(100 * factor)}"

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the other searches. Raises ValueError for a method that does not search by edge-popup alone."""
        derived: dict[str, Method] = {}
        for base in dict.fromkeys(self.tasks.values()):
            method = config.methods[base]
            if not method.search or method.search.parametrization.name != EDGE_POPUP or method.search.retrain:
                raise ValueError(f"method '{base}' must have search: {{parametrization: {EDGE_POPUP}, retrain: false}}")
            if self.width_level > method.levels:
                raise ValueError(f"width_level: {self.width_level} must be at most {method.levels}, as in '{base}'")
            derived |= {name: other for name, other in self._searches(base, method) if name != base}
        return derived

    def _searches(self, base: str, method: Method) -> Iterator[tuple[str, Method]]:
        search = method.search
        assert search is not None
        for weights in WEIGHTS if self.weights else ():
            yield self.in_weights(method, base, weights), _searching(method, search, weights=weights)
        for factor in self.gate_penalties if self.gates else ():
            gates = Choice.of("bernoulli-gates", penalty_weight=factor)
            train = at_rate(self.gates or 0, "adam", search.train)
            yield gated(base, factor), _freely(method, search, parametrization=gates, train=train)
        for kind, rescale in ((SAMPLED, False), (RESCALED, True)) if self.sampled else ():
            drawn = Choice.of("sampled-mask", rescale=rescale)
            train = at_rate(self.sampled or 0, "sgd", search.train)
            yield f"{base}-{kind}", _freely(method, search, parametrization=drawn, train=train)
        if self.one_shot:
            yield f"{base}-{ONE_SHOT}", method.model_copy(update={"search": None, "criterion": Choice(name=CRITERION)})

    def in_weights(self, method: Method, base: str, weights: str) -> str:
        """Name the edge-popup search in initial values or signed constants: one of them is the task's own method."""
        return base if method.search and method.search.weights == weights else f"{base}-{weights}"

    # ------------------------------------------------------------ runs

    def runs(self, config: Config) -> list[Run]:
        """List the dense networks and the searches of every cohort of every task."""
        return [run for task in self.tasks for run in self._runs_of(config, task)]

    def _runs_of(self, config: Config, task: str) -> Iterator[Run]:
        for cohort in config.tasks[task].cohorts:
            yield Run(task, cohort)
            yield from (run for _, _, run in self.searches(config, task, cohort))
            for factor in self.widths:
                if factor != 1:
                    yield Run(self.at_width(task, factor), cohort)
                    yield Run(self.at_width(task, factor), cohort, self.tasks[task], self.width_level)

    def searches(self, config: Config, task: str, cohort: str) -> Iterator[tuple[str, str, Run]]:
        """List the kind of subnetwork, the weights below its mask and the run of every search of a task."""
        base = self.tasks[task]
        method = config.methods[base]
        assert method.search is not None
        weights_below = method.search.weights
        for weights in WEIGHTS if self.weights else (weights_below,):
            name = self.in_weights(method, base, weights)
            yield from ((EDGE_POPUP, weights, Run(task, cohort, name, level)) for level in levels_of(method))
        for factor in self.gate_penalties if self.gates else ():
            yield GATES, weights_below, Run(task, cohort, gated(base, factor), 1)
        for kind in (SAMPLED, RESCALED) if self.sampled else ():
            yield kind, weights_below, Run(task, cohort, f"{base}-{kind}", 1)

    # ------------------------------------------------------------ analyses

    def analyses(self, config: Config) -> list[str]:
        """List the histories of searches, which begin with random masks, and accuracies of a criterion's masks."""
        return [*self.search_files(config).values(), *self.supermask_files(config).values()]

    def search_files(self, config: Config) -> dict[tuple[str, str, Run], str]:
        """Return task, weights and run -> the history of each edge-popup search."""
        return {
            (task, weights, run): run.search(config.results)
            for task in self.tasks
            for cohort in config.tasks[task].cohorts
            for kind, weights, run in self.searches(config, task, cohort)
            if kind == EDGE_POPUP
        }

    def supermask_files(self, config: Config) -> dict[tuple[str, str], str]:
        """Return task and cohort -> the accuracies of untrained weights under the criterion's masks."""
        return {
            (task, cohort): supermasks_file(config.results, task, cohort, f"{base}-{ONE_SHOT}")
            for task, base in self.tasks.items()
            for cohort in config.tasks[task].cohorts
            if self.one_shot
        }

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, in the order of the page."""
        kinds = ["subnetworks", *(["weights"] if self.weights else []), *(["widths"] if self.widths else [])]
        return [f"{kind}-{task}" for task in self.tasks for kind in kinds]


def gated(base: str, penalty: float) -> str:
    """Name the search by gates with a penalty."""
    return f"{base}-{GATES}-{penalty:g}".replace(".", "_").replace("+", "")


def levels_of(method: Method) -> range:
    """Return the levels of a method."""
    return range(1, method.levels + 1)


def widened(task: Task, factor: float) -> Task:
    """Return a task with its network's width multiplied. Raises ValueError for a model without such an option."""
    name, options = task.model.name, task.model.options
    known = registry.model.options(name)
    if "width" in known:
        options |= {"width": factor * options.get("width", known["width"].default)}
    elif "hidden" in known:
        hidden = options.get("hidden", known["hidden"].default)
        options |= {"hidden": [max(1, round(factor * units)) for units in hidden]}
    else:
        raise ValueError(f"widths: model '{name}' has neither an option `width` nor `hidden`: leave widths out")
    return task.model_copy(update={"model": Choice.of(name, **options)})


def _searching(method: Method, search: Search, **changed: Any) -> Method:
    return method.model_copy(update={"search": search.model_copy(update=changed)})


def _freely(method: Method, search: Search, **changed: Any) -> Method:
    """The method with a search that finds a density of its own."""
    changed |= {"scaled": False}
    one = {"levels": 1, "densities": [], "scope": "layer", "rate_by_kind": {}, "allocation": "rates"}
    return _searching(method, search, **changed).model_copy(update=one)
