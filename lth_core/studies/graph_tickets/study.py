"""The options of the study of graph tickets (Chen et al. 2021), and the trainings and figures that they ask for.

Every task names a method that learns masks of edges and weights together. From it come the same search for weights
alone and for edges alone, iterative magnitude pruning of the weights, and random tickets.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import PositiveInt, field_validator

from lth_core import registry
from lth_core.config import Config, Method
from lth_core.data.kinds import kind_of_data
from lth_core.storage.paths import initial_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels, rising

DENSE, UGS, RANDOM, WEIGHTS, EDGES, MAGNITUDE = "dense", "ugs", "random", "weights", "edges", "magnitude"
"""The dense network on the whole graph; what is pruned and how: edges and weights by learned masks or at random, only
one of the two by learned masks, weights by magnitude."""
SEARCH = "soft-mask"
EDGE = "edge"
"""The kind of weight of a graph's edges."""
TREATMENT = "random-mask-reinit"
"""Random edges and weights, as many in each layer as the ticket has, drawn at once from the whole, on fresh weights."""


class Design(Study):
    """The options of the study, and what they ask for: derived methods, runs and figures."""

    levels: list[PositiveInt] = []
    """The levels, rising, whose tickets are trained; empty: all."""

    _rising = field_validator("levels")(rising)

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the other ways of pruning. Raises ValueError for a method that does not prune as the paper does."""
        derived: dict[str, Method] = {}
        for task, base in self.tasks.items():
            self._check(config, task, base)
            method = config.methods[base]
            weights = {"exclude": [EDGE], "rate_by_kind": {}}
            derived[named(base, WEIGHTS)] = method.model_copy(update=weights)
            derived[named(base, EDGES)] = method.model_copy(update={"exclude": ["hidden", "output"]})
            derived[named(base, MAGNITUDE)] = method.model_copy(update=weights | {"search": None})
        return derived

    def _check(self, config: Config, task: str, base: str) -> None:
        method, settings = config.methods[base], config.tasks[task]
        kind = kind_of_data(registry.dataset.facts(config.dataset(settings.dataset).source.name))
        if kind != "graph":
            wrong = f"edges are pruned of graphs, and '{settings.dataset}' is of kind {kind}: leave the task out of it"
            raise ValueError(f"studies.graph-tickets.tasks.{task}: {wrong}")
        if not settings.model.options.get(
            "prune_edges", "prune_edges" not in registry.model.options(settings.model.name)
        ):
            raise ValueError(
                f"task '{task}' has a network whose edges are not pruned: set prune_edges: true of its model"
            )
        search = method.search
        if not search or search.parametrization.name != SEARCH or not search.retrain or not method.iterative:
            raise ValueError(f"method '{base}' must have iterative: true and search: {{parametrization: {SEARCH}}}")
        if method.scope != "global" or EDGE not in method.rate_by_kind or method.exclude:
            raise ValueError(
                f"method '{base}' must have scope: global, a rate of edges in rate_by_kind, and no exclude"
            )
        require_levels(config, base, self.levels)

    # ------------------------------------------------------------ runs

    def runs(self, config: Config) -> list[Run]:
        """List the dense networks and the tickets of every cohort of every task."""
        return [run for task in self.tasks for _, run in self.tickets(config, task)]

    def tickets(self, config: Config, task: str) -> Iterator[tuple[str, Run]]:
        """List how a task's networks are pruned, and their runs; the dense ones first."""
        base = self.tasks[task]
        levels = self.levels or range(1, config.methods[base].levels + 1)
        for cohort in config.tasks[task].cohorts:
            yield DENSE, Run(task, cohort)
            for level in levels:
                yield UGS, Run(task, cohort, base, level)
                yield RANDOM, Run(task, cohort, base, level, TREATMENT)
                yield from ((how, Run(task, cohort, named(base, how), level)) for how in (WEIGHTS, EDGES, MAGNITUDE))

    def analyses(self, config: Config) -> list[str]:
        """List theta_0, whose header says which tensors are edges."""
        return [
            initial_file(config.results, task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts
        ]

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, one per task."""
        return [f"tickets-{task}" for task in self.tasks]


def named(base: str, how: str) -> str:
    """Name the method that prunes otherwise than the task's."""
    return f"{base}-{how}"
