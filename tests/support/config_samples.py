"""Configs without errors, a study with options for it, and the errors of configs that differ from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from lth_core import registry
from lth_core.config import Config, Method
from lth_core.planning.configfile import ConfigError, load
from lth_core.storage.runs import Run
from lth_core.studies.base import Study

GOOD = """
tasks:
  digits-lenet:
    dataset: digits
    model: {name: lenet, hidden: [30, 10]}
    train:
      optimizer: {name: adam, learning_rate: 1.2e-3}
      batch_size: 60
      steps: 200
      evaluate_every: 20
    cohorts: ["0-1"]
methods:
  imp:
    levels: 3
    rate_by_kind: {output: 0.1}
branches:
  reinit: {treatment: reinit, draws: 2}
studies:
  toy:
    tasks: {digits-lenet: imp}
"""

LANGUAGE = """
tasks:
  lstm:
    dataset: english
    model: {name: lstm, width: 8}
    objective: language
    train: {optimizer: {name: adam, learning_rate: 5e-3}, batch_size: 8, steps: 20, evaluate_every: 10}
    cohorts: ["0-1"]
methods: {imp: {levels: 1}}
studies: {toy: {tasks: {lstm: imp}}}
"""

CONTROL = """
tasks:
  pole:
    dataset: cartpole
    model: {name: mlp, hidden: [8]}
    objective: actor-critic
    train: {optimizer: {name: adam, learning_rate: 5e-3}, batch_size: 4, steps: 20, evaluate_every: 10}
    cohorts: ["0-1"]
methods: {imp: {levels: 1}}
studies: {toy: {tasks: {pole: imp}}}
"""

TASK = "tasks: {digits-lenet: {%s}}"
TRAIN = "tasks: {digits-lenet: {train: {%s}}}"
OPTIMIZER = "tasks: {digits-lenet: {train: {optimizer: {%s}}}}"
METHOD = "methods: {imp: {%s}}"
LSTM = "tasks: {lstm: {%s}}"
POLE = "tasks: {pole: {%s}}"


class Toy(Study):
    """A study with one option of each sort, asking for the tickets of its tasks and a branch of each."""

    title: ClassVar[str] = "Toy"
    citation: ClassVar[str] = "An example"
    table_names: ClassVar[tuple[str, ...]] = ()

    branch: str = "reinit"
    others: tuple[str, ...] = ()
    draws: int = 3
    rewind_steps: tuple[int, ...] = ()

    def methods(self, config: Config) -> dict[str, Method]:
        step = {"policy": "rewind", "step": 0}
        return {
            f"{method}-at-{k}": config.methods[method].model_copy(
                update={"rewind": Method.model_validate({"levels": 1, "rewind": {**step, "step": k}}).rewind}
            )
            for method in self.tasks.values()
            for k in self.rewind_steps
        }

    def runs(self, config: Config) -> list[Run]:
        if self.draws > 3:
            raise ValueError(f"draws of {self.draws} are more than there are")
        return [
            Run(task, cohort, name, 1, branch)
            for task, method in self.tasks.items()
            for cohort in config.tasks[task].cohorts
            for name in (method, *(f"{method}-at-{k}" for k in self.rewind_steps))
            for branch in (None, self.branch, *self.others)
        ]

    def tables(self, config: Config) -> dict[str, Any]:
        return {}

    def figure_names(self, config: Config) -> list[str]:
        return []

    def figures(self, config: Config, tables: dict[str, Any]) -> list[Any]:
        return []

    claims = figures


def errors_of(*texts: str | bytes) -> list[str]:
    """The lines that loading these files, later ones over earlier ones, complains with; [] when it does not."""
    paths = []
    for index, text in enumerate(texts):
        paths.append(Path(f"{index}.yaml"))
        paths[-1].write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        load(paths)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def with_known_names(expected: str) -> str:
    """The line with `{model}`, `{dataset}`, ... replaced by the registered names."""
    kinds = ("model", "dataset", "transform", "objective", "criterion", "parametrization", "treatment", "study")
    for known in kinds:
        expected = expected.replace(f"{{{known}}}", ", ".join(getattr(registry, known).names()))
    return expected
