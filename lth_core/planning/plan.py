"""The plan: a validated config and what its studies need, as the specs that Snakemake's rules pass to their jobs.

A spec holds exactly what a job's result depends on (config values, seeds, digest of the code), in canonical JSON:
equal spec, equal artifact. Nothing here computes numbers or imports torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from lth_core import registry
from lth_core.config import HOW_TO_COMPUTE, Branch, Choice, Config, Method, Rewind, Task, seeds_of
from lth_core.planning.configfile import ConfigError, load
from lth_core.storage.codedigest import PACKAGE, code_of, digest, files_digest
from lth_core.storage.paths import initial_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, expand

DRAWING_MODULES = ("lth_core.drawing.*", "lth_core.studies.*figures")
"""Only the figures job runs these: a change of style makes new figures, not new tables."""

PRUNED_WEIGHTS = {"exclude", "granularity", "fractions", "iterative"}
"""Settings of a method that must fit the network; only those that are set, for all of them go into the environment."""

TEMPLATES = Path(__file__).parents[1] / "report" / "templates"
"""The report page and its style."""

MOST_BYTES = 120_000
"""Of the config as JSON: jobs are told it on their command line, and no argument may be longer than 131,071 bytes."""


def canonical(spec: Mapping[str, Any]) -> str:
    """One text for equal specs, whatever the order of their keys."""
    return json.dumps(spec, sort_keys=True)


class Plan:
    """What a config asks for."""

    def __init__(self, config: Config, studies: Mapping[str, Study]):
        self.written = config
        """The config without what studies derive."""
        self.studies = dict(studies)
        self.config = config = expand(config, studies.values())
        self.methods: dict[str, Method] = dict(config.methods)
        self.branches: dict[str, Branch] = dict(config.branches)
        for study in self.studies.values():
            self.methods |= study.methods(config)
            self.branches |= study.branches(config)

    @classmethod
    def read(cls, paths: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Plan:
        """The plan of config files; raises ConfigError with one line per mistake."""
        loaded = load([Path(path) for path in paths], overrides)
        plan = cls(loaded.config, loaded.studies)
        size = max(len(text.encode()) for text in (canonical(plan._config([*plan.studies])), plan.pruned_weights))
        if size > MOST_BYTES:
            raise ConfigError(
                [f"the config is too large for one run ({size:,} bytes, at most {MOST_BYTES:,}): split it by task"]
            )
        return plan

    # ------------------------------------------------------------ what there is

    @cached_property
    def runs(self) -> list[Run]:
        """Every training that some study needs."""
        return sorted({run for study in self.studies.values() for run in study.runs(self.config)}, key=repr)

    def branch(self, name: str) -> Branch:
        """A configured or derived branch, or the registered treatment of that name without options."""
        return self.branches.get(name) or Branch(treatment=Choice(name=name))

    # ------------------------------------------------------------ where a ticket starts

    def start_file(self, task: str, cohort: str, method: str, level: int) -> str:
        """What the training of a level starts from; level 0 is the dense run."""
        rewind = self._rewind(method, level)
        if rewind.keeps_trained:
            return self.level_before(task, cohort, method, level).trained(self.config.results)
        if rewind.step > 0:
            return Run(task, cohort).checkpoint(self.config.results, rewind.step)
        return initial_file(self.config.results, task, cohort)

    def trained_from(self, run: Run) -> str:
        """The weights that the training of a ticket or dense run began with, unmasked where it is not treated."""
        if run.level and self.methods[run.method].treatment:
            return f"{run.folder(self.config.results)}/start.safetensors"
        return self.start_file(run.task, run.cohort, run.method, run.level)

    def treated(self, run: Run) -> Branch:
        """How a run's ticket is treated before it is trained: by its branch, or by its method at every level."""
        return self.branch(run.branch) if run.branch else Branch(treatment=self.methods[run.method].treatment)

    def branch_inputs(self, run: Run) -> dict[str, str]:
        """Files that a treated ticket is made from, by argument of the job; dense networks have no mask."""
        settings, results = self.treated(run), self.config.results
        ticket = replace(run, task=settings.source or run.task, branch=None)
        files = {
            "network": initial_file(results, run.task, run.cohort),
            "initial": initial_file(results, ticket.task, ticket.cohort),
            "start": self.start_file(ticket.task, ticket.cohort, ticket.method, ticket.level),
        }
        if weights := settings.weights:
            training = replace(run, task=weights.task, branch=weights.branch)
            training = training if weights.branch else Run(weights.task, run.cohort)
            files["start"] = training.checkpoint(results, weights.step)
        if not run.level:
            return files
        before = self.level_before(ticket.task, ticket.cohort, ticket.method, ticket.level)
        made_from = {"trained": before.trained(results), "trained_from": self.trained_from(before)}
        return files | made_from | {"mask": ticket.mask(results)}

    def level_before(self, task: str, cohort: str, method: str, level: int) -> Run:
        """The training whose end a level's mask is made from: the level before, or the dense run for one-shot."""
        return Run(task, cohort, method, level - 1 if self.methods[method].iterative else 0)

    def on_own_order(self, run: Run) -> Run:
        """The run of the same treatment on data order 0: the counterpart of a branch trained on another order."""
        settings = self.branch(run.branch)
        if settings.treatment.name == "ticket" and not settings.source and not settings.weights:
            return run.ticket()
        for name in [*self.branches, settings.treatment.name]:
            other = self.branch(name)
            order = {"order": settings.order, "order_from": settings.order_from}
            if other.order == 0 and other.model_copy(update=order) == settings:
                return replace(run, branch=name)
        raise ValueError(f"no branch of treatment '{settings.treatment.name}' is trained on data order 0")

    @cached_property
    def pruned_weights(self) -> str:
        """JSON: task -> method that prunes it -> which weights. No part of a spec: looked at, not used."""
        found: dict[str, dict[str, Any]] = {task: {} for task in self.config.tasks}
        for task, name in {(run.task, run.method) for run in self.runs if run.level}:
            which = self.methods[name].model_dump(include=PRUNED_WEIGHTS, exclude_defaults=True)
            found[task][name] = which | {"levels": self.methods[name].levels}
        return canonical(found)

    # ------------------------------------------------------------ specs of the jobs

    def data_spec(self, dataset: str) -> str:
        """What a data file depends on: its source with options."""
        settings = self.config.dataset(dataset)
        source, transforms = settings.source, settings.transforms
        functions = [registry.transform.get(transform.name) for transform in transforms]
        spec = self._code_of("prepare_data", registry.dataset.get(source.name), *functions)
        spec |= {"source": source.model_dump(), "transforms": [transform.model_dump() for transform in transforms]}
        watched = registry.dataset.facts(source.name).get("watched")
        if watched:  # images added, removed or renamed make new data; images edited in place are not noticed
            names = watched(root=os.path.expanduser(self.config.data_root), **source.options)
            spec["files"] = hashlib.blake2b(
                "\0".join(names).encode(errors="surrogateescape"), digest_size=6
            ).hexdigest()
        return canonical(spec)

    def initialize_spec(self, task: str, cohort: str) -> str:
        """What theta_0 depends on: network, initialization and seeds."""
        settings = self.config.tasks[task]
        spec = self._base(cohort, "initialize", registry.model.get(settings.model.name))
        # theta_0 depends on the network and its initialization, not on how it is trained.
        neutral = {"optimizer": {"name": "sgd", "learning_rate": 1}, "batch_size": 1, "steps": 1, "evaluate_every": 1}
        return canonical(spec | {"task": self._task(settings, cohort) | {"train": neutral}})

    def dense_spec(self, task: str, cohort: str) -> str:
        """What the dense run depends on: task and seeds."""
        return canonical(self._training(task, cohort, "dense"))

    def checkpoint_spec(self, task: str, cohort: str, step: int) -> str:
        """What theta_k depends on: task, seeds and the step k."""
        return canonical(self._training(task, cohort, "checkpoint") | {"step": step})

    def prune_spec(self, cohort: str, method: str, level: int) -> str:
        """What a level's mask depends on beyond its inputs: method, level and seeds."""
        settings = self.methods[method]
        spec = self._base(cohort, "prune", registry.criterion.get(settings.criterion.name))
        # Where the next training starts, and what is done to it, do not matter to the mask.
        method = settings.model_dump(mode="json", exclude={"rewind", "treatment", "levels"}) | {"levels": level}
        return canonical(spec | {"method": method, "level": level})

    def retrain_spec(self, task: str, cohort: str, method: str, level: int) -> str:
        """What a ticket's training depends on beyond its mask: task, rewinding, level and seeds."""
        return canonical(self._training(task, cohort, "retrain") | self._rewinding(method, level))

    def branch_spec(self, run: Run, step: int | None = None) -> str:
        """What a counterfactual's training, to its end or to a step, depends on beyond what it is made from."""
        settings = self.treated(run)
        spec = self._training(run.task, run.cohort, "branch", registry.treatment.get(settings.treatment.name))
        spec |= self._rewinding(run.method, run.level) | {"branch": settings.model_dump(), "chain": not run.branch}
        return canonical(spec | ({"step": step} if step else {}))

    def connectivity_spec(self, task: str, cohort: str) -> str:
        """What a measurement between two trained cohorts depends on: task, seeds and how it is measured."""
        settings = {"connectivity": self.config.connectivity.model_dump()}
        return canonical(self._training(task, cohort, "connectivity") | settings)

    def telemetry_spec(self, task: str, cohort: str, step: int) -> str:
        """What the telemetry of the first steps depends on: task, seeds and the last of the steps."""
        return canonical(self._training(task, cohort, "telemetry") | {"step": step})

    def supermasks_spec(self, task: str, cohort: str, method: str) -> str:
        """What the accuracies of untrained networks under a criterion's masks depend on: task, seeds and method."""
        settings = self.methods[method]
        spec = self._training(task, cohort, "supermasks", registry.criterion.get(settings.criterion.name))
        return canonical(spec | {"method": settings.model_dump(mode="json", exclude={"rewind", "treatment"})})

    def learned_supermasks_spec(self, task: str, cohort: str, values: str, scaling: str) -> str:
        """What learned supermasks depend on: task, seeds, what the weights are, and how masks are learned."""
        spec = self._training(task, cohort, "learned_supermasks")
        how = {"values": values, "rescaled": scaling == "rescaled", "supermasks": self.config.supermasks.model_dump()}
        return canonical(spec | how)

    def analysis_code(self, job: str) -> str:
        """The digest of the code of an analysis, which has no settings."""
        return self._code(job)

    def table_spec(self, study: str) -> str:
        """A study's own config: other studies' options do not matter to its table."""
        return canonical(self._after_training("table", [study], "reports", without=DRAWING_MODULES))

    def figures_spec(self, study: str) -> str:
        """As the table's, with the folder of the figures and the code that draws them."""
        return canonical(self._after_training("figures", [study]))

    def claims_spec(self) -> str:
        """The config without the folder of the reports."""
        return canonical(self._after_training("claims", self.studies, "reports", without=DRAWING_MODULES))

    def report_spec(self) -> str:
        """The page is made by its templates, too."""
        spec = self._after_training("report", self.studies, without=DRAWING_MODULES)
        return canonical(spec | {"templates": files_digest(TEMPLATES)})

    # ------------------------------------------------------------ parts of specs

    def _training(self, task: str, cohort: str, job: str, *functions: Any) -> dict[str, Any]:
        settings = self.config.tasks[task]
        model = registry.model.get(settings.model.name)
        return self._base(cohort, job, model, *functions) | {"task": self._task(settings, cohort)}

    def _base(self, cohort: str, job: str, *functions: Any) -> dict[str, Any]:
        return {"seeds": seeds_of(cohort), **self._code_of(job, *functions)}

    def _code_of(self, job: str, *functions: Any) -> dict[str, Any]:
        """The modules of the registered functions that a job uses, for it to import, and the digest of its code."""
        return {"modules": self._modules(functions), "code": self._code(job, *functions)}

    def _after_training(
        self, job: str, studies: Iterable[str], *left_out: str, without: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """What a job depends on that reads the config and some of its studies.

        Studies ask for facts of what the config names, so its modules are imported, too. The code of these functions
        is in the specs of the trainings: what they change comes to these jobs as other inputs.
        """
        kinds = [type(self.studies[name]) for name in studies]
        return {
            "config": self._config(list(studies), *left_out),
            "modules": self._modules([*kinds, *self._named_functions]),
            "code": self._code(job, *kinds, without=without),
        }

    @cached_property
    def _named_functions(self) -> list[Any]:
        """The registered functions that the config names, with what its studies derive."""
        datasets = [self.config.dataset(task.dataset) for task in self.config.tasks.values()]
        return [
            *(registry.dataset.get(dataset.source.name) for dataset in datasets),
            *(registry.transform.get(transform.name) for dataset in datasets for transform in dataset.transforms),
            *(registry.model.get(task.model.name) for task in self.config.tasks.values()),
            *(registry.criterion.get(method.criterion.name) for method in self.methods.values()),
            *(registry.treatment.get(method.treatment.name) for method in self.methods.values() if method.treatment),
            *(registry.treatment.get(branch.treatment.name) for branch in self.branches.values()),
        ]

    def _modules(self, functions: Iterable[Any]) -> list[str]:
        """The modules that register `functions` when imported: built-in ones, and plugins as the config names them."""
        modules = set()
        for module in {function.__module__ for function in functions}:
            if module.partition(".")[0] == PACKAGE:
                modules.add(module)
            else:  # a plugin may register what it imports from elsewhere
                plugins = [name for name in self.config.plugins if f"{module}.".startswith(f"{name}.")]
                modules |= set(plugins or self.config.plugins)
        return sorted(modules)

    def _rewind(self, method: str, level: int) -> Rewind:
        """Where a level's training starts; the dense run starts at theta_0."""
        return self.methods[method].rewind if level else Rewind()

    def _rewinding(self, method: str, level: int) -> dict[str, Any]:
        return {"method": {"levels": level or 1, "rewind": self._rewind(method, level).model_dump()}, "level": level}

    @staticmethod
    def _task(settings: Task, cohort: str) -> dict[str, Any]:
        fields = settings.model_dump(mode="json", exclude=HOW_TO_COMPUTE["tasks"]["__all__"])
        return fields | {"cohorts": [cohort]}  # other cohorts do not matter to this one

    def _config(self, studies: Sequence[str], *left_out: str) -> dict[str, Any]:
        """What jobs after training read: the config with the options of some studies."""
        exclude = HOW_TO_COMPUTE | dict.fromkeys(left_out, True)
        fields = self.written.model_dump(mode="json", exclude=exclude)
        return fields | {"studies": {study: self.written.studies[study] for study in studies}}

    @cache  # noqa: B019 (a plan lives as long as its process)
    def _code(self, job: str, *functions: Any, without: tuple[str, ...] = ()) -> str:
        imported = [f"{module}:" for module in self._modules(functions)]
        return digest([f"lth_core.jobs.{job}", *imported, *map(code_of, functions)], without)
