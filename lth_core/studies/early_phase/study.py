"""The options of the study of Frankle, Schwab & Morcos 2020, and the trainings and figures that they ask for.

Tickets rewound to an early step k are perturbed before they are trained from k on: signs and magnitudes of other times,
shuffles, noise. Others start from weights that were pretrained from theta_0 on random labels, on telling how images are
rotated, or on blurred images: those of the dense network, or of the ticket's subnetwork alone. All are compared with
the ticket rewound to k, with its mask reset to theta_0, and with its mask reinitialized. Telemetry of the first steps
of dense training shows what happens there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from lth_core.config import Branch, Choice, Config, Dataset, Method, StartingWeights, Task
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels, rising
from lth_core.studies.chains import rewound, rewound_chains

TICKET, RESET, REINIT = "ticket", "reset", "reinit"
REFERENCES = (TICKET, RESET, REINIT)
"""What perturbed tickets are compared with; the last two are registered treatments."""

BLUR = Choice.of("blur", factor=4)
PretrainingKind = Literal["random-labels", "rotation", "blur", "blur-rotation"]
TRANSFORMS: dict[PretrainingKind, list[Choice]] = {
    "random-labels": [Choice(name="random-labels")],
    "rotation": [Choice(name="rotation")],
    "blur": [BLUR],
    "blur-rotation": [BLUR, Choice(name="rotation")],
}
"""Kind of pretraining -> how its data set is made from the task's."""


class Pretraining(NamedTuple):
    """Where a ticket's weights come from: pretraining of the dense network or the subnetwork, for `steps`."""

    kind: str
    network: str
    steps: int


class Design(Study):
    """The options of the study, and what they ask for: data sets, tasks, methods, branches, runs and figures."""

    needs: ClassVar = dict.fromkeys(("pretraining", "pretrained_networks"), ("pretraining_steps",))

    rewind_steps: Annotated[list[PositiveInt], Field(min_length=1)]
    """Rewind steps k, rising; the tickets rewound to them are perturbed."""
    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which tickets are perturbed."""
    noise: Annotated[list[PositiveFloat], Field(min_length=1)] = [0.5, 1.0, 2.0, 3.0]
    """Standard deviations of Gaussian noise, rising, in multiples of that of the layer's initialization."""
    pretraining_steps: list[PositiveInt] = []
    """Lengths of pretraining in steps, rising; empty: no pretraining."""
    pretraining: Annotated[list[PretrainingKind], Field(min_length=1)] = list(TRANSFORMS)
    """Kinds of pretraining."""
    pretrained_networks: Annotated[list[Literal["dense", "sparse"]], Field(min_length=1)] = ["dense", "sparse"]
    """What is pretrained: the dense network, which is masked afterwards, or the masked network."""
    telemetry_steps: Annotated[int, Field(ge=20)]
    """How many of the first steps of dense training are measured in detail; at least 20."""

    _rising = field_validator("rewind_steps", "levels", "noise", "pretraining_steps")(rising)

    @field_validator("noise")
    @classmethod
    def _of_different_names(cls, scales: list[float]) -> list[float]:
        for scale, following in pairwise(scales):
            if noise_name(scale) == noise_name(following):
                raise ValueError(f"{scale} and {following} are equal to six digits: remove one of them")
        return scales

    @field_validator("pretraining", "pretrained_networks")
    @classmethod
    def _each_once(cls, words: list[str]) -> list[str]:
        for word in words:
            if words.count(word) > 1:
                raise ValueError(f"names '{word}' twice: remove one")
        return words

    # ------------------------------------------------------------ what is derived

    def perturbations(self) -> dict[str, Choice]:
        """Return name -> treatment, without signs and magnitudes both of step k: these are the ticket itself."""
        treatments = {}
        for signs, magnitudes in product(("initial", "start"), ("initial", "start", "fresh")):
            choice = Choice.of("sign-magnitude", signs=signs, magnitudes=magnitudes)
            treatments[f"signs-{signs}-magnitudes-{magnitudes}"] = choice
        del treatments["signs-start-magnitudes-start"]
        for within, keep_signs in product(("network", "layer", "filter"), (False, True)):
            name = f"shuffle-{within}" + ("-keep-signs" if keep_signs else "")
            treatments[name] = Choice.of("shuffle", within=within, keep_signs=keep_signs)
        for scale in self.noise:
            treatments[noise_name(scale)] = Choice.of("gaussian-noise", scale=scale)
        return treatments

    def pretrainings(self, task: str) -> dict[str, Pretraining]:
        """Return branch of a task -> where its tickets' weights come from."""
        grid = product(self.pretraining, self.pretrained_networks, self.pretraining_steps)
        return {
            f"{network}-pretraining-{derived_name(task, kind)}-{steps}": Pretraining(kind, network, steps)
            for kind, network, steps in grid
        }

    def datasets(self, config: Config) -> dict[str, Dataset]:
        """Derive the data sets of pretraining: those of the tasks with other labels or images."""
        derived = {}
        for task, kind in self._pretrained():
            name = config.tasks[task].dataset
            dataset = config.dataset(name)
            transforms = [*dataset.transforms, *TRANSFORMS[kind]]
            derived[derived_name(name, kind)] = dataset.model_copy(update={"transforms": transforms})
        return derived

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive the tasks of pretraining: the same networks and recipes on those data sets."""
        return {
            derived_name(task, kind): config.tasks[task].model_copy(
                update={"dataset": derived_name(config.tasks[task].dataset, kind)}
            )
            for task, kind in self._pretrained()
        }

    def _pretrained(self) -> Iterator[tuple[str, PretrainingKind]]:
        """Return task and kind of every pretraining."""
        return product(self.tasks, self.pretraining if self.pretraining_steps else [])

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the tasks' methods with other rewind steps."""
        return rewound_chains(config, self.tasks.values(), self.rewind_steps)

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive the perturbations, the pretrained tickets and, for these, the subnetworks in sparse pretraining."""
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
        """List the dense runs and, at the chosen levels of every chain, tickets, references and changed tickets.

        Raises ValueError for steps and levels beyond those of a task or its method.
        """
        self._check(config)
        dense = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        networks = [None, RESET, REINIT, *self.perturbations()]
        return dense + [
            Run(task, cohort, method, level, branch)
            for task, cohort, _, method in self.chains(config)
            for level in self.levels
            for branch in (*networks, *self.pretrainings(task))
        ]

    def _check(self, config: Config) -> None:
        for task, method in self.tasks.items():
            steps = config.tasks[task].train.steps
            training = f"{steps}, the training steps of task '{task}'"
            if (last := self.rewind_steps[-1]) >= steps:
                raise ValueError(f"rewind_steps: {last} must be less than {training}")
            if (last := max(self.pretraining_steps, default=0)) > steps:
                raise ValueError(f"pretraining_steps: {last} must be at most {training}")
            if self.telemetry_steps > steps:
                raise ValueError(f"telemetry_steps: {self.telemetry_steps} must be at most {training}")
            require_levels(config, method, self.levels)

    def chains(self, config: Config) -> list[tuple[str, str, int, str]]:
        """List task, cohort, rewind step and method of every chain."""
        return [
            (task, cohort, step, rewound(config, method, step)[0])
            for task, method in self.tasks.items()
            for cohort in config.tasks[task].cohorts
            for step in self.rewind_steps
        ]

    def analyses(self, config: Config) -> list[str]:
        """List the telemetry of every dense run."""
        return [path for _, path in self.telemetry_files(config)]

    def telemetry_files(self, config: Config) -> list[tuple[str, str]]:
        """List task and file of the telemetry of every dense run."""
        return [
            (task, f"{Run(task, cohort).folder(config.results)}/telemetry_{self.telemetry_steps}.csv")
            for task in self.tasks
            for cohort in config.tasks[task].cohorts
        ]

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind, task and rewind step, in the order of the page."""
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


def derived_name(name: str, kind: str) -> str:
    """Return the name of a data set or task of pretraining, after the one that it is made from."""
    return f"{name}-{kind}"


def reference_labels(k: int) -> dict[str, str]:
    """Return what perturbed tickets are compared with -> its name in legends."""
    return {TICKET: f"rewound to k = {k}", RESET: "reset to initialization", REINIT: "random reinitialization"}


def noise_name(scale: float) -> str:
    """Return the branch of Gaussian noise with `scale` standard deviations; names of branches hold no dot."""
    return f"gaussian-noise-{scale:g}".replace(".", "-")
