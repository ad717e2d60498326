"""The configuration as typed models: what each key means, its default and its bounds.

`lth_core/planning/` does the rest. It reads the files, puts errors into words, checks what these models cannot know
(registered names, their options, keys that refer to each other), and generates the reference and the JSON schema for
editors from these models.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, PrivateAttr, model_validator

from lth_core.config.branches import Branch, StartingWeights
from lth_core.config.methods import Method
from lth_core.config.rewinding import Policy, Rewind
from lth_core.config.searches import Search, SearchRecipe
from lth_core.config.sections import (
    COHORT_PATTERN,
    FOLDER_PATTERN,
    NAME_PATTERN,
    Choice,
    Cohort,
    Folder,
    Kind,
    Name,
    OutputFolder,
    Rate,
    Section,
    Step,
    seeds_of,
)
from lth_core.config.tasks import Dataset, Initialization, Optimizer, Recipe, Schedule, Task, TrainedWeights

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
    "Construction",
    "Dataset",
    "Evolution",
    "Initialization",
    "Judge",
    "Kind",
    "Method",
    "Name",
    "Optimizer",
    "Policy",
    "Recipe",
    "Rewind",
    "Samples",
    "Schedule",
    "Search",
    "SearchRecipe",
    "Section",
    "StartingWeights",
    "Step",
    "SubsetSums",
    "Task",
    "TrainedWeights",
    "seeds_of",
]

RESERVED_TASK_NAMES = ("data", "tables")
RESERVED_METHOD_NAMES = ("dense",)
RESERVED_BRANCH_NAMES = ("dense", "ticket")


class Connectivity(Section):
    """How to measure the straight line between two trained networks."""

    points: Annotated[int, Field(ge=3)] = 30
    """Number of evenly spaced points on the line, including both ends."""
    examples: Annotated[int, Field(ge=2)] | None = None
    """The most examples to measure on, of the training split and of the test split each; by default all of them."""


class SubsetSums(Section):
    """How to measure how near subset sums of random numbers come to targets."""

    values: Annotated[int, Field(ge=2, le=22)] = 20
    """The most random numbers; every subset of the first 1, 2, ... of them is searched."""
    targets: PositiveInt = 200
    """Number of targets of each seed."""


class Construction(Section):
    """How to approximate a trained network by pruning a wide random one."""

    units: Annotated[list[Annotated[int, Field(ge=1, le=16)]], Field(min_length=2)] = [2, 4, 6, 8, 10, 12, 14, 16]
    """Random hidden units, rising, of which a subset replaces a weight of the target; every subset is searched."""

    @model_validator(mode="after")
    def _rising(self) -> Construction:
        if self.units != sorted(set(self.units)):
            raise ValueError("units must rise")
        return self


class Evolution(Section):
    """How to evolve networks whose connections all share one weight."""

    weights: Annotated[list[float], Field(min_length=2)] = [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]
    """Weights that each network is measured with."""
    population: Annotated[int, Field(ge=5)] = 64
    """Networks of a generation."""
    generations: PositiveInt = 100
    """Number of generations."""
    connected: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Part of the connections between inputs and outputs that the first networks have."""
    examples: PositiveInt = 500
    """Training examples that a generation is measured on, drawn for each."""
    episodes: PositiveInt = 4
    """Episodes that a generation is measured on, drawn for each, where networks act."""


class Samples(Section):
    """How many images to draw of a trained network that makes images."""

    count: Annotated[int, Field(ge=2)] = 500
    """Images of each replicate, and the most real images that they are compared with: at most as many as there are
    training images, for a floor is what as many of these come to."""


class Judge(Section):
    """Which classifiers judge the images that networks have drawn."""

    tasks: dict[Name, Name] = {}
    """Data set -> a task of classification on it. The dense network of its first seed looks at drawn and at real
    images: it says how far its penultimate features are apart (Fréchet distance), and which classes they show."""
    least: Rate = 0.9
    """The validation accuracy below which it is no judge, so that no distance is reported; above that of chance."""


HOW_TO_COMPUTE: dict[str, Any] = {"device": True, "data_root": True, "tasks": {"__all__": {"processes", "nodes"}}}
"""Keys that say where the data are, and where and how to compute, in the form in which pydantic excludes them. Changing
them recomputes nothing. `device`, `processes` and `nodes` change results by rounding only."""


class Config(Section):
    """The whole configuration."""

    name: Name = "config"
    """What tells this config's page, tables and claims from those of others; by default the name of its file."""
    results: OutputFolder = "results"
    """Folder for everything that is computed."""
    reports: OutputFolder = "reports"
    """Folder for figures and pages: one page for each config, and an index of them."""
    data_root: Folder = "data"
    """Folder of the data sets. Missing ones are downloaded into it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train. `auto` uses a GPU if there is one. Changing this retrains nothing."""
    plugins: list[str] = []
    """Your own Python modules, in this folder or beside the config, that register models, data sets, criteria, ..."""
    datasets: dict[Name, Dataset] = {}
    """Data sets with options. A registered data set that needs no options needs no entry."""
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    """What to train."""
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    """How to prune, and how to train what is left."""
    branches: dict[Name, Branch] = {}
    """Counterfactuals with options. A registered treatment that needs no options needs no entry."""
    connectivity: Connectivity = Connectivity()
    """How every study measures connectivity."""
    subset_sums: SubsetSums = SubsetSums()
    """How every study measures subset sums."""
    construction: Construction = Construction()
    """How every study approximates networks by pruning random ones."""
    evolution: Evolution = Evolution()
    """How every study evolves networks."""
    samples: Samples = Samples()
    """How every study draws images of networks that make images."""
    judge: Judge = Judge()
    """How every study judges these images."""
    studies: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]
    """Which papers to reproduce, each with its options."""
    _fold_left_out: int | None = PrivateAttr(None)

    @property
    def test_folds(self) -> int:
        """The number of folds of the test examples, the same for all tasks that have folds; 0 where none has."""
        return max(task.train.test_folds for task in self.tasks.values())

    @property
    def fold_left_out(self) -> int | None:
        """The fold of the test examples that measurements are to be without; None where they are of all examples."""
        return self._fold_left_out

    def without_fold(self, fold: int) -> Config:
        """Return this config for measurements without one fold of the test examples; no file can ask for them."""
        other = self.model_copy()
        other._fold_left_out = fold
        return other

    def dataset(self, name: str) -> Dataset:
        """Return the entry of `datasets` with this name, or else the registered data set without options."""
        return self.datasets.get(name) or Dataset(source=Choice(name=name))

    @model_validator(mode="after")
    def _equally_many_folds(self) -> Config:
        for name, task in self.tasks.items():
            if task.train.test_folds not in (0, self.test_folds):
                raise ValueError(
                    f"tasks.{name}.train.test_folds: {task.train.test_folds} must be {self.test_folds}, as in another "
                    "task: claims may be about several"
                )
        return self

    @model_validator(mode="after")
    def _reserved_names(self) -> Config:
        for section, names, reserved in (
            ("tasks", self.tasks, RESERVED_TASK_NAMES),
            ("methods", self.methods, RESERVED_METHOD_NAMES),
            ("branches", self.branches, RESERVED_BRANCH_NAMES),
        ):
            for name in names:
                if name in reserved or re.fullmatch(r"\d+-\d+", name):  # the second is how folders of seeds are called
                    raise ValueError(f"{section}.{name}: this name is reserved for folders and tables: choose another")
        return self
