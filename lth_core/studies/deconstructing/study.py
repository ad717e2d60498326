"""The options of the study of Zhou et al. 2019, and the trainings, analyses and figures that they ask for.

Three parts of the recipe for lottery tickets are varied one at a time: the criterion of the mask, what becomes of
pruned weights (mask-0 action) and what kept weights start from (mask-1 action). Each variant is a chain of its own,
whose masks come from its own trainings. Supermasks are masks that make an untrained network accurate.
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator

from lth_core import registry
from lth_core.config import Choice, Config, Method, Name, Search
from lth_core.registry import UnknownName
from lth_core.storage.paths import supermasks_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels, rising
from lth_core.studies.chains import LARGE_RATE, at_rate

LARGE_FINAL = "large-final"
RANDOM = "random"

CRITERIA = (
    *(LARGE_FINAL, "small-final", "large-init", "small-init", "large-init-large-final", "small-init-small-final"),
    *("magnitude-increase", "movement", RANDOM, "large-final-same-sign", "large-final-diff-sign"),
    *("magnitude-increase-same-sign", "magnitude-increase-diff-sign"),
)

ZERO = "zero"
"""What the lottery-ticket recipe, and so the task's method, does with pruned weights."""
PRUNED_ACTIONS = {
    "freeze-init": Choice(name="freeze-init"),
    "freeze-init-zero-mask": Choice.of("freeze-init", zero="toward-zero"),
    "freeze-init-zero-all": Choice.of("freeze-init", zero="all-toward-zero"),
    "freeze-init-zero-reverse": Choice.of("freeze-init", zero="away-from-zero"),
    "freeze-init-zero-reshuffle": Choice.of("freeze-init", zero="random"),
}

REWIND = "rewind"
"""What the recipe does with kept weights."""
KEPT_ACTIONS = {
    "redraw": Choice(name="redraw"),
    "redraw-signed": Choice.of("redraw", keep_signs=True),
    "reshuffle": Choice.of("shuffle", within="layer"),
    "reshuffle-signed": Choice.of("shuffle", within="layer", keep_signs=True),
    "constant": Choice(name="constant"),
    "constant-signed": Choice.of("constant", keep_signs=True),
}

LEARNED = tuple(product(("initial", "constant"), ("plain", "rescaled")))
"""Values and scaling of learned supermasks."""
FINAL = ("drawn", "likely")
"""Masks at the end of learning: one that is drawn, or that of the weights that are drawn more often than not."""


class Design(Study):
    """The options of the study, and what they ask for: methods, runs, analyses and figures."""

    needs: ClassVar = {"learning_rate": ("supermasks",)}

    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which claims are tested; pruning goes on to the last of them."""
    criteria: Annotated[list[Name], Field(min_length=1)] = list(CRITERIA)
    """Registered criteria that masks are found by; one chain each."""
    pruned_actions: list[Name] = list(PRUNED_ACTIONS)
    """What becomes of pruned weights, besides being set to 0; one chain each."""
    kept_actions: list[Name] = list(KEPT_ACTIONS)
    """What kept weights start from, besides their own starting values; one chain each."""
    supermasks: bool = True
    """Whether to find supermasks by every criterion, and to learn them."""
    learning_rate: PositiveFloat = LARGE_RATE
    """Learning rate of the supermasks that are learned, by SGD with momentum."""

    _rising = field_validator("levels")(rising)

    @field_validator("criteria")
    @classmethod
    def _registered(cls, names: list[str]) -> list[str]:
        for name in names:
            if registry.criterion.uses(name, "probe"):
                raise ValueError(f"'{name}' computes with the network, and these are criteria of weights: leave it out")
        return names

    @field_validator("pruned_actions", "kept_actions")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        known = PRUNED_ACTIONS if info.field_name == "pruned_actions" else KEPT_ACTIONS
        for name in names:
            if name not in known:
                raise UnknownName("action", name, known)
        return names

    # ------------------------------------------------------------ trainings

    def chains(self, config: Config, base: str) -> dict[str, dict[str, str]]:
        """Return part of the recipe (criteria, pruned, kept) -> variant -> the method that finds its tickets.

        A variant that changes nothing of the task's method `base` is that method itself.
        """
        parts = {
            "criteria": self.criteria,
            "pruned": [ZERO, *self.pruned_actions],
            "kept": [REWIND, *self.kept_actions],
        }
        return {
            part: {
                name: base if _derived(config.methods[base], part, name) == config.methods[base] else f"{base}-{name}"
                for name in names
            }
            for part, names in parts.items()
        }

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the tasks' methods with other criteria and other actions.

        Raises ValueError for methods that start otherwise than from theta_0 or theta_k with the whole schedule, have a
        treatment or make masks at other moments.
        """
        for base in self.tasks.values():
            if (policy := config.methods[base].rewind.policy) not in ("reset", "rewind"):
                raise ValueError(f"method '{base}' has rewind policy '{policy}': this study needs 'reset' or 'rewind'")
            odd = next(
                (name for name in ("prune_at", "during", "search") if getattr(config.methods[base], name) is not None),
                "",
            )
            if odd:
                raise ValueError(
                    f"method '{base}' has {odd}, and masks here are of trained weights: name another method"
                )
            if config.methods[base].treatment:
                raise ValueError(f"method '{base}' has a treatment: name a method without one")
        derived = {
            name: _derived(config.methods[base], part, variant)
            for base in self.tasks.values()
            for part, variants in self.chains(config, base).items()
            for variant, name in variants.items()
            if name != base
        }
        return derived | {
            name: self._learning(config.methods[base], *kind)
            for base in self.tasks.values()
            for kind, name in self.learned_methods(base).items()
        }

    def learned_methods(self, base: str) -> dict[tuple[str, str, str], str]:
        """Return values, scaling and mask at the end -> the method that learns such masks of untrained weights."""
        kinds = product(LEARNED, FINAL) if self.supermasks else ()
        return {(*kind, final): f"{base}-learned-{'-'.join(kind)}-{final}" for kind, final in kinds}

    def _learning(self, base: Method, values: str, scaling: str, final: str) -> Method:
        sampled = Choice.of("sampled-mask", rescale=scaling == "rescaled", final=final)
        search = Search(parametrization=sampled, train=at_rate(self.learning_rate, "sgd"), retrain=False)
        search = search.model_copy(update={"weights": values})
        return Method(levels=1, iterative=False, exclude=base.exclude, search=search)

    def runs(self, config: Config) -> list[Run]:
        """List the dense runs, all tickets of every chain, and the supermasks that are learned.

        Raises ValueError if a task's method has fewer levels than the study.
        """
        runs = []
        for task, base in self.tasks.items():
            require_levels(config, base, self.levels)
            names = {name for variants in self.chains(config, base).values() for name in variants.values()}
            for cohort in config.tasks[task].cohorts:
                runs.append(Run(task, cohort))
                chains = product(sorted(names), range(1, self.levels[-1] + 1))
                runs += [Run(task, cohort, name, level) for name, level in chains]
                runs += [Run(task, cohort, name, 1) for name in self.learned_methods(base).values()]
        return runs

    # ------------------------------------------------------------ analyses

    def analyses(self, config: Config) -> list[str]:
        """List the accuracies of supermasks that are found by every criterion."""
        return [*self.supermask_files(config).values()]

    def supermask_files(self, config: Config) -> dict[tuple[str, str, str], str]:
        """Return task, criterion and cohort -> the accuracies of the criterion's masks."""
        return {
            (task, criterion, cohort): supermasks_file(config.results, task, cohort, method)
            for task, base in self.tasks.items()
            for criterion, method in self.chains(config, base)["criteria"].items()
            for cohort in config.tasks[task].cohorts
            if self.supermasks
        }

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and task, in the order of the page."""
        kinds = ["criteria", "kept-weights", "pruned-weights"]
        kinds += ["supermask-bars", "supermask-densities", "learned-supermasks"] if self.supermasks else []
        return [f"{kind}-{task}" for task in self.tasks for kind in kinds]


def _derived(method: Method, part: str, variant: str) -> Method:
    """Return the method with one part of its recipe replaced."""
    if part == "criteria":
        same = registry.criterion.get(variant) is registry.criterion.get(method.criterion.name)
        return method if same and not method.criterion.options else _with(method, criterion=Choice(name=variant))
    action = (PRUNED_ACTIONS | KEPT_ACTIONS).get(variant)
    return _with(method, treatment=action) if action else method


def _with(method: Method, **changed: Choice) -> Method:
    return method.model_copy(update=changed)
