"""What is asked of a run before its jobs start: see lth_core/jobs/check.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from typing import Any

from lth_core import registry
from lth_core.config import Task
from lth_core.data.facts import known_facts
from lth_core.data.splits import DataError
from lth_core.planning.canonical import canonical
from lth_core.planning.configerrors import at
from lth_core.planning.plan import Plan
from lth_core.storage.paths import data_file, initial_file

CHECK = (sys.executable, "-m", "lth_core.jobs.check")
ENDED = "error: the job was ended by "
"""How `lth-job` reports signals."""


def complaints(
    plan: Plan, tasks: Collection[str], made: Collection[str], command: Sequence[str] = CHECK, here: bool = False
) -> list[str]:
    """Ask, and return the lines that say what cannot work, or one that the check itself failed; see `questions`."""
    if missing := _missing_data(plan, tasks, made):
        return missing
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    asked = questions(plan, tasks, made, here)
    done = subprocess.run(command, input=asked, env=environment, capture_output=True, text=True, check=False)
    if not done.returncode:
        return []
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(ENDED)]
    *_, last = said = ["", *lines]
    mistakes = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
    return mistakes or [_failure(done.returncode, last.strip())]


def _missing_data(plan: Plan, tasks: Collection[str], made: Collection[str]) -> list[str]:
    """Look for what data files are about to be made from, where a data set says how to (`look`)."""
    missing = []
    for name in dict.fromkeys(plan.config.tasks[task].dataset for task in tasks):
        source, path = plan.config.dataset(name).source, data_file(plan.config.results, name)
        look = registry.dataset.facts(source.name).get("look")
        if look and (path in made or not os.path.exists(path)):
            try:
                look(plan.config.data_root, **source.options)
            except DataError as error:
                missing.append(at(("datasets", name, "source"), str(error)))
    return missing


def _failure(status: int, said: str) -> str:
    """Say how a check ended that found nothing wrong, and did not come to its end."""
    number = -status if status < 0 else status - 128  # as `lth-job` and shells report signals
    is_signal = number in {*signal.Signals}
    how = f"was ended by {signal.Signals(number).name}" if is_signal else f"ended with status {status}"
    if number == signal.SIGKILL:
        return f"the check of the config {how}, as happens when memory runs out: free some, and run the command again"
    last = f"its last words: {said}" if said else "it said nothing"
    return f"the check of the config {how} ({last}): look for the cause in your plugins, or report it if you have none"


def everything(plan: Plan) -> set[str]:
    """List the files of all trainings, as a run makes them that has none yet."""
    results, tasks = plan.config.results, plan.config.tasks
    initial = {initial_file(results, name, cohort) for name, task in tasks.items() for cohort in task.cohorts}
    return initial | {run.trained(results) for run in plan.runs}


def questions(plan: Plan, tasks: Collection[str], made: Collection[str], here: bool = False) -> str:
    """Ask, as JSON, what `tasks` name that a run is about to use; `made` are the files that it makes, if not elsewhere
    than `here`, on this machine, whose devices are looked at then.
    """
    methods = {task: {run.method for run in plan.runs if run.level and plan.pruned_task(run) == task} for task in tasks}
    treated = {task: _treated(plan, task, made) for task in tasks}
    asked = {}
    for name in tasks:
        settings = plan.config.tasks[name]
        first = {cohort: initial_file(plan.config.results, name, cohort) for cohort in settings.cohorts}
        asked[name] = {
            "task": settings.model_dump(mode="json"),
            **_data(plan, settings, made),
            "proved": [cohort for cohort, file in first.items() if file in made],
            "source": _source(plan, settings, made),
            "exchanged": _exchanged(plan, name, made),
            "methods": {method: plan.methods[method].model_dump(mode="json") for method in methods[name]},
            "configured": sorted(methods[name] & plan.config.methods.keys()),
            "derived": _derived(plan, name, methods[name]),
            "treated": treated[name],
        }
    treatments = {ticket["branch"]["treatment"]["name"] for tickets in treated.values() for ticket in tickets}
    sources = {source.task for task in tasks if (source := plan.config.tasks[task].initialization.source)}
    sources |= {other["name"] for task in asked.values() for other in task["exchanged"]}
    modules = plan.specs.modules_of({*tasks, *sources}, set().union(*methods.values()), treatments)
    return canonical({"modules": modules, "tasks": asked, "device": plan.config.device if here else "auto"})


def _derived(plan: Plan, task: str, methods: set[str]) -> dict[str, str]:
    """Say of methods that a study derives from the one of a task where the config names study and method."""
    keys = {}
    for name, study in plan.studies.items():
        base, of_study = study.tasks.get(task), study.methods(plan.config)
        for method in methods & of_study.keys() - plan.config.methods.keys():
            if base and method.startswith(base):
                keys[method] = f"studies.{name}.tasks.{task}: methods.{base}"
    return keys


def _data(plan: Plan, settings: Task, made: Collection[str]) -> dict[str, Any]:
    """The data file of a task, unless it is still to be made, and what is known of its data anyway."""
    dataset, path = plan.config.dataset(settings.dataset), data_file(plan.config.results, settings.dataset)
    there = path not in made and os.path.exists(path)
    facts = known_facts(dataset.source, dataset.transforms, plan.config.data_root)
    return {"data": path if there else None, "facts": facts}


def _source(plan: Plan, settings: Task, made: Collection[str]) -> dict[str, Any] | None:
    """The task whose trained weights a task starts from, and its data."""
    if (source := settings.initialization.source) is None:
        return None
    return _other(plan, source.task, made)


def _other(plan: Plan, name: str, made: Collection[str]) -> dict[str, Any]:
    """Another task, and its data."""
    settings = plan.config.tasks[name]
    return {"name": name, "task": settings.model_dump(mode="json"), **_data(plan, settings, made)}


def _exchanged(plan: Plan, task: str, made: Collection[str]) -> list[dict[str, Any]]:
    """List the other tasks whose tickets or weights the branches of a task take, and of which `part`.

    `key` says what asks for each.
    """
    asked: dict[tuple[str, str | None], str] = {}
    for run in plan.runs:
        if run.task == task and run.branch and run.trained(plan.config.results) in made:
            settings, known = plan.chains.treated(run), run.branch in plan.config.branches
            others = {"source": settings.source, "weights": settings.weights and settings.weights.task}
            for key, other in others.items():
                if other and other != task:
                    where = f"branches.{run.branch}.{key}" if known else f"studies: branch '{run.branch}'"
                    asked.setdefault((other, settings.part), where)
    return [{"key": key, "part": part, **_other(plan, other, made)} for (other, part), key in asked.items()]


def _treated(plan: Plan, task: str, made: Collection[str]) -> list[dict[str, Any]]:
    """List a ticket for every treatment of a task's tickets that the run makes anew.

    `key` says where the config asks for it, `method` finds the ticket (None: it is the dense network), and `keeps_mask`
    whether the treatment must not change the mask.
    """
    asked: dict[str, dict[str, Any]] = {}
    for run in plan.runs:
        by_method = run.branch is None and run.level > 0 and plan.methods[run.method].treatment is not None
        is_made, is_treated = run.trained(plan.config.results) in made, run.branch or by_method
        if not (run.task == plan.pruned_task(run) == task and is_made and is_treated):
            continue
        branch, method = plan.chains.treated(run), run.method if run.level else None
        configured = f"methods.{method}" if by_method else f"branches.{run.branch}"
        known = by_method or run.branch in plan.config.branches
        ticket = {
            "key": f"{configured}.treatment" if known else f"studies: branch '{run.branch}'",
            "method": method,
            "branch": branch.model_dump(),
            "keeps_mask": by_method,
        }
        same = {"treatment": branch.treatment.model_dump(), "dense": method is None, "keeps_mask": by_method}
        asked.setdefault(canonical(same), ticket)
    return list(asked.values())
