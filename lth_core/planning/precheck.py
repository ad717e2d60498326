"""What is asked of a run before its jobs start: see lth_core/jobs/check.py."""

from __future__ import annotations

import os
from collections.abc import Collection

from lth_core.data.facts import known_facts
from lth_core.planning.plan import Plan
from lth_core.planning.specs import canonical
from lth_core.storage.paths import data_file


def questions(plan: Plan, tasks: Collection[str], made: Collection[str]) -> str:
    """Ask, as JSON, what `tasks` name that a run is about to use; data files of `made` are still to be prepared."""
    methods = {task: {run.method for run in plan.runs if run.task == task and run.level} for task in tasks}
    asked = {}
    for name in tasks:
        settings = plan.config.tasks[name]
        dataset, path = plan.config.dataset(settings.dataset), data_file(plan.config.results, settings.dataset)
        asked[name] = {
            "task": settings.model_dump(mode="json"),
            "data": path if path not in made and os.path.exists(path) else None,
            "facts": known_facts(dataset.source, dataset.transforms),
            "methods": {method: plan.methods[method].model_dump(mode="json") for method in methods[name]},
        }
    return canonical({"modules": plan.specs.modules_of(tasks, set().union(*methods.values())), "tasks": asked})
