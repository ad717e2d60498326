"""Frankle, Schwab & Morcos 2020: what changes in the first steps of training that rewinding goes back to?

Tickets rewound to an early step k are perturbed before they are trained from k on: signs and magnitudes of other times,
shuffles, noise. Others start from weights that were pretrained from theta_0 on random labels, on telling how images are
rotated, or on blurred images: those of the dense network, or of the ticket's subnetwork alone. All are compared with
the ticket rewound to k, with its mask reset to theta_0, and with its mask reinitialized. Telemetry of the first steps
of dense training shows what happens there. Tables, figures and claims are in the modules next to this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from lth_core.config import Branch, Choice, Config, Dataset, Method, StartingWeights, Task
from lth_core.registry import study
from lth_core.storage.runs import Run
from lth_core.studies.base import Drawing, Study, rising
from lth_core.studies.chains import rewound, rewound_chains

if TYPE_CHECKING:
    import pandas as pd

    from lth_core.analysis.claims import Claim

TICKET, RESET, REINIT = "ticket", "reset", "reinit"
REFERENCES = (TICKET, RESET, REINIT)
"""What perturbed tickets are compared with; the last two are registered treatments."""

BLUR = Choice(name="blur", factor=4)
TRANSFORMS = {
    "random-labels": [Choice(name="random-labels")],
    "rotation": [Choice(name="rotation")],
    "blur": [BLUR],
    "blur-rotation": [BLUR, Choice(name="rotation")],
}
"""Kind of pretraining -> how its data set is made from the task's."""

PERTURBED = (
    *("task", "k", "level", "density", "family", "network", "seed", "draw"),
    *("accuracy", "validation_accuracy", "effective_std"),
)
"""Columns of the table of measurements; `family`: treatment of a perturbation, or `reference`."""
PRETRAINED = (
    *("task", "k", "level", "density", "pretraining", "network", "steps", "seed", "draw"),
    *("accuracy", "validation_accuracy"),
)
TELEMETRY = ("task", "seed", "step", "quantity", "value")


class Pretraining(NamedTuple):
    """Where a ticket's weights come from: so many steps of pretraining of the dense network or of the subnetwork."""

    kind: str
    network: str
    steps: int


@study("early-phase", published="2020-02")
class EarlyPhase(Study):
    """Perturbed and pretrained tickets, and telemetry of the first steps."""

    title: ClassVar[str] = "The Early Phase of Neural Network Training"
    citation: ClassVar[str] = "Frankle, Schwab & Morcos, ICLR 2020 (arXiv 2002.10365)"
    table_names: ClassVar[tuple[str, ...]] = ("measurements", "pretraining", "telemetry")

    rewind_steps: Annotated[list[PositiveInt], Field(min_length=1)]
    """The rewind steps k, rising, whose tickets are perturbed."""
    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """The levels, rising, at which that is done."""
    noise: Annotated[list[PositiveFloat], Field(min_length=1)] = [0.5, 1.0, 2.0, 3.0]
    """Standard deviations of Gaussian noise, rising, in multiples of that of the layer's initialization."""
    pretraining_steps: list[PositiveInt] = []
    """Lengths of pretraining, rising; none: no pretraining."""
    pretraining: Annotated[list[Literal[*TRANSFORMS]], Field(min_length=1)] = list(TRANSFORMS)
    """Kinds of pretraining."""
    pretrained_networks: Annotated[list[Literal["dense", "sparse"]], Field(min_length=1)] = ["dense", "sparse"]
    """What is pretrained: the dense network, which is masked afterwards, or the masked one."""
    telemetry_steps: Annotated[int, Field(ge=20)]
    """How many first steps of dense training are logged densely; at least 20."""

    _rising = field_validator("rewind_steps", "levels", "noise", "pretraining_steps")(rising)

    @field_validator("noise")
    @classmethod
    def _of_different_names(cls, scales: list[float]) -> list[float]:
        for scale, following in pairwise(scales):
            if noise_name(scale) == noise_name(following):
                raise ValueError(f"{scale} and {following} are the same to six digits: leave one out")
        return scales

    @field_validator("pretraining", "pretrained_networks")
    @classmethod
    def _each_once(cls, words: list[str]) -> list[str]:
        for word in words:
            if words.count(word) > 1:
                raise ValueError(f"names '{word}' twice")
        return words

    # ------------------------------------------------------------ what is derived

    def perturbations(self) -> dict[str, Choice]:
        """Name -> treatment. Signs and magnitudes both of step k are left out: they make the ticket itself."""
        treatments = {}
        for signs, magnitudes in product(("initial", "start"), ("initial", "start", "fresh")):
            choice = Choice(name="sign-magnitude", signs=signs, magnitudes=magnitudes)
            treatments[f"signs-{signs}-magnitudes-{magnitudes}"] = choice
        del treatments["signs-start-magnitudes-start"]
        for within, keep_signs in product(("network", "layer", "filter"), (False, True)):
            name = f"shuffle-{within}" + ("-keep-signs" if keep_signs else "")
            treatments[name] = Choice(name="shuffle", within=within, keep_signs=keep_signs)
        for scale in self.noise:
            treatments[noise_name(scale)] = Choice(name="gaussian-noise", scale=scale)
        return treatments

    def pretrainings(self, task: str) -> dict[str, Pretraining]:
        """Branch of a task -> where its tickets' weights come from."""
        grid = product(self.pretraining, self.pretrained_networks, self.pretraining_steps)
        return {
            f"{network}-pretraining-{derived_name(task, kind)}-{steps}": Pretraining(kind, network, steps)
            for kind, network, steps in grid
        }

    def datasets(self, config: Config) -> dict[str, Dataset]:
        """The data sets of pretraining: the tasks' own with other labels or images."""
        derived = {}
        for task, kind in self._pretrained():
            name = config.tasks[task].dataset
            own = config.dataset(name)
            transforms = [*own.transforms, *TRANSFORMS[kind]]
            derived[derived_name(name, kind)] = own.model_copy(update={"transforms": transforms})
        return derived

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """The tasks of pretraining: the same networks and recipes on those data sets."""
        return {
            derived_name(task, kind): config.tasks[task].model_copy(
                update={"dataset": derived_name(config.tasks[task].dataset, kind)}
            )
            for task, kind in self._pretrained()
        }

    def _pretrained(self) -> Iterator[tuple[str, str]]:
        """Task and kind of every pretraining."""
        return product(self.tasks, self.pretraining if self.pretraining_steps else [])

    def methods(self, config: Config) -> dict[str, Method]:
        """The tasks' methods with other rewind steps."""
        return rewound_chains(config, self.tasks.values(), self.rewind_steps)

    def branches(self, config: Config) -> dict[str, Branch]:
        """The perturbations, the pretrained tickets and, for these, the subnetworks in sparse pretraining."""
        derived = {name: Branch(treatment=treatment) for name, treatment in self.perturbations().items()}
        for task in self.tasks:
            subnetwork = f"subnetwork-of-{task}"
            for name, (kind, network, steps) in self.pretrainings(task).items():
                branch = subnetwork if network == "sparse" else None
                weights = StartingWeights(task=derived_name(task, kind), step=steps, branch=branch)
                derived[name] = Branch(treatment=Choice(name=TICKET), weights=weights)
                if branch:
                    derived[branch] = Branch(treatment=Choice(name=RESET), source=task)
        return derived

    # ------------------------------------------------------------ trainings

    def runs(self, config: Config) -> list[Run]:
        """Dense runs, and at the chosen levels of every chain the tickets, the references and all that is perturbed.

        Raises ValueError for steps and levels that a task or its method does not have.
        """
        self._check(config)
        dense = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        networks = [None, RESET, REINIT, *self.perturbations()]
        return dense + [
            Run(task, cohort, method, level, branch)
            for task, cohort, _, method in self._chains(config)
            for level in self.levels
            for branch in (*networks, *self.pretrainings(task))
        ]

    def _check(self, config: Config) -> None:
        for task, method in self.tasks.items():
            steps = config.tasks[task].train.steps
            training = f"training of task '{task}' ({steps} steps)"
            if (last := self.rewind_steps[-1]) >= steps:
                raise ValueError(f"rewind_steps: {last} is beyond {training}")
            if (last := max(self.pretraining_steps, default=0)) > steps:
                raise ValueError(f"pretraining_steps: {last} is beyond {training}")
            if self.telemetry_steps > steps:
                raise ValueError(f"telemetry_steps: {self.telemetry_steps} is beyond {training}")
            if (last := config.methods[method].levels) < self.levels[-1]:
                raise ValueError(f"levels: {self.levels[-1]} is beyond the {last} levels of method '{method}'")

    def _chains(self, config: Config) -> list[tuple[str, str, int, str]]:
        """Task, cohort, rewind step and method of every chain."""
        return [
            (task, cohort, step, rewound(config, method, step)[0])
            for task, method in self.tasks.items()
            for cohort in config.tasks[task].cohorts
            for step in self.rewind_steps
        ]

    def analyses(self, config: Config) -> list[str]:
        """The telemetry of every dense run."""
        return [path for _, path in self._telemetry_files(config)]

    def _telemetry_files(self, config: Config) -> list[tuple[str, str]]:
        """Task and file of every cohort."""
        return [
            (task, f"{Run(task, cohort).folder(config.results)}/telemetry_{self.telemetry_steps}.csv")
            for task in self.tasks
            for cohort in config.tasks[task].cohorts
        ]

    # ------------------------------------------------------------ tables

    def tables(self, config: Config) -> dict[str, pd.DataFrame]:
        """measurements: one row per task, rewind step k, level, network and replicate, dense networks at level 0;
        pretraining: one row per task, k, level, kind of pretraining, pretrained network, its steps and replicate;
        telemetry: one row per task, seed, step and quantity.

        Accuracies (test and validation) are those of the last step, nan where training diverged. `effective_std` is the
        standard deviation of what was added to the ticket's kept weights.
        """
        from lth_core.studies.early_phase.tables import measurements, telemetry

        found = measurements(self, config, {(task, method): k for task, _, k, method in self._chains(config)})
        return {**found, "telemetry": telemetry(self._telemetry_files(config))}

    # ------------------------------------------------------------ figures and claims

    def figure_names(self, config: Config) -> list[str]:
        """Kind of figure, task and rewind step, in the order of the page."""
        pretraining = ["pretraining"] if self.pretraining_steps else []
        return [
            name
            for task in self.tasks
            for name in (
                f"telemetry-{task}",
                *(f"perturbations-{task}-k{k}" for k in self.rewind_steps),
                f"effective-std-{task}",
                *(f"{kind}-{task}-k{k}" for kind in pretraining for k in self.rewind_steps),
            )
        ]

    def figures(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
        """The figures of every task, with captions that name what is drawn."""
        from lth_core.studies.early_phase.figures import drawings

        return [drawing for task in self.tasks for drawing in drawings(self, config, task, tables)]

    def claims(self, config: Config, tables: dict[str, pd.DataFrame]) -> list[Claim]:
        """The paper's claims about every task."""
        from lth_core.studies.early_phase.claims import claims

        return [claim for task in self.tasks for claim in claims(self, task, tables)]


def derived_name(name: str, kind: str) -> str:
    """The name of a data set or task of pretraining, after the one that it is made from."""
    return f"{name}-{kind}"


def reference_labels(k: int) -> dict[str, str]:
    """What perturbed tickets are compared with -> its name in legends."""
    return {TICKET: f"rewound to k = {k}", RESET: "reset to initialization", REINIT: "random reinitialization"}


def noise_name(scale: float) -> str:
    """The branch of Gaussian noise of so many standard deviations; names of branches hold no dot."""
    return f"gaussian-noise-{scale:g}".replace(".", "-")
