"""The options of the study of Tanaka et al. 2020, and the trainings, analyses and figures that they ask for.

Criteria prune theta_0 in one shot to the densities of some levels of the task's method, which prunes after training and
is the reference. Layer collapse needs no training: masks of rising compression are only counted. The checks of Frankle
et al. 2021 take from a mask what its scores know of single weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from lth_core import registry
from lth_core.config import Branch, Choice, Config, Method, Name
from lth_core.pruning.moments import rounds_per_level
from lth_core.registry import UnknownName
from lth_core.storage.paths import collapse_file, saliency_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels, rising

RANDOM, MAGNITUDE, SNIP, GRASP, SYNFLOW = "random", "magnitude", "snip", "grasp", "synflow"

UNCHANGED, INVERTED = "unchanged", "inverted"
SHUFFLED, REINIT = "random-mask", "reinit"
"""The treatments that shuffle a mask within its layers and that draw fresh weights."""
SMART = "smart-ratio"

Spacing = Literal["exponential", "linear"]


@dataclass(frozen=True)
class Pruning:
    """One way to prune theta_0 by scores, and the derived method that does so."""

    method: str
    criterion: str
    iterations: int
    spacing: Spacing
    name: str
    """What legends call it: the criterion, with its rounds of scoring where these are not those of its paper."""


class Design(Study):
    """The options of the study, and what they ask for: methods, branches, runs, analyses and figures."""

    needs: ClassVar = {"depth_power": ("smart_ratios",)}

    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels of the task's method, rising, whose densities all criteria are trained at."""
    check_levels: list[PositiveInt] = []
    """The levels, rising, at which masks are shuffled, put on fresh weights and inverted; empty: all of `levels`."""
    criteria: Annotated[list[Name], Field(min_length=1)] = [RANDOM, MAGNITUDE, SNIP, GRASP, SYNFLOW]
    """Registered criteria that score theta_0."""
    iterations: dict[Name, list[PositiveInt]] = {SNIP: [100], SYNFLOW: [1, 10]}
    """Rounds of scoring that criteria which compute with the network are compared in, besides those of their papers."""
    linear: list[Name] = [SYNFLOW]
    """Criteria whose rounds are also spaced linearly."""
    also_trained: list[Name] = ["snip-100"]
    """Variants, such as `snip-100` or `synflow-10-linear`, that are trained besides those of the papers."""
    rungs: PositiveInt = 4
    """Compressions per power of ten at which layer collapse is looked for, up to one weight per layer."""
    smart_ratios: list[Literal["descending", "ascending"]] = ["descending"]
    """The orders of smart-ratio random tickets that are trained; empty: no such tickets."""
    depth_power: NonNegativeInt = 0
    """How smart ratios fall with depth: 0 is the rule for ResNets, 2 the one for VGGs."""

    _rising = field_validator("levels", "check_levels")(rising)

    @field_validator("criteria")
    @classmethod
    def _registered(cls, names: list[str]) -> list[str]:
        for name in names:
            registry.criterion.get(name)
        return names

    @field_validator("iterations")
    @classmethod
    def _computing(cls, iterations: dict[str, list[int]]) -> dict[str, list[int]]:
        for name in iterations:
            if not registry.criterion.uses(name, "probe"):
                raise ValueError(f"criterion '{name}' does not compute with the network: more rounds change nothing")
        return iterations

    # ------------------------------------------------------------ methods

    def prunings(self, config: Config, task: str) -> list[Pruning]:
        """List the ways to prune a task's theta_0 whose layer collapse is compared."""
        return [pruning for pruning, _ in self._derived(config, task)]

    def trained(self, config: Config, task: str) -> list[Pruning]:
        """List those that are trained: every criterion in its paper's rounds, and `also_trained`."""
        names = [*self.criteria, *self.also_trained]
        return [pruning for pruning in self.prunings(config, task) if pruning.name in names]

    def checked(self, config: Config, task: str) -> list[Pruning]:
        """List those whose masks are checked: of criteria that score weights, in their papers' rounds."""
        trained = self.trained(config, task)
        return [pruning for pruning in trained if pruning.name in self.criteria and pruning.criterion != RANDOM]

    def _derived(self, config: Config, task: str) -> Iterator[tuple[Pruning, Method]]:
        base = self.tasks[task]
        densities = [config.methods[base].density(level) for level in self.levels]
        fields = {"prune_at": 0, "scope": "global", "iterative": False, "exclude": config.methods[base].exclude}
        for criterion in self.criteria:
            method = Method(criterion=Choice(name=criterion), densities=densities, levels=len(densities), **fields)
            usual = rounds_per_level(method)
            for count, spacing in self._rounds(criterion, usual):
                name = _variant(criterion, count if count != usual else None, spacing)
                how = {"iterations": count, "spacing": spacing}
                yield Pruning(f"{base}-at-init-{name}", criterion, count, spacing, name), method.model_copy(update=how)

    def _rounds(self, criterion: str, usual: int) -> list[tuple[int, Spacing]]:
        """The numbers of rounds, and their spacings, that a criterion is compared in."""
        counts = sorted({usual, *self.iterations.get(criterion, [])})
        linear = [count for count in counts if count > 1 and criterion in self.linear]
        return [*((count, "exponential") for count in counts), *((count, "linear") for count in linear)]

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the ways to prune theta_0, the reference in one shot, and both inverted.

        Raises ValueError for levels or methods that do not fit.
        """
        derived = {}
        for task, base in self.tasks.items():
            self._check(config, task)
            for pruning, method in self._derived(config, task):
                derived[pruning.method] = method
            for pruning in self.checked(config, task):
                derived[inverted(pruning.method)] = derived[pruning.method].model_copy(update={"keep": "lowest"})
            once = config.methods[base].model_copy(update={"iterative": False})
            derived |= {one_shot(base): once, inverted(one_shot(base)): once.model_copy(update={"keep": "lowest"})}
        return derived

    def _check(self, config: Config, task: str) -> None:
        name, method = self.tasks[task], config.methods[self.tasks[task]]
        require_levels(config, name, self.levels)
        names = [pruning.name for pruning in self.prunings(config, task)]
        chosen = self.also_trained if "also_trained" in self.model_fields_set else []
        if unknown := [name for name in chosen if name not in names]:
            raise ValueError(f"also_trained: {UnknownName('variant', unknown[0], names)}")
        if missing := [level for level in self.check_levels if level not in self.levels]:
            raise ValueError(f"check_levels: {missing[0]} must be one of `levels` {self.levels}")
        if method.scope != "global" or not method.iterative or method.during:
            raise ValueError(
                f"tasks.{task}: method '{name}' must be iterative and of scope 'global', as criteria are compared with "
                "it that rank all weights together"
            )
        if method.prune_at is not None or method.treatment or method.keep == "lowest":
            raise ValueError(f"tasks.{task}: method '{name}' must prune trained weights, without a treatment")

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive the smart-ratio random tickets."""
        return {
            smart_ratio(order, self.depth_power): Branch(
                treatment=Choice.of(SMART, depth_power=float(self.depth_power), order=order)
            )
            for order in self.smart_ratios
        }

    # ------------------------------------------------------------ trainings and analyses

    @property
    def levels_of_checks(self) -> list[int]:
        """Return the levels at which masks are checked."""
        return self.check_levels or self.levels

    def runs(self, config: Config) -> list[Run]:
        """List dense networks, tickets of all ways to prune, and what the checks make of them."""
        runs = []
        for task, base in self.tasks.items():
            once, checks = one_shot(base), (None, SHUFFLED, REINIT)
            for cohort in config.tasks[task].cohorts:
                runs.append(Run(task, cohort))
                runs += [Run(task, cohort, base, level) for level in self.levels]
                runs += [Run(task, cohort, base, level, check) for level in self.levels_of_checks for check in checks]
                runs += [Run(task, cohort, once, level, check) for level in self.levels_of_checks for check in checks]
                runs += [Run(task, cohort, inverted(once), level) for level in self.levels_of_checks]
                for pruning in self.trained(config, task):
                    runs += [Run(task, cohort, pruning.method, self.index(level)) for level in self.levels]
                runs += self._checks_of(config, task, cohort)
        return list(dict.fromkeys(runs))

    def _checks_of(self, config: Config, task: str, cohort: str) -> list[Run]:
        """The trainings of masks of theta_0 that are shuffled, inverted, put on fresh weights or drawn by a rule."""
        runs, indices = [], [self.index(level) for level in self.levels_of_checks]
        for pruning in self.checked(config, task):
            runs += [Run(task, cohort, pruning.method, n, check) for n in indices for check in (SHUFFLED, REINIT)]
            runs += [Run(task, cohort, inverted(pruning.method), n) for n in indices]
        drawn_for = self.trained(config, task)[0].method  # any ticket of theta_0 has the total
        return runs + [Run(task, cohort, drawn_for, n, branch) for n in indices for branch in self.branches(config)]

    def index(self, level: int) -> int:
        """Return the level of derived methods that has the density of a level of the task's method."""
        return self.levels.index(level) + 1

    def analyses(self, config: Config) -> list[str]:
        """List what is counted of masks of rising compression, and the saliencies at theta_0."""
        results, paths = config.results, []
        for task in self.tasks:
            for cohort in config.tasks[task].cohorts:
                paths.append(saliency_file(results, task, cohort))
                for pruning in self.prunings(config, task):
                    paths.append(collapse_file(results, task, cohort, pruning.method, self.rungs))
        return paths

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and task, in the order of the page."""
        kinds = ("collapse", "conservation", "accuracy", "checks")
        return [f"{kind}-{task}" for task in self.tasks for kind in kinds]


def _variant(criterion: str, count: int | None, spacing: Spacing) -> str:
    """Name a criterion in other rounds than its paper's: snip-100, synflow-10-linear."""
    return "-".join([criterion, *([f"{count}"] if count else []), *(["linear"] * (spacing == "linear"))])


def one_shot(method: str) -> str:
    """Name the derived one-shot method."""
    return f"{method}-one-shot"


def inverted(method: str) -> str:
    """Name the derived method that keeps the lowest scores."""
    return f"{method}-inverted"


def smart_ratio(order: str, depth_power: int) -> str:
    """Name the branch of smart-ratio random tickets."""
    return "-".join([SMART, *([f"{depth_power}"] * (depth_power > 0)), *([order] * (order == "ascending"))])
