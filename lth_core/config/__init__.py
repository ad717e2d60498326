"""The configuration as typed models: what each key means, its default and its bounds.

The README's reference and the JSON schema for editors are generated from these models (`configdoc.py`). Files are read
in `configfile.py`; errors are put into words in `configerrors.py`; what needs the registries (known names, their
options) is checked in `crosscheck.py`, what compares distant keys in `references.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from lth_core.config.methods import Branch, Method, Rewind, StartingWeights
from lth_core.config.sections import (
    COHORT_PATTERN,
    FOLDER_PATTERN,
    NAME_PATTERN,
    Choice,
    Cohort,
    Folder,
    Kind,
    Name,
    Section,
    Step,
    seeds_of,
)
from lth_core.config.tasks import Dataset, Initialization, Optimizer, Recipe, Schedule, Task

__all__ = [
    "COHORT_PATTERN",
    "FOLDER_PATTERN",
    "HOW_TO_COMPUTE",
    "NAME_PATTERN",
    "Branch",
    "Choice",
    "Cohort",
    "Config",
    "Connectivity",
    "Dataset",
    "Initialization",
    "Kind",
    "Method",
    "Name",
    "Optimizer",
    "Recipe",
    "Rewind",
    "Schedule",
    "Section",
    "StartingWeights",
    "Step",
    "Supermasks",
    "Task",
    "seeds_of",
]

RESERVED_TASK_NAMES = ("data", "tables")
RESERVED_METHOD_NAMES = ("dense",)
RESERVED_BRANCH_NAMES = ("dense", "ticket")


class Connectivity(Section):
    """How the straight line between two trained networks is measured."""

    points: Annotated[int, Field(ge=3)] = 30
    """Evenly spaced places on the line, both ends included."""
    examples: Annotated[int, Field(ge=2)] | None = None
    """At most so many examples of the training split, and of the test split; all of them by default."""


class Supermasks(Section):
    """How supermasks are learned: masks of untrained networks."""

    learning_rate: PositiveFloat = 100.0
    """Rate of stochastic gradient descent on the masks' scores, whose gradients are small."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Its momentum."""
    steps: PositiveInt | None = None
    """Training steps; those of the task's recipe by default."""
    samples: PositiveInt = 10
    """Masks drawn for evaluation; accuracies are averaged over them."""


HOW_TO_COMPUTE: dict[str, Any] = {"device": True, "data_root": True, "tasks": {"__all__": {"processes", "nodes"}}}
"""Keys that say where data lie, and where and how to compute, as pydantic excludes them: none is a reason to compute
anything again. The last two change results by rounding, as another device does."""


class Config(Section):
    """The whole configuration."""

    results: Folder = "results"
    """Folder of the artifacts."""
    reports: Folder = "reports"
    """Folder of figures and report pages."""
    data_root: Folder = "data"
    """Folder where data sets are found or downloaded to."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto` takes a GPU when there is one. Not a reason to retrain."""
    plugins: list[str] = []
    """Python modules of your own (importable from this folder) that register models, data sets, criteria, ..."""
    datasets: dict[Name, Dataset] = {}
    """Data sets with options; registered ones need no entry."""
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    """What is trained."""
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    """How masks are found."""
    branches: dict[Name, Branch] = {}
    """Counterfactuals with options; registered ones need no entry."""
    connectivity: Connectivity = Connectivity()
    """How connectivity is measured, in every study."""
    supermasks: Supermasks = Supermasks()
    """How supermasks are learned, in every study."""
    studies: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]
    """Which papers to reproduce, each with its own options."""

    def dataset(self, name: str) -> Dataset:
        """A data set of `datasets`, or the registered one of that name without options."""
        return self.datasets.get(name) or Dataset(source=Choice(name=name))

    @model_validator(mode="after")
    def _reserved_names(self) -> Config:
        for section, names, reserved in (
            ("tasks", self.tasks, RESERVED_TASK_NAMES),
            ("methods", self.methods, RESERVED_METHOD_NAMES),
            ("branches", self.branches, RESERVED_BRANCH_NAMES),
        ):
            for name in reserved:
                if name in names:
                    raise ValueError(f"{section}.{name}: this name is reserved (artifact folders and tables use it)")
        return self
