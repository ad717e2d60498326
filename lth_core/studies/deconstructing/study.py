"""Zhou et al. 2019: which parts of the recipe for lottery tickets matter.

Three parts are varied one at a time: the criterion of the mask, what becomes of pruned weights (mask-0 action) and what
kept weights start from (mask-1 action). Each variant is a chain of its own, whose masks come from its own trainings.
Supermasks are masks that make an untrained network accurate. Figures and claims are in the modules next to this one.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveInt, ValidationInfo, field_validator

import lth_core.pruning  # noqa: F401 (registers the criteria)
from lth_core import registry
from lth_core.config import Choice, Config, Method, Name
from lth_core.registry import UnknownName, study
from lth_core.storage.paths import learned_supermasks_file, supermasks_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Drawing, Study, rising

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim

LARGE_FINAL = "large-final"
RANDOM = "random"

CRITERIA = (
    *(LARGE_FINAL, "small-final", "large-init", "small-init", "large-init-large-final", "small-init-small-final"),
    *("magnitude-increase", "movement", RANDOM, "large-final-same-sign", "large-final-diff-sign"),
    *("magnitude-increase-same-sign", "magnitude-increase-diff-sign"),
)

ZERO = "zero"
"""The pruned weights' action of the lottery-ticket recipe: what the task's own method does."""
PRUNED_ACTIONS = {
    "freeze-init": Choice(name="freeze-init"),
    "freeze-init-zero-mask": Choice(name="freeze-init", zero="toward-zero"),
    "freeze-init-zero-all": Choice(name="freeze-init", zero="all-toward-zero"),
    "freeze-init-zero-reverse": Choice(name="freeze-init", zero="away-from-zero"),
    "freeze-init-zero-reshuffle": Choice(name="freeze-init", zero="random"),
}

REWIND = "rewind"
"""The kept weights' action of the recipe."""
KEPT_ACTIONS = {
    "redraw": Choice(name="redraw"),
    "redraw-signed": Choice(name="redraw", keep_signs=True),
    "reshuffle": Choice(name="shuffle", within="layer"),
    "reshuffle-signed": Choice(name="shuffle", within="layer", keep_signs=True),
    "constant": Choice(name="constant"),
    "constant-signed": Choice(name="constant", keep_signs=True),
}

COLUMNS = ("task", "method", "level", "density", "seed", "accuracy", "final_accuracy")
"""Of the table of accuracies, all on the test split: at early stopping, and at the end of training."""

SUPERMASK_COLUMNS = (
    *("task", "criterion", "level", "density", "values", "seed"),
    *("validation_accuracy", "test_accuracy"),
)
"""Of the table of supermasks found by a criterion; `values`: kept weights are `initial` or signed `constant`s."""

LEARNED_COLUMNS = (
    *("task", "values", "scaling", "mask", "density", "seed"),
    *("validation_accuracy", "test_accuracy"),
)
"""Of the table of learned supermasks; `scaling`: plain or rescaled; `mask`: drawn (averages over several) or likely."""

COMPARISON_COLUMNS = ("task", "kind", "values", "chosen", "mean", "low", "high", "seeds")
"""Of the table that compares kinds of supermasks with training by test accuracy: mean, 95% t interval over seeds."""

LEARNED = tuple(product(("initial", "constant"), ("plain", "rescaled")))
"""Values and scaling of learned supermasks."""


@study("deconstructing", published="2019-05")
class Deconstructing(Study):
    """Criteria of masks, actions on pruned and on kept weights, supermasks."""

    title: ClassVar[str] = "Deconstructing Lottery Tickets: Zeros, Signs, and the Supermask"
    citation: ClassVar[str] = "Zhou, Lan, Liu & Yosinski, NeurIPS 2019 (arXiv 1905.01067)"
    table_names: ClassVar[tuple[str, ...]] = ("accuracies", "supermasks", "learned_supermasks", "supermask_comparison")

    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which claims are tested; pruning goes on to the last of them."""
    criteria: Annotated[list[Name], Field(min_length=1)] = list(CRITERIA)
    """Registered criteria to find masks with; one chain each."""
    pruned_actions: list[Name] = list(PRUNED_ACTIONS)
    """What becomes of pruned weights, besides being set to 0; one chain each."""
    kept_actions: list[Name] = list(KEPT_ACTIONS)
    """What kept weights start from, besides their own starting values; one chain each."""
    supermasks: bool = True
    """Also find supermasks by every criterion, and learn them."""

    _rising = field_validator("levels")(rising)

    @field_validator("criteria")
    @classmethod
    def _registered(cls, names: list[str]) -> list[str]:
        for name in names:
            registry.criterion.get(name)
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

    def chains(self, config: Config, own: str) -> dict[str, dict[str, str]]:
        """Part of the recipe (criteria, pruned, kept) -> variant -> the method that finds its tickets.

        The variant of a task's own method is that method itself.
        """
        parts = {
            "criteria": self.criteria,
            "pruned": [ZERO, *self.pruned_actions],
            "kept": [REWIND, *self.kept_actions],
        }
        return {
            part: {
                name: own if _derived(config.methods[own], part, name) == config.methods[own] else f"{own}-{name}"
                for name in names
            }
            for part, names in parts.items()
        }

    def methods(self, config: Config) -> dict[str, Method]:
        """The tasks' methods with other criteria and other actions.

        Raises ValueError when a method cannot be varied so.
        """
        for own in self.tasks.values():
            if (policy := config.methods[own].rewind.policy) not in ("reset", "rewind"):
                raise ValueError(f"method '{own}' starts from trained weights (rewind policy '{policy}'): use 'reset'")
            if config.methods[own].treatment:
                raise ValueError(f"method '{own}' has a treatment of its own: name one without")
        return {
            name: _derived(config.methods[own], part, variant)
            for own in self.tasks.values()
            for part, variants in self.chains(config, own).items()
            for variant, name in variants.items()
            if name != own
        }

    def runs(self, config: Config) -> list[Run]:
        """Dense runs and all tickets of every chain.

        Raises ValueError when a task's method has fewer levels than the study looks at.
        """
        runs = []
        for task, own in self.tasks.items():
            if (last := config.methods[own].levels) < self.levels[-1]:
                raise ValueError(f"levels: {self.levels[-1]} is beyond the {last} levels of method '{own}'")
            names = {name for variants in self.chains(config, own).values() for name in variants.values()}
            for cohort in config.tasks[task].cohorts:
                runs.append(Run(task, cohort))
                chains = product(sorted(names), range(1, self.levels[-1] + 1))
                runs += [Run(task, cohort, name, level) for name, level in chains]
        return runs

    # ------------------------------------------------------------ tables

    def analyses(self, config: Config) -> list[str]:
        """The accuracies of supermasks, found by every criterion and learned."""
        return [*self._supermask_files(config).values(), *self._learned_files(config).values()]

    def _supermask_files(self, config: Config) -> dict[tuple[str, str, str], str]:
        """Task, criterion and cohort -> the accuracies of the criterion's masks."""
        return {
            (task, criterion, cohort): supermasks_file(config.results, task, cohort, method)
            for task, own in self.tasks.items()
            for criterion, method in self.chains(config, own)["criteria"].items()
            for cohort in config.tasks[task].cohorts
            if self.supermasks
        }

    def _learned_files(self, config: Config) -> dict[tuple[str, str, str, str], str]:
        """Task, values, scaling and cohort -> the accuracies of learned masks."""
        return {
            (task, values, scaling, cohort): learned_supermasks_file(config.results, task, cohort, values, scaling)
            for task in self.tasks
            for values, scaling in LEARNED
            for cohort in config.tasks[task].cohorts
            if self.supermasks
        }

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """accuracies: one row per task, method, level (0: the dense network, method `dense`) and seed: test accuracies
        at early stopping (minimum validation loss) and at the end; nan where training diverged.

        supermasks: one row per task, criterion, level (0: no mask), values and seed; learned_supermasks: one row per
        task, values, scaling, mask and seed; supermask_comparison: one row per task and kind of supermask, means over
        seeds, and the trained dense network. All three are empty where the study does without.
        """
        from lth_core.analysis.measurements import measure, read_histories
        from lth_core.studies.deconstructing.tables import comparison, gathered

        table = measure(read_histories(config.results, self.runs(config)))
        named = {"test_accuracy_early_stop": "accuracy", "test_accuracy_end": "final_accuracy"}
        tables = {
            "accuracies": table.rename(columns=named)[list(COLUMNS)],
            "supermasks": gathered(self._supermask_files(config), SUPERMASK_COLUMNS, ("task", "criterion")),
            "learned_supermasks": gathered(self._learned_files(config), LEARNED_COLUMNS, ("task", "values", "scaling")),
        }
        return tables | {"supermask_comparison": comparison(tables)}

    # ------------------------------------------------------------ figures and claims

    def figure_names(self, config: Config) -> list[str]:
        """Kind of figure and task, in the order of the page."""
        kinds = ["criteria", "kept-weights", "pruned-weights"]
        kinds += ["supermask-bars", "supermask-densities", "learned-supermasks"] if self.supermasks else []
        return [f"{kind}-{task}" for task in self.tasks for kind in kinds]

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """The figures of every task, with captions that name what is drawn."""
        from lth_core.studies.deconstructing.figures import drawings
        from lth_core.studies.deconstructing.supermask_figures import supermask_drawings

        found = []
        for task in self.tasks:
            found += drawings(self, config, task, tables["accuracies"])
            found += supermask_drawings(self, config, task, tables) if self.supermasks else []
        return found

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims about every task, as far as its variants are trained."""
        from lth_core.studies.deconstructing.claims import claims
        from lth_core.studies.deconstructing.supermask_claims import supermask_claims

        found = []
        for task in self.tasks:
            found += claims(self, config, task, tables["accuracies"])
            found += supermask_claims(self, config, task, tables) if self.supermasks else []
        return found


def _derived(method: Method, part: str, variant: str) -> Method:
    """The method with one part of its recipe replaced."""
    if part == "criteria":
        same = registry.criterion.get(variant) is registry.criterion.get(method.criterion.name)
        return method if same and not method.criterion.options else _with(method, criterion=Choice(name=variant))
    action = (PRUNED_ACTIONS | KEPT_ACTIONS).get(variant)
    return _with(method, treatment=action) if action else method


def _with(method: Method, **changed: Choice) -> Method:
    return method.model_copy(update=changed)
