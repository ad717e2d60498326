"""What a study is: the tickets that a paper needs, its tables, its figures and its claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from lth_core.config import Branch, Config, Dataset, Method, Name, Section, Task
from lth_core.storage.runs import Run

if TYPE_CHECKING:  # the workflow imports every study at each start: heavy imports belong inside the methods
    import pandas as pd
    from matplotlib.figure import Figure

    from lth_core.analysis.claims import Claim


def rising(values: list[float]) -> list[float]:
    """The validator of options that list levels, steps or scales. Raises ValueError unless they rise."""
    if values != sorted(set(values)):
        raise ValueError("must rise")
    return values


@dataclass(frozen=True)
class Drawing:
    """One figure of a study: its file name, a caption saying what is plotted and on what data, how to draw it."""

    name: str
    caption: str
    draw: Callable[[], Figure]


class Study(Section):
    """A paper's study; its fields are the options that `studies.<name>` of the config takes.

    Subclasses live in one module per paper and register with `@study("name")`.
    """

    title: ClassVar[str]
    """The paper's title, as the report prints it."""
    citation: ClassVar[str]
    """Authors, venue, year."""
    table_names: ClassVar[tuple[str, ...]]
    """The tidy tables that `tables` makes: results/tables/<study>/<name>.csv."""

    tasks: Annotated[dict[Name, Name], Field(min_length=1)]
    """Task -> the method that finds its tickets."""

    def datasets(self, config: Config) -> dict[str, Dataset]:
        """Data sets that the study derives from the configured ones, by name."""
        return {}

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Tasks that the study derives from the configured ones, by name; they may use its derived data sets."""
        return {}

    def methods(self, config: Config) -> dict[str, Method]:
        """Methods that the study derives from the configured ones, by name (a one-shot variant, other rewind steps)."""
        return {}

    def branches(self, config: Config) -> dict[str, Branch]:
        """Branches that the study derives, by name, besides the configured ones and the registered treatments."""
        return {}

    def runs(self, config: Config) -> list[Run]:
        """The trainings that the study needs."""
        raise NotImplementedError

    def analyses(self, config: Config) -> list[str]:
        """Paths of the analysis tables that the study needs besides the histories of its runs."""
        return []

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """The tidy tables, read from the runs' histories, the headers of their masks and the analyses."""
        raise NotImplementedError

    def figure_names(self, config: Config) -> list[str]:
        """Names of the figures that `figures` draws, known before anything has run."""
        raise NotImplementedError

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """One drawing per name of `figure_names`, from tables only (as read back from their CSV files)."""
        raise NotImplementedError

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims, tested on the tables."""
        raise NotImplementedError


def expand(config: Config, studies: Iterable[Study]) -> Config:
    """The config with the data sets and tasks that the studies derive: what `config` is for all other methods."""
    datasets, tasks = dict(config.datasets), dict(config.tasks)
    for study in studies:
        datasets |= study.datasets(config)
        tasks |= study.derived_tasks(config)
    return config.model_copy(update={"datasets": datasets, "tasks": tasks})
