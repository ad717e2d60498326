"""Checks of when sparsifiers change masks, by those of their options that are numbers and named as here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lth_core import registry
from lth_core.config import Config, Method
from lth_core.data.facts import known_facts
from lth_core.metrics import amount, counted
from lth_core.planning.configerrors import Location, at
from lth_core.pruning.moments import starts_dense, update_options, without_update
from lth_core.storage.runs import Run


def updates(config: Config, runs: Iterable[Run], methods: Mapping[str, Method], derived_from: Location) -> list[str]:
    """Say what is wrong with the updates of masks in the runs' trainings: of `derived_from` where methods that it
    derives alone are wrong."""
    configured, derived = {}, {}
    for task, name in sorted({(run.task, run.method) for run in runs if run.level}):
        method = methods[name]
        if method.during is None:
            continue
        steps = config.tasks[task].train.steps - method.rewind.step
        for keys, problem in [*_problems(method, task, steps), *_epochs(config, method, task, steps)]:
            if name in config.methods:
                configured[at(("methods", name, *keys), problem)] = None
            else:
                derived[at(derived_from, problem)] = None
    return list(configured or derived)


def _problems(method: Method, task: str, steps: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys of a method and what is wrong with them, where a training of a task has some steps."""
    assert method.during is not None
    options = update_options(method)
    begin, until, every, fraction = (options.get(name) for name in ("begin", "until", "every", "fraction"))
    if fraction is not None and not 0 <= fraction <= 1:
        yield ("during", "fraction"), f"{fraction:g} must be from 0 to 1: it is the part of the weights that is swapped"
    if every is not None and every < 1:
        yield ("during", "every"), f"{every} must be at least 1 step"
    elif begin is not None and not 0 <= begin < 1:
        yield ("during", "begin"), f"{begin:g} must be at least 0 and less than 1, the end of training"
    elif until is not None and not 0 < until <= 1:
        yield ("during", "until"), f"{until:g} must be more than 0 and at most 1, the end of training"
    elif begin is not None and until is not None and begin >= until:
        yield ("during", "begin"), f"{begin:g} must be less than until ({until:g})"
    elif begin is not None and until is not None:
        yield from _ramp(begin, until, every, task, steps)
    elif problem := without_update(method, steps):
        yield ("during", "every"), f"{problem} in task '{task}': choose fewer steps"
    if starts_dense(method) and method.allocation == "lamp":
        dense = (
            f"'lamp' is for masks that a criterion makes, and '{method.during.name}' starts dense: use scope 'global'"
        )
        yield ("allocation",), dense


def _ramp(
    begin: float, until: float, every: float | None, task: str, steps: int
) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with a ramp between two fractions of training."""
    first, last = round(begin * steps), min(round(until * steps), steps - 1)
    if first >= last:
        yield ("during", "begin"), f"the ramp from step {first} to {last} of task '{task}' is empty: begin earlier"
    elif every is not None and every > last - first:
        ramp = f"the {counted(last - first, 'steps')} between begin and until in task '{task}'"
        yield ("during", "every"), f"{every:g} must be at most {ramp}"


def _epochs(config: Config, method: Method, task: str, steps: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with a sparsifier that changes masks after every epoch but the last, as far as epochs are known."""
    assert method.during is not None
    if not registry.sparsifier.facts(method.during.name).get("epochs"):
        return
    settings, name = config.tasks[task], method.during.name
    dataset = config.dataset(settings.dataset)
    facts = known_facts(dataset.source, dataset.transforms, config.data_root)
    every, examples = update_options(method).get("every"), facts.get("train_examples")
    if every is None and facts["kind"] == "environment":
        yield ("during", "every"), f"'{name}' counts epochs, and task '{task}' has none: set a number of steps"
        return
    period = every or (examples // settings.train.batch_size if examples else 0)
    if 2 * period > steps:
        epoch = "" if every else " (an epoch)"
        why = (
            f"'{name}' changes masks every {amount(f'{period:g}', 'steps')}{epoch} but the last, never in the {steps} "
            f"of task '{task}'"
        )
        yield ("during", "every"), f"{why}: set a smaller number"
