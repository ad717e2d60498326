"""Checks of settings that would change nothing beside another one: what is written in vain misleads its readers.

Only what the config itself says is looked at: studies derive methods from it, in which a setting may have lost its use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lth_core import registry
from lth_core.config import Branch, Config, Method
from lth_core.planning.configerrors import at
from lth_core.pruning.moments import rounds_per_level, starts_dense
from lth_core.storage.runs import Run

COUNTS = ("scope", "rate", "rate_by_kind", "densities", "allocation")
"""What says how many weights a mask keeps."""


def without_effect(config: Config, runs: Iterable[Run]) -> list[str]:
    """Say which settings of the methods and branches that runs use change nothing."""
    methods = sorted({run.method for run in runs} & config.methods.keys())
    branches = sorted({run.branch for run in runs if run.branch} & config.branches.keys())
    problems = [
        at(("methods", name, key), problem) for name in methods for key, problem in _of_method(config.methods[name])
    ]
    return problems + [
        at(("branches", name, "draws"), problem) for name in branches for problem in _of_branch(config.branches[name])
    ]


def _of_method(method: Method) -> Iterator[tuple[str, str]]:
    """Key and problem of each setting of a method that changes nothing."""
    criterion = method.criterion.name
    if starts_dense(method):
        yield from _beside_dense(method)
    elif method.search is None and method.spacing != "exponential" and rounds_per_level(method) == 1:
        yield "spacing", f"'{criterion}' prunes in one round per level: remove it, or set iterations"
    reads_training = any(registry.criterion.uses(criterion, one) for one in ("trained", "trained_from", "probe"))
    if method.prune_at is not None and not reads_training and not starts_dense(method):
        yield "prune_at", f"'{criterion}' looks at no trained weights: remove it"
    if method.channel_score == "mean" and method.scope == "layer":
        yield "channel_score", "'mean' ranks channels of one group as the sum does: remove it, or use scope: global"
    if method.search and not registry.parametrization.facts(method.search.parametrization.name).get("exact"):
        yield from _beside_free_density(method)


def _beside_dense(method: Method) -> Iterator[tuple[str, str]]:
    """What a criterion is told, where no criterion makes a mask."""
    assert method.during is not None
    given = {
        "criterion": method.criterion.name != "random",
        "keep": method.keep != "highest",
        "prune_at": method.prune_at is not None,
        "iterations": method.iterations is not None,
        "spacing": method.spacing != "exponential",
    }
    for key, is_given in given.items():
        if is_given:
            yield key, f"'{method.during.name}' starts dense and ranks weights itself: remove it"


def _beside_free_density(method: Method) -> Iterator[tuple[str, str]]:
    """What says how many weights a mask keeps, where a search decides it."""
    assert method.search is not None
    if method.search.scaled:  # by the density that the level asks for
        return
    for key in COUNTS:
        if getattr(method, key) != Method.model_fields[key].default:
            yield key, f"'{method.search.parametrization.name}' decides itself how many weights are kept: remove it"


def _of_branch(branch: Branch) -> Iterator[str]:
    """What is wrong with the number of a branch's draws."""
    name = branch.treatment.name
    draws = any(registry.treatment.uses(name, one) for one in ("rng", "checkpoints"))
    if branch.draws > 1 and not draws:
        yield f"treatment '{name}' draws nothing, so that {branch.draws} trainings would be the same one: remove it"
