"""The plan: a validated config and what its studies need, as files and as specs of the jobs that make them.

Nothing here computes numbers or imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lth_core.config import Branch, Config, Method
from lth_core.planning.canonical import canonical
from lth_core.planning.chains import Chains
from lth_core.planning.configfile import ConfigError, load
from lth_core.planning.specs import Specs
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, expand

PRUNED_WEIGHTS = {
    "exclude",
    "granularity",
    "n_of_m",
    "block",
    "fractions",
    "iterative",
    "rate",
    "scope",
    "densities",
    "allocation",
    "during",
    "search",
}
"""Settings of a method that must fit the network; only those that are set, for all of them go into the environment."""

MOST_BYTES = 120_000
"""Of the config as JSON: jobs are told it on their command line, and no argument may be longer than 131,071 bytes."""


class Plan:
    """What a config asks for."""

    def __init__(self, config: Config, studies: Mapping[str, Study]):
        self.studies = dict(studies)
        self.config = expand(config, studies.values())
        self.methods: dict[str, Method] = dict(config.methods)
        self.branches: dict[str, Branch] = dict(config.branches)
        for study in self.studies.values():
            self.methods |= study.methods(self.config)
            self.branches |= study.branches(self.config)
        self.chains = Chains(self.config, self.methods, self.branches)
        self.specs = Specs(config, self.config, self.studies, self.chains)

    @classmethod
    def read(cls, paths: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Plan:
        """Make the plan of config files. Raises ConfigError with one line per mistake."""
        loaded = load([Path(path) for path in paths], overrides)
        plan = cls(loaded.config, loaded.studies)
        arguments = (canonical(plan.specs.config_of([*plan.studies])), plan.pruned_weights)
        size = max(len(text.encode()) for text in arguments)
        if size > MOST_BYTES:
            raise ConfigError(
                [f"the config is too large for one run ({size:,} bytes, at most {MOST_BYTES:,}): split it by task"]
            )
        for task in plan.config.tasks.values():
            plan.specs.files(task.dataset)  # which may fail
        return plan

    @cached_property
    def runs(self) -> list[Run]:
        """Every training that some study needs."""
        return sorted({run for study in self.studies.values() for run in study.runs(self.config)}, key=repr)

    def pruned_task(self, run: Run) -> str:
        """Return the task whose network is pruned for a run: another one where a part of its ticket is taken."""
        branch = self.chains.branch(run.branch) if run.branch else None
        return branch.source if branch and branch.part and branch.source else run.task

    @cached_property
    def pruned_weights(self) -> str:
        """JSON: task -> method that prunes it -> which weights. No part of a spec: looked at, not used."""
        weights: dict[str, dict[str, Any]] = {task: {} for task in self.config.tasks}
        for task, name in {(self.pruned_task(run), run.method) for run in self.runs if run.level}:
            which = self.methods[name].model_dump(include=PRUNED_WEIGHTS, exclude_defaults=True)
            weights[task][name] = which | {"levels": self.methods[name].levels}
        return canonical(weights)
