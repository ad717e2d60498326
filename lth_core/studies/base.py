"""Studies: the trainings that a paper needs, and the tables, figures and claims that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from lth_core.config import Branch, Config, Dataset, Method, Name, Section, Task
from lth_core.storage.runs import Run

if TYPE_CHECKING:  # the workflow imports every study at each start: heavy imports belong inside the methods
    import pandas as pd
    from matplotlib.figure import Figure

    from lth_core.analysis.claims import Claim


def rising(values: list[float]) -> list[float]:
    """Validate an option that lists levels, steps or scales. Raises ValueError unless they rise."""
    if values != sorted(set(values)):
        raise ValueError("must rise")
    return values


def require_levels(config: Config, method: str, levels: list[int], option: str = "levels") -> None:
    """Check that a method has the rising levels of an option. Raises ValueError if the last is beyond its levels."""
    if levels and levels[-1] > (last := config.methods[method].levels):
        raise ValueError(f"{option}: {levels[-1]} must be at most {last}, the number of levels of method '{method}'")


def require_reached(config: Config, methods: Iterable[str], levels: Sequence[int], option: str = "levels") -> None:
    """Check that some method has each of an option's levels. Raises ValueError for those beyond the levels of all."""
    last = max(config.methods[method].levels for method in methods)
    if levels and max(levels) > last:
        raise ValueError(f"{option}: {max(levels)} must be at most {last}, the last level of the study's methods")


def require_reset(config: Config, method: str, use: str, option: str = "") -> None:
    """Check that a method resets its tickets; `use` says to what, or why. Raises ValueError, of an option or none."""
    if (policy := config.methods[method].rewind.policy) != "reset":
        where = f"{option}: " if option else ""
        raise ValueError(f"{where}method '{method}' must reset tickets to {use}: not policy '{policy}'")


@dataclass(frozen=True)
class Drawing:
    """One figure of a study: its file name, a caption that says what is plotted and from what data, how to draw it."""

    name: str
    caption: str
    draw: Callable[[], Figure]


class Study(Section):
    """A paper's study; its fields are the options that `studies.<name>` of the config takes.

    Each paper has a package. Its module `study` holds the options and what they ask for, and imports no other module of
    the package. The class in the package itself adds tables, figures and claims, each imported where it is made, and
    registers with `@registry.study("name")`. The workflow reads every study at each start, so pandas and matplotlib
    are imported inside methods only. These imports are written out in every study: the digest of a job's code follows
    them, and would not see modules that are looked up by name.
    """

    title: ClassVar[str]
    """The paper's title, as the report prints it."""
    citation: ClassVar[str]
    """Authors, venue, year."""
    table_names: ClassVar[tuple[str, ...]]
    """Names of the tables that `tables` makes: results/tables/<study>/<name>.csv."""
    objectives: ClassVar[tuple[str, ...] | None] = None
    """The objectives that the study works with; None: every one."""
    judges_images: ClassVar[bool] = False
    """Whether the study compares GANs by what a judge sees in their images: it cannot have GANs unless it does."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Options that change nothing unless one of others is on: option -> these others."""

    tasks: Annotated[dict[Name, Name], Field(min_length=1)]
    """Task -> the method that finds its tickets."""

    @model_validator(mode="after")
    def _has_no_idle_options(self) -> Self:
        for option, others in self.needs.items():
            if getattr(self, option) != type(self).model_fields[option].default and not any(
                getattr(self, other) for other in others
            ):
                raise ValueError(f"{option} changes nothing without {' or '.join(others)}: remove it")
        return self

    def datasets(self, config: Config) -> dict[str, Dataset]:
        """Derive data sets from the configured ones, by name."""
        return {}

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive tasks from the configured ones, by name; they may use the derived data sets."""
        return {}

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive methods from the configured ones, by name (a one-shot variant, other rewind steps)."""
        return {}

    def considered(self, config: Config) -> list[Method]:
        """List methods that the study asks facts of, though it may not train them."""
        return []

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive branches, by name, besides the configured ones and the registered treatments."""
        return {}

    def runs(self, config: Config) -> list[Run]:
        """List the trainings that the study needs."""
        raise NotImplementedError

    def sampled_runs(self, config: Config) -> list[Run]:
        """List the runs whose networks draw images, which may diverge where training did not."""
        return []

    def analyses(self, config: Config) -> list[str]:
        """List the paths of the analysis tables that the study needs besides the histories of its runs."""
        return []

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """Make the tables, by name, from the runs' histories, the headers of their masks and the analyses."""
        raise NotImplementedError

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures that `figures` draws, before anything has run."""
        raise NotImplementedError

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """Return one drawing per name of `figure_names`, from tables only (as read back from their CSV files)."""
        raise NotImplementedError

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """Test the paper's claims on the tables."""
        raise NotImplementedError


def expand(config: Config, studies: Iterable[Study]) -> Config:
    """Return the config with the data sets and tasks that studies derive: the `config` of all other methods."""
    datasets, tasks = dict(config.datasets), dict(config.tasks)
    for study in studies:
        datasets |= study.datasets(config)
        tasks |= study.derived_tasks(config)
    return config.model_copy(update={"datasets": datasets, "tasks": tasks})
