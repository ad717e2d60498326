"""What the trainings of the comparison cost, by the masks that they had: read from headers and changes of masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil, prod
from typing import Any

import pandas as pd

from lth_core import registry
from lth_core.analysis.tables import read_table
from lth_core.config import Config, Method, seeds_of
from lth_core.data.kinds import kind_of_data, outputs_of
from lth_core.pruning.moments import is_probed, rounds_per_level, starts_dense, waits_for_training
from lth_core.storage.paths import data_file, initial_file
from lth_core.storage.runs import Run
from lth_core.storage.tensors import read_header, read_shapes
from lth_core.studies.comparison.budgets import dense_steps
from lth_core.studies.comparison.costs import (
    GRADIENT,
    Counts,
    Network,
    Period,
    changing,
    levels_before,
    scored_step,
    scoring,
    step,
)
from lth_core.studies.comparison.study import Entry


@dataclass(frozen=True)
class Cost:
    """Operations of one replicate."""

    search: float
    training: float
    dense: float
    """One training of the dense network."""


class Meter:
    """Measures the trainings of one task and cohort."""

    def __init__(self, config: Config, task: str, cohort: str):
        self.config, self.task, self.cohort = config, task, cohort

    @cached_property
    def network(self) -> Network:
        """Read what a forward pass costs from the header of theta_0."""
        path = initial_file(self.config.results, self.task, self.cohort)
        header, shapes = read_header(path), read_shapes(path)
        weights = {name: prod(shapes[name][1:]) for name in header["layers"]}
        per_weight = header["flops_per_weight"]
        of_weights = sum(per_weight[name] * count for name, count in weights.items())
        return Network(weights, per_weight, header["cost"]["flops"] - of_weights)

    @property
    def steps(self) -> int:
        """Return the steps of the recipe."""
        return self.config.tasks[self.task].train.steps

    @property
    def batch(self) -> int:
        """Return the examples of a step of the recipe."""
        return self.examples(self.config.tasks[self.task].train.batch_size)

    def examples(self, batch_size: int) -> int:
        """Count the examples of a step: nodes share one pass over their graph; episodes reach the time limit."""
        kind = kind_of_data(self._data)
        return 1 if kind == "graph" else batch_size * (self._longest if kind == "environment" else 1)

    @cached_property
    def _longest(self) -> int:
        """Transitions of an episode that reaches the time limit."""
        return read_header(initial_file(self.config.results, self.task, self.cohort))["examples"]["train"]

    @cached_property
    def _data(self) -> dict[str, Any]:
        return read_header(data_file(self.config.results, self.config.tasks[self.task].dataset))

    def costs(self, entry: Entry) -> Iterator[tuple[int, Cost]]:
        """Measure an entry's training: of every seed what it costs."""
        contender, run, network = entry.contender, entry.run, self.network
        method, level = contender.settings, contender.level(entry.density)
        dense = step(network, {})
        trained = contender.training_steps(self.config.tasks[run.task].train.steps)
        last = self.kept(run)
        levels = range(1, level) if method.iterative else ()
        ladder = [self.kept(Run(self.task, self.cohort, run.method, before)) for before in levels]
        steps_before = self.steps - method.rewind.step if waits_for_training(method) else 0
        for index, seed in enumerate(seeds_of(self.cohort)):
            kept, before = last[index], [masks[index] for masks in ladder]
            search = dense * dense_steps(method, self.steps)
            search += levels_before(network, before, steps_before)
            search = self.batch * search + self._scores(method, level, kept, before)
            search += self.learning(method, kept, before)
            training = trained * step(network, kept)
            if method.during:
                periods = list(_periods(read_table(run.changes(self.config.results)), seed, method, trained))
                search += self.batch * (changing(network, kept, periods) - training)
            yield seed, Cost(search, self.batch * training, self.batch * self.steps * dense)

    def kept(self, run: Run) -> list[Counts]:
        """Count the weights by layer that a run's mask keeps of every seed; draws of a seed have as many.

        The dense network, which has all, has no counts.
        """
        if not run.level:
            return [{} for _ in seeds_of(self.cohort)]
        kept, seeds = read_header(run.mask(self.config.results))["kept"], len(seeds_of(self.cohort))
        return [{name: counts[index * len(counts) // seeds] for name, counts in kept.items()} for index in range(seeds)]

    def learning(self, method: Method, kept: Counts, before: list[Counts]) -> float:
        """Operations of learning a mask and, where levels go on from each other, those of the levels before.

        A step uses the weights of the level's mask alone, or those that the level before left; all of them are trained
        together with their masks, whose gradients cost nothing beside theirs.
        """
        search = method.search
        if search is None:
            return 0.0
        recipe = search.train.applied(self.config.tasks[self.task].train)
        if registry.parametrization.facts(search.parametrization.name).get("masked"):
            per_example = sum(scored_step(self.network, mask) for mask in [*before, kept])
        else:
            per_example = sum(step(self.network, mask) for mask in [{}, *before])
        return recipe.steps * self.examples(recipe.batch_size) * per_example

    def _scores(self, method: Method, level: int, kept: Counts, before: list[Counts]) -> float:
        """Operations of computing scores: of this level and, if masks are made one from another, of those before."""
        if not is_probed(method) or (method.during and starts_dense(method)):
            return 0.0
        masks = [self.network.weights, *before, kept]
        rounds, passes = rounds_per_level(method), self._passes(method)
        return sum(
            scoring(self.network, first, last, rounds, passes, method.spacing) for first, last in pairwise(masks)
        )

    def _passes(self, method: Method) -> float:
        """Forward passes that a round of scores takes: of every example that it looks at."""
        name, known = method.criterion.name, registry.criterion
        options = {key: option.default for key, option in known.options(name).items()} | method.criterion.options
        examples = options.get("examples_per_class", 0) * outputs_of(self._data) or 1  # or one input of ones
        if kind_of_data(self._data) == "graph":
            examples = ceil(examples / options.get("batch_size", examples))
        passes = known.facts(name).get("passes", GRADIENT)
        return examples * options.get("samples", 1) * passes


def _periods(changes: pd.DataFrame, seed: int, method: Method, steps: int) -> Iterator[Period]:
    """Cut a training of `steps` at the changes of one seed's mask; the first row is the mask that it begins with."""
    assert method.during is not None
    takes_gradient = registry.sparsifier.facts(method.during.name).get("dense_gradient", False)
    rows = changes[changes["seed"] == seed].sort_values("step", kind="stable")
    begins, densities = list(rows["step"]), list(rows["density"])
    ends = [*begins[1:], begins[0] + steps]
    for number, (begin, end, density) in enumerate(zip(begins, ends, densities, strict=True)):
        yield Period(end - begin, density, dense_gradient=takes_gradient and number > 0)
