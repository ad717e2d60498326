"""The options of the study of Malach et al. 2020, and the dense runs and measurements that they ask for.

Subset sums depend on seeds alone. The construction prunes wide random networks to the dense run of a task.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from lth_core import registry
from lth_core.config import Config
from lth_core.storage.paths import construction_file, subset_sums_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study

LINEAR = ("lenet", "mlp")
"""The built-in networks of linear layers with ReLU between them."""


class Design(Study):
    """The options of the study, and what they ask for: dense runs, measurements and figures."""

    objectives: ClassVar[tuple[str, ...] | None] = ("classification",)

    epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """How near the outputs of a pruned random network must come to the target's, in proportion to the largest."""

    def runs(self, config: Config) -> list[Run]:
        """List the dense runs. Raises ValueError for a built-in network that the construction cannot approximate."""
        for task in self.tasks:
            model = config.tasks[task].model.name
            if model not in LINEAR and registry.model.get(model).__module__.startswith("lth_core."):
                raise ValueError(
                    f"studies.malach2020.tasks.{task}: '{model}' is no network of linear layers with ReLU alone: "
                    "use 'lenet'"
                )
        return [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]

    def analyses(self, config: Config) -> list[str]:
        """List the files of subset sums and of constructions."""
        return [*self.subset_sums(config).values(), *self.constructions(config).values()]

    def subset_sums(self, config: Config) -> dict[Run, str]:
        """Return the file of subset sums by dense run."""
        return {run: subset_sums_file(config.results, run.task, run.cohort) for run in self.runs(config)}

    def constructions(self, config: Config) -> dict[Run, str]:
        """Return the file of constructions by dense run."""
        return {run: construction_file(config.results, run.task, run.cohort) for run in self.runs(config)}

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("subset-sums", "construction")]
