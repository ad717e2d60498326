"""Frankle, Dziugaite, Roy & Carbin 2020: when do copies of a network end in one linearly connected minimum?

Two copies of a network are spawned from step k of its training and trained on with different data orders. The barrier
is how far the error rises on the straight line between their ends, above the mean of the ends; below 2 percentage
points the network is stable at k. Dense networks are compared with tickets that are pruned and rewound to theta_k, with
random subnetworks of the same layerwise counts and with reinitialized tickets. The paper is not clear about the copies
of the latter; here they are spawned from step k of the reinitialized ticket's own training, k steps away from its new
initialization.

Beyond the paper, tickets of successive levels and of different seeds are connected, before and after permuting hidden
units so that they fit. Tables, figures and claims are in the modules next to this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from lth_core.config import Branch, Choice, Config, Method, Step, seeds_of
from lth_core.registry import study
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Drawing, Study, rising
from lth_core.studies.chains import on_order, rewound, rewound_chains

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim

NAME = "linear-mode-connectivity"
TICKET, RANDOM, REINIT = "ticket", "random-mask", "reinit"
STABLE = 2.0
"""Percentage points of error: a network with a lower barrier counts as stable (section 2)."""


@dataclass(frozen=True)
class Pair:
    """Two trainings whose ends a line connects: `own` with its copy on another data order, the ticket of the level
    before, or the next seed of its cohort (`kind`: order, level or seed)."""

    kind: str
    network: str
    k: int
    own: Run
    """The end on data order 0, whose accuracy is the pair's."""
    beside: Run
    """The training in whose folder the pair's files lie: the copy on another data order, else `own`."""
    order: int = 0
    """The data order of the copy; 0 for the kinds whose ends both have order 0."""

    def files(self, results: str) -> tuple[str, str]:
        """The table of the line between the ends, and that of how far the ends are apart."""
        stem = f"{self.beside.folder(results)}/{self.kind}"
        return f"{stem}_path.csv", f"{stem}_ends.csv"


@study(NAME, published="2019-12")
class LinearModeConnectivity(Study):
    """Error barriers between copies of networks, against the step at which they part, density and accuracy."""

    title: ClassVar[str] = "Linear Mode Connectivity and the Lottery Ticket Hypothesis"
    citation: ClassVar[str] = "Frankle, Dziugaite, Roy & Carbin, ICML 2020 (arXiv 1912.05671)"
    table_names: ClassVar[tuple[str, ...]] = ("instability", "paths")

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
    def _rewinds_to_steps(self) -> LinearModeConnectivity:
        others = sorted(set(self.rewind_steps) - set(self.steps))
        if others:
            raise ValueError(f"rewind_steps: {others[0]} is none of steps {self.steps}")
        return self

    # ------------------------------------------------------------ what is looked at

    def rewinds(self) -> list[int]:
        """The steps that tickets are rewound to."""
        return self.rewind_steps or self.steps

    def levels_of(self, config: Config, task: str) -> list[int]:
        """The levels at which a task's subnetworks are measured."""
        return self.levels or list(range(1, config.methods[self.tasks[task]].levels + 1))

    def _check(self, config: Config) -> None:
        """Raise ValueError for a step or a level that a task does not have."""
        for task, method in self.tasks.items():
            training, last = config.tasks[task].train.steps, config.methods[method].levels
            if self.steps[-1] >= training:
                where = f"the training of task '{task}' ({training} steps)"
                raise ValueError(f"steps: {self.steps[-1]} is not before the end of {where}")
            if self.levels and self.levels[-1] > last:
                raise ValueError(f"levels: {self.levels[-1]} is beyond the {last} levels of method '{method}'")

    # ------------------------------------------------------------ trainings

    def methods(self, config: Config) -> dict[str, Method]:
        """The tasks' methods, rewinding to each of the steps."""
        return rewound_chains(config, self.tasks.values(), self.rewinds())

    def branches(self, config: Config) -> dict[str, Branch]:
        """The controls (as the config defines them, if it does), and all networks on the other data orders.

        Raises ValueError for a control that is not trained on the tickets' own data order.
        """
        copies = [(DENSE, k) for k in self.steps]
        copies += product((TICKET, *self.controls), self.rewinds())
        found = {name: _control(config, name) for name in self.controls}
        return found | dict(self._copy(config, *copy, order) for copy in copies for order in range(1, self.copies))

    def _copy(self, config: Config, network: str, k: int, order: int) -> tuple[str, Branch]:
        """The branch that trains a network's copy on another data order from step k on, with its name.

        Tickets and random subnetworks start at k. Dense networks and reinitialized tickets are on their way from 0.
        """
        if network == DENSE:
            return on_order(None, None, order, k)
        if network == TICKET:
            return on_order(None, None, order)
        return on_order(network, _control(config, network), order, k if network == REINIT else 0)

    def pairs(self, config: Config) -> Iterator[Pair]:
        """All pairs that are connected."""
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
        """The pairs of one level of a chain."""
        for network in (TICKET, *self.controls):
            yield from self._copies(config, network, k, ticket)
        if self.successive:
            yield Pair("level", TICKET, k, ticket, ticket)
        if self._has_seeds(ticket.cohort):
            yield Pair("seed", TICKET, k, ticket, ticket)

    def _copies(self, config: Config, network: str, k: int, ticket: Run) -> Iterator[Pair]:
        """A network with its copies on other data orders; `ticket` is what it is a counterfactual of, or itself."""
        own = replace(ticket, branch=network) if network in self.controls else ticket
        for order in range(1, self.copies):
            name, _ = self._copy(config, network, k, order)
            yield Pair("order", network, k, own, replace(ticket, branch=name), order)

    def pairs_share_seeds(self, config: Config, task: str) -> bool:
        """Whether a seed is in several pairs of seeds: in cohorts of more than two."""
        return any(len(seeds_of(cohort)) > 2 for cohort in config.tasks[task].cohorts)

    def _has_seeds(self, cohort: str) -> bool:
        return self.seeds and len(seeds_of(cohort)) > 1

    def runs(self, config: Config) -> list[Run]:
        """The dense runs, all tickets of every chain down to the last measured level, the controls and the copies.

        Raises ValueError for a step after training and for a level that a method does not reach.
        """
        self._check(config)
        runs = [run for pair in self.pairs(config) for run in (pair.own, pair.beside)]
        for task, k in product(self.tasks, self.rewinds()):
            method, _ = rewound(config, self.tasks[task], k)
            chain = product(config.tasks[task].cohorts, range(1, self.levels_of(config, task)[-1] + 1))
            runs += [Run(task, cohort, method, level) for cohort, level in chain]
        return list(dict.fromkeys(runs))

    # ------------------------------------------------------------ tables, figures and claims

    def analyses(self, config: Config) -> list[str]:
        """The line between the ends of every pair, and how far these are apart."""
        return [path for pair in self.pairs(config) for path in pair.files(config.results)]

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """instability: barriers, distances and accuracy, one row per pair and replicate. paths: error along lines."""
        from lth_core.studies.linear_mode_connectivity.tables import tables

        return tables(self, config)

    def drawn(self, config: Config, task: str) -> list[str]:
        """The kinds of figures of a task, in the order of the page; of copies alone, `instability` shows barriers."""
        several = any(self._has_seeds(cohort) for cohort in config.tasks[task].cohorts)
        beyond = ["alignment"] if self.successive or several else []
        return ["paths", "instability", "ranges", "success", "distances", *beyond]

    def figure_names(self, config: Config) -> list[str]:
        """Kind of figure and task, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in self.drawn(config, task)]

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """The figures of every task, with captions that name what is drawn."""
        from lth_core.studies.linear_mode_connectivity.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims about every task, and those beyond it, as far as its steps and levels reach."""
        from lth_core.studies.linear_mode_connectivity.claims import claims

        return [claim for task in self.tasks for claim in claims(self, config, task, tables["instability"])]


def _control(config: Config, name: str) -> Branch:
    return config.branches.get(name, Branch(treatment=Choice(name=name)))


def pruned(method: Method) -> str:
    """How sentences call what a method finds: IMP subnetworks (the paper's), iteratively pruned or one-shot ones."""
    if not method.iterative:
        return "one-shot"
    return "IMP" if method.criterion.name == "magnitude" else "iteratively pruned"


def focus(levels: list[int]) -> list[int]:
    """At most three of the levels, which panels and claims are about: the first, the middle and the last."""
    return sorted({levels[0], levels[len(levels) // 2], levels[-1]})
