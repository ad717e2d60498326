"""The options of the study of warm starts, and the trainings, pairs and figures that they ask for.

A random part of the training examples is known first (D1), all of them later (D). A factorial design: the last
training, on D, starts from theta_0 (`init`), from an early step of training on D1 (`rewound`), from the end of that
training (`warm`), from its shrunk and perturbed end (`shrink-perturb`) or from a fresh initialization (`fresh`), with
the dense network (`dense`), the mask found on D1 (`known`) or on D (`whole`), or a random one (`random`). Before a
warm start the same subnetwork was trained on D1.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import ceil
from typing import Annotated, NamedTuple

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Branch, Choice, Config, Dataset, Method, Recipe, StartingWeights, Task
from lth_core.config.sections import Rate
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.base import Study, require_levels, rising

INIT, REWOUND, WARM, SHRINK_PERTURB, FRESH = STARTS = ("init", "rewound", "warm", "shrink-perturb", "fresh")
KNOWN, WHOLE, RANDOM = MASKS = ("known", "whole", "random")


class Network(NamedTuple):
    """One network of the design: its mask (DENSE or one of MASKS), its start and its training on all examples."""

    mask: str
    start: str
    run: Run


class Design(Study):
    """The options of the study, and what they ask for: data sets, tasks, methods, branches, runs and figures."""

    fraction: Rate = 0.5
    """Fraction of the training examples that is known first."""
    rewind_step: PositiveInt
    """The step of dense training on these examples that rewound networks start from."""
    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which subnetworks are compared, besides the dense network."""
    shrink: Annotated[float, Field(gt=0, le=1)] = 0.6
    """What shrink-and-perturb multiplies the trained weights by."""
    noise: Annotated[float, Field(ge=0)] = 0.01
    """What shrink-and-perturb multiplies the fresh initialization by before adding it to the weights."""

    _rising = field_validator("levels")(rising)

    # ------------------------------------------------------------ what is derived

    def datasets(self, config: Config) -> dict[str, Dataset]:
        """Derive the data sets of the known examples: random parts of the tasks' training splits."""
        part = Choice.of("random-part", fraction=self.fraction)
        names = {config.tasks[task].dataset for task in self.tasks}
        wholes = {name: config.dataset(name) for name in sorted(names)}
        return {
            known(name): whole.model_copy(update={"transforms": [*whole.transforms, part]})
            for name, whole in wholes.items()
        }

    def derived_tasks(self, config: Config) -> dict[str, Task]:
        """Derive the tasks on the known examples: the same networks, trained for as many epochs."""
        return {
            known(task): config.tasks[task].model_copy(
                update={
                    "dataset": known(config.tasks[task].dataset),
                    "train": part_of(config.tasks[task].train, self.fraction),
                }
            )
            for task in self.tasks
        }

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the methods that prune at random, as much of every layer as the tasks' methods do or are set to do."""
        return {
            random_method(name): config.methods[name].model_copy(update={"criterion": Choice(name="random")})
            for name in self.tasks.values()
        }

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive the starts of all networks but those that start from theta_0 with the mask of their task."""
        derived = {}
        for task in self.tasks:
            for source in (task, known(task)):
                derived[subnetwork_of(source)] = Branch(treatment=Choice(name="reset"), source=source)
            for mask in (DENSE, *MASKS):
                derived |= self._starts(config, task, mask)
        return derived

    def _starts(self, config: Config, task: str, mask: str) -> dict[str, Branch]:
        """Derive the branches of one mask, by name."""
        ticket, first = Choice(name="ticket"), known(task)
        source = first if mask == KNOWN else None
        early = StartingWeights(task=first, step=self.rewind_step)
        end = StartingWeights(task=first, step=config.tasks[first].train.steps, branch=_trained_on_known(task, mask))
        forgetting = Choice.of(SHRINK_PERTURB, shrink=self.shrink, noise=self.noise)
        starts = {
            REWOUND: Branch(treatment=ticket, source=source, weights=early),
            WARM: Branch(treatment=ticket, source=source, weights=end),
            SHRINK_PERTURB: Branch(treatment=forgetting, source=source, weights=end),
            FRESH: Branch(treatment=Choice(name="reinit"), source=source),
        }
        return {branch_name(task, mask, start): branch for start, branch in starts.items()}

    # ------------------------------------------------------------ trainings

    def networks(self, config: Config, task: str) -> list[Network]:
        """List the networks of a task, in all cohorts."""
        return [
            network
            for cohort in config.tasks[task].cohorts
            for mask, level in [(DENSE, 0), *product(MASKS, self.levels)]
            for network in self._networks_of(config, Run(task, cohort), mask, level)
        ]

    def _networks_of(self, config: Config, dense: Run, mask: str, level: int) -> Iterator[Network]:
        name = self.tasks[dense.task]
        method = {DENSE: DENSE, RANDOM: random_method(name)}.get(mask, name)
        resets = mask == DENSE or config.methods[name].rewind.policy == "reset"  # a ticket is on theta_0 itself
        cold = subnetwork_of(known(dense.task)) if mask == KNOWN else None if resets else "reset"
        for start in STARTS:
            branch = cold if start == INIT else branch_name(dense.task, mask, start)
            yield Network(mask, start, Run(dense.task, dense.cohort, method, level, branch))

    def first_trainings(self, config: Config, task: str) -> list[Network]:
        """List the trainings on the known examples that warm starts continue."""
        return [
            Network(network.mask, INIT, Run(known(task), run.cohort, run.method, run.level, branch))
            for network in self.networks(config, task)
            if network.start == WARM
            for run, branch in [(network.run, _trained_on_known(task, network.mask))]
        ]

    def runs(self, config: Config) -> list[Run]:
        """List the trainings on all examples, and those on the known ones that warm starts continue.

        Raises ValueError for steps and levels beyond those of a task or its method, and for methods whose masks are not
        made by scores of single weights.
        """
        for task, name in self.tasks.items():
            steps, method = config.tasks[known(task)].train.steps, config.methods[name]
            if self.rewind_step >= steps:
                where = f"{steps}, the steps on the examples that task '{task}' knows first"
                raise ValueError(f"rewind_step: {self.rewind_step} must be less than {where}")
            odd = "learns its masks by a search" if method.search else ""  # which would make the random ones as well
            odd = odd or ("changes masks in training" if method.during else "")
            odd = odd or (f"has granularity '{method.granularity}'" if method.granularity != "weight" else "")
            if odd:
                raise ValueError(f"tasks.{task}: method '{name}' {odd}: choose one that scores single weights")
            require_levels(config, name, self.levels)
        networks = [
            network
            for task in self.tasks
            for network in (*self.networks(config, task), *self.first_trainings(config, task))
        ]
        return list(dict.fromkeys(network.run for network in networks))

    # ------------------------------------------------------------ analyses and figures

    def analyses(self, config: Config) -> list[str]:
        """List the overlaps of the masks of both data sets, and the lines between warm and cold networks."""
        lines = [path for task in self.tasks for _, path in self.lines(config, task)]
        return [*(path for task in self.tasks for _, path in self.overlap_files(config, task)), *lines]

    def overlap_files(self, config: Config, task: str) -> list[tuple[Run, str]]:
        """List the tickets of a task, each with the file that counts what their mask shares with that of D1."""
        method = self.tasks[task]
        tickets = [Run(task, cohort, method, level) for cohort in config.tasks[task].cohorts for level in self.levels]
        return [(run, f"{run.folder(config.results)}/overlap/{known(task)}/{method}.csv") for run in tickets]

    def lines(self, config: Config, task: str) -> list[tuple[Network, str]]:
        """List the warm networks of a task, each with the line from the end of its cold counterpart to its end."""
        networks = self.networks(config, task)
        cold = {(mask, run.cohort, run.level): run for mask, start, run in networks if start == INIT}
        files = []
        for network in networks:
            if network.start == WARM:
                run = network.run
                other = cold[network.mask, run.cohort, run.level].branch or ("ticket" if run.level else DENSE)
                files.append((network, f"{run.folder(config.results)}/from_{other}_path.csv"))
        return files

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and task, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("gaps", "curves", "speed", "barriers", "overlap")]


def known(name: str) -> str:
    """Name the data set, or the task, of the known examples of a data set or task."""
    return f"{name}-known"


def random_method(method: str) -> str:
    """Name the derived method that prunes at random."""
    return f"{method}-random"


def subnetwork_of(task: str) -> str:
    """Name the branch that trains the mask of a task from theta_0, on the examples of this task or another one."""
    return f"subnetwork-of-{task}"


def branch_name(task: str, mask: str, start: str) -> str:
    """Name the branch of a start; the task is in the name because others have other weights."""
    return f"{start}-{task}-{mask}"


def part_of(recipe: Recipe, fraction: float) -> Recipe:
    """Shorten a recipe to as many epochs on a fraction of the examples, in whole intervals between evaluations."""
    intervals = max(1, ceil(fraction * recipe.steps / recipe.evaluate_every - 1e-9))
    steps, schedule = min(recipe.steps, intervals * recipe.evaluate_every), recipe.schedule
    factor = steps / recipe.steps
    drops = sorted({max(1, round(factor * step)) for step in schedule.drop_steps})
    shorter = {"drop_steps": drops, "warmup_steps": round(factor * schedule.warmup_steps)}
    return recipe.model_copy(update={"steps": steps, "schedule": schedule.model_copy(update=shorter)})


def _trained_on_known(task: str, mask: str) -> str | None:
    """The branch of the task of known examples that trains a subnetwork there; None: the dense network."""
    if mask == DENSE:
        return None
    return subnetwork_of(known(task) if mask == KNOWN else task)
