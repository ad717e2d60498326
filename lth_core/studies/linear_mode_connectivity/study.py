"""The options of the study of Frankle et al. 2020 (arXiv 1912.05671), and the trainings and pairs they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from lth_core.config import Branch, Choice, Config, Method, Step, seeds_of
from lth_core.metrics import Metric, counted
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Study, require_levels, rising
from lth_core.studies.chains import on_order, rewound, rewound_chains

NAME = "linear-mode-connectivity"
TICKET, RANDOM, REINIT = "ticket", "random-mask", "reinit"
STABLE = 10.0
"""A network counts as stable where the barrier is lower than this multiple of what still matches: for accuracy 2
percentage points (section 2), for other metrics in proportion."""


@dataclass(frozen=True)
class Pair:
    """Two trainings whose ends a line connects.

    `run` is connected with its copy on another data order, with the ticket of the level before, or with the next seed
    of its cohort (`kind`: order, level or seed).
    """

    kind: str
    network: str
    k: int
    run: Run
    """The end on data order 0, whose test metric is the pair's."""
    copy: Run
    """The copy on another data order, or `run` for the kinds without copies; the pair's files lie in its folder."""
    order: int = 0
    """The data order of the copy; 0 for the kinds whose ends both have order 0."""

    def files(self, results: str) -> tuple[str, str]:
        """Return the paths of two tables: the line between the ends, and how far apart the ends are."""
        stem = f"{self.copy.folder(results)}/{self.kind}"
        return f"{stem}_path.csv", f"{stem}_ends.csv"


class Design(Study):
    """The options of the study, and what they ask for: methods, branches, pairs, runs, analyses and figures."""

    steps: Annotated[list[Step], Field(min_length=2)]
    """The steps k, rising from 0 (the initialization), at which copies of the dense network part."""
    rewind_steps: list[Step] = []
    """Those of `steps` that tickets are rewound to, and their copies part at; empty: all."""
    levels: list[PositiveInt] = []
    """Levels, rising, at which subnetworks are measured; empty: all."""
    controls: tuple[Literal["random-mask", "reinit"], ...] = (RANDOM, REINIT)
    """Branches that the tickets are compared with."""
    copies: Annotated[int, Field(ge=2)] = 2
    """Data orders that networks are trained on from step k: copies on orders 1, 2, ... are connected with that on 0."""
    successive: bool = True
    """Also connect tickets of successive levels."""
    seeds: bool = True
    """Also connect networks of different seeds, in cohorts that have several."""

    _rising = field_validator("steps", "rewind_steps", "levels")(rising)

    @field_validator("steps")
    @classmethod
    def _from_initialization(cls, steps: list[int]) -> list[int]:
        if steps[0] != 0:
            raise ValueError("must start with 0, the initialization")
        return steps

    @field_validator("controls")
    @classmethod
    def _each_once(cls, controls: tuple[str, ...]) -> tuple[str, ...]:
        if len(controls) > len(set(controls)):
            raise ValueError("names a branch twice")
        return controls

    @model_validator(mode="after")
    def _rewinds_to_steps(self) -> Design:
        others = sorted(set(self.rewind_steps) - set(self.steps))
        if others:
            raise ValueError(f"rewind_steps: {others[0]} must be one of `steps` {self.steps}")
        return self

    # ------------------------------------------------------------ what is looked at

    def rewinds(self) -> list[int]:
        """Return the steps that tickets are rewound to."""
        return self.rewind_steps or self.steps

    def levels_of(self, config: Config, task: str) -> list[int]:
        """Return the levels at which a task's subnetworks are measured."""
        return self.levels or list(range(1, config.methods[self.tasks[task]].levels + 1))

    def _check(self, config: Config) -> None:
        """Raise ValueError for a step or a level that a task does not have."""
        for task, method in self.tasks.items():
            training = config.tasks[task].train.steps
            if self.steps[-1] >= training:
                where = f"the training of task '{task}' ({counted(training, 'steps')})"
                raise ValueError(f"steps: {self.steps[-1]} is not before the end of {where}")
            require_levels(config, method, self.levels)

    # ------------------------------------------------------------ trainings

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the tasks' methods, rewinding to each of the steps."""
        return rewound_chains(config, self.tasks.values(), self.rewinds())

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive the controls (as configured, if they are), and all networks on the other data orders.

        Raises ValueError for a control that is not trained on data order 0, as tickets are.
        """
        copies = [(DENSE, k) for k in self.steps]
        copies += product((TICKET, *self.controls), self.rewinds())
        controls = {name: _control(config, name) for name in self.controls}
        return controls | dict(self._copy(config, *copy, order) for copy in copies for order in range(1, self.copies))

    def _copy(self, config: Config, network: str, k: int, order: int) -> tuple[str, Branch]:
        """Derive the branch that trains a network's copy on another data order from step k on, with its name.

        Tickets and random subnetworks start at k. Dense networks and reinitialized tickets are on their way from 0.
        """
        if network == DENSE:
            return on_order(None, None, order, k)
        if network == TICKET:
            return on_order(None, None, order)
        return on_order(network, _control(config, network), order, k if network == REINIT else 0)

    def pairs(self, config: Config) -> Iterator[Pair]:
        """List all pairs that are connected."""
        for task in self.tasks:
            for cohort in config.tasks[task].cohorts:
                dense = Run(task, cohort)
                for k in self.steps:
                    yield from self._copies(config, DENSE, k, dense)
                if self._has_seeds(cohort):
                    yield Pair("seed", DENSE, 0, dense, dense)
                for k, level in product(self.rewinds(), self.levels_of(config, task)):
                    method, _ = rewound(config, self.tasks[task], k)
                    yield from self._subnetworks(config, k, Run(task, cohort, method, level))

    def _subnetworks(self, config: Config, k: int, ticket: Run) -> Iterator[Pair]:
        """List the pairs of one level of a chain."""
        for network in (TICKET, *self.controls):
            yield from self._copies(config, network, k, ticket)
        if self.successive:
            yield Pair("level", TICKET, k, ticket, ticket)
        if self._has_seeds(ticket.cohort):
            yield Pair("seed", TICKET, k, ticket, ticket)

    def _copies(self, config: Config, network: str, k: int, ticket: Run) -> Iterator[Pair]:
        """Pair a network with its copies on other data orders; `ticket`: itself, or what it is a counterfactual of."""
        run = replace(ticket, branch=network) if network in self.controls else ticket
        for order in range(1, self.copies):
            name, _ = self._copy(config, network, k, order)
            yield Pair("order", network, k, run, replace(ticket, branch=name), order)

    def pairs_share_seeds(self, config: Config, task: str) -> bool:
        """Return whether a seed is in several pairs of seeds, as in cohorts of more than two."""
        return any(len(seeds_of(cohort)) > 2 for cohort in config.tasks[task].cohorts)

    def _has_seeds(self, cohort: str) -> bool:
        return self.seeds and len(seeds_of(cohort)) > 1

    def runs(self, config: Config) -> list[Run]:
        """List the dense runs, all tickets of every chain down to the last measured level, the controls and the copies.

        Raises ValueError for a step after training and for a level that a method does not reach.
        """
        self._check(config)
        runs = [run for pair in self.pairs(config) for run in (pair.run, pair.copy)]
        for task, k in product(self.tasks, self.rewinds()):
            method, _ = rewound(config, self.tasks[task], k)
            chain = product(config.tasks[task].cohorts, range(1, self.levels_of(config, task)[-1] + 1))
            runs += [Run(task, cohort, method, level) for cohort, level in chain]
        return list(dict.fromkeys(runs))

    # ------------------------------------------------------------ analyses and figures

    def analyses(self, config: Config) -> list[str]:
        """List the line between the ends of every pair, and how far apart the ends are."""
        return [path for pair in self.pairs(config) for path in pair.files(config.results)]

    def drawn(self, config: Config, task: str) -> list[str]:
        """List the kinds of figures of a task, in page order; `alignment` is left out if there are only copies."""
        several = any(self._has_seeds(cohort) for cohort in config.tasks[task].cohorts)
        beyond = ["alignment"] if self.successive or several else []
        return ["paths", "instability", "ranges", "success", "distances", *beyond]

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and task, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in self.drawn(config, task)]


def stable_below(metric: Metric) -> float:
    """Return the barrier, in the metric's unit, below which a network is stable."""
    return STABLE * metric.matching


def _control(config: Config, name: str) -> Branch:
    return config.branches.get(name, Branch(treatment=Choice(name=name)))


def pruned(method: Method) -> str:
    """Name what a method finds, for sentences: IMP subnetworks (the paper's), iteratively pruned or one-shot ones."""
    if not method.iterative:
        return "one-shot"
    return "IMP" if method.criterion.name == "magnitude" else "iteratively pruned"


def focus(levels: list[int]) -> list[int]:
    """Choose at most three of the levels for panels and claims: the first, the middle and the last."""
    return sorted({levels[0], levels[len(levels) // 2], levels[-1]})
