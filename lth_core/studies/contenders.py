"""Methods that are compared on a task, made to have masks of exactly the same densities: for several studies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from lth_core import registry
from lth_core.config import Config, Method, Rewind, Task
from lth_core.config.methods import MAX_LEVELS
from lth_core.data.facts import known_facts, too_few_examples
from lth_core.data.kinds import kind_of_data
from lth_core.metrics import counted
from lth_core.pruning.moments import unsuited, waits_for_training, without_update
from lth_core.registry import UnknownName
from lth_core.storage.runs import Run
from lth_core.studies.catalogue import CATALOGUE, Recipe

AFTER, BEFORE, WHILE, LEARNED, CONTROL = "after training", "before training", "while training", "learned", "controls"
GROUPS = (AFTER, BEFORE, WHILE, LEARNED, CONTROL)
"""When masks are made, or how, in the order of figures."""


@dataclass(frozen=True)
class Basis:
    """What all methods that are compared on a task have in common."""

    method: str
    """The task's method, whose scope, allocation, exclusions, rate and rewind step they share."""
    densities: Sequence[float]
    """The densities of all masks, falling."""
    made_for: str = "compared"
    """Part of the names of the methods that are trained."""


@dataclass(frozen=True)
class Contender:
    """One compared method of a task: as the option `compare` calls it, and the derived method that is trained."""

    name: str
    label: str
    method: str
    settings: Method
    branch: str | None = None

    @property
    def group(self) -> str:
        """Return when its masks are made, or how: one of GROUPS."""
        if self.settings.search:
            return LEARNED
        if self.settings.during:
            return WHILE
        if self.branch or self.settings.criterion.name == "random":
            return CONTROL
        return AFTER if waits_for_training(self.settings) else BEFORE

    @property
    def trains_weights(self) -> bool:
        """Return whether the weights of its tickets are trained; otherwise their masks are all that is learned."""
        search = self.settings.search
        return self.branch is not None or search is None or search.retrain

    def training_steps(self, steps: int) -> int:
        """Return the steps of its tickets' training where the recipe has `steps`."""
        if not self.trains_weights:
            return 0
        return steps if self.branch else steps - self.settings.rewind.step  # branches begin before the first step

    def level(self, density: float) -> int:
        """Return the level that has a density."""
        return self.settings.densities.index(density) + 1

    def run(self, task: str, cohort: str, density: float) -> Run:
        """Return the training of its ticket of a density."""
        return Run(task, cohort, self.method, self.level(density), self.branch)


def label_of(name: str) -> str:
    """Return what figures call a method of the catalogue or of the config."""
    return CATALOGUE[name].label if name in CATALOGUE else name


def untrained_note(compared: Iterable[Contender]) -> str:
    """Name in a caption the methods whose weights are not trained; empty where all are."""
    labels = dict.fromkeys(one.label for one in compared if not one.trains_weights)
    return f"Subnetworks of untrained weights stay as they are: {'; '.join(labels)}." if labels else ""


def ladder(densities: Sequence[float], rate: float) -> list[float]:
    """List densities of iterative pruning: the wanted ones, falling, and what lies between.

    Between two wanted densities lie as many levels, in equal ratios, as rounds take that prune at most `rate` each.
    """
    levels, before = [], 1.0
    for wanted in densities:
        rounds = max(1, math.ceil(math.log(wanted / before) / math.log(1 - rate) - 1e-9))
        levels += [round(before * (wanted / before) ** (part / rounds), 6) for part in range(1, rounds)] + [wanted]
        before = wanted
    return levels


def contenders(
    config: Config, task: str, basis: Basis, names: Iterable[str], besides: Iterable[Contender] = ()
) -> tuple[list[Contender], dict[str, str]]:
    """Make the methods that `names` lists, and say why those are left out that the task cannot have, or has already.

    `besides` are compared with them, too. Raises ValueError for a name that is unknown and a method that cannot have
    densities.
    """
    settings, made = config.tasks[task], dict[str, Contender]()
    facts, left_out = _facts(config, settings), {}
    for name in names:
        contender = candidate(name, config, basis)
        why = _unfit(contender, facts, settings) or _repeated(contender, [*besides, *made.values()], settings)
        if why:
            left_out[name] = why
        else:
            made[name] = contender
    return list(made.values()), left_out


def candidate(name: str, config: Config, basis: Basis) -> Contender:
    """Make a method of the config or, by default, of the catalogue. Raises ValueError as `contenders` does."""
    if name in config.methods:
        return _configured(name, config.methods[name], basis)
    if name not in CATALOGUE:
        raise ValueError(f"compare: {UnknownName('method', name, {*CATALOGUE, *config.methods})}")
    recipe = CATALOGUE[name]
    if recipe.of:
        treated = candidate(recipe.of, config, basis)
        return replace(treated, name=name, label=recipe.label, branch=recipe.branch)
    settings = _derived(name, recipe, config.methods[basis.method], basis.densities)
    return Contender(name, recipe.label, f"{basis.method}-{basis.made_for}-{name}", settings)


def _derived(name: str, recipe: Recipe, method: Method, densities: Sequence[float]) -> Method:
    """The settings of an entry of the catalogue, for tasks that have a method."""
    shared = method.model_dump(mode="json", include={"scope", "allocation", "exclude"})
    settings = shared | {"rewind": _rewind(recipe.rewind, method.rewind.step), **recipe.settings}
    return _with_densities(settings, _rate(method), densities, f"compare: '{name}'")


def _configured(name: str, method: Method, basis: Basis) -> Contender:
    """A method of the config, at the wanted densities instead of its own levels."""
    if method.granularity == "channel":
        raise ValueError(
            f"compare: '{name}' cannot be compared at densities: those of channels are not those of weights"
        )
    kept = method.model_dump(mode="json", exclude={"rate", "rate_by_kind", "densities", "levels"})
    settings = _with_densities(kept, _rate(method), basis.densities, f"compare: '{name}'")
    return Contender(name, label_of(name), f"{name}-{basis.made_for}", settings)


def _rate(method: Method) -> float:
    """The fraction that a round prunes, or the largest one where a method lists its densities."""
    if not method.densities:
        return method.rate
    return max(1 - after / before for before, after in pairwise([1.0, *method.densities]))


def _with_densities(settings: Mapping[str, Any], rate: float, densities: Sequence[float], what: str) -> Method:
    iterative = settings.get("iterative", not settings.get("during"))
    levels = ladder(densities, rate) if iterative else list(densities)
    if len(levels) > MAX_LEVELS:
        raise ValueError(
            f"{what} needs {counted(len(levels), 'levels')} at rate {rate:g}, at most {MAX_LEVELS}: raise its rate"
        )
    try:
        return Method.model_validate({**settings, "densities": levels, "levels": len(levels)})
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"{what} cannot be compared at densities: {reason}") from None


def _rewind(policy: str, step: int) -> dict[str, Any]:
    if policy == "rewind":
        return Rewind(policy="rewind", step=step).model_dump() if step else Rewind().model_dump()
    return {"policy": policy}


def _facts(config: Config, task: Task) -> dict[str, Any]:
    """What is known of a task's data; nothing where the config is wrong, which is said of the data."""
    dataset = config.dataset(task.dataset)
    try:
        return known_facts(dataset.source, dataset.transforms)
    except Exception:  # of any type: it may be a plugin's
        return {}


def _unfit(contender: Contender, facts: Mapping[str, Any], task: Task) -> str | None:
    """Why a task's data, or the length of its training, do not suit a method, or its densities cannot be given."""
    settings = contender.settings
    search = settings.search
    if search and not registry.parametrization.facts(search.parametrization.name).get("exact"):
        return f"'{search.parametrization.name}' decides itself how many weights are kept"
    if why := unsuited(settings, kind_of_data(facts)) or too_few_examples(facts, settings.criterion):
        return why
    return without_update(settings, task.train.steps - settings.rewind.step)


def _repeated(contender: Contender, others: Iterable[Contender], task: Task) -> str | None:
    """Which method of the same training is compared already."""
    for other in others:
        if contender.branch == other.branch and _same(contender.settings, other.settings, task):
            return f"the same as {other.label} here"
    return None


def _same(first: Method, second: Method, task: Task) -> bool:
    """Whether two methods train the same; a constant learning rate is its own last one."""
    constant = task.train.schedule.name == "constant" and not task.train.schedule.warmup_steps

    def trained(method: Method) -> Method:
        policies = {"fine-tune": "lr-rewind", "rewind-low-rate": "rewind"} if constant else {}
        policy = policies.get(method.rewind.policy, method.rewind.policy)
        return method.model_copy(update={"rewind": method.rewind.model_copy(update={"policy": policy})})

    return trained(first) == trained(second)
