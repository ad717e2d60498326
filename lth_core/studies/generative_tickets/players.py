"""What the study asks of networks whose images a classifier judges: two players, and generators of other tasks.

The generator of a GAN is pruned alone or with its discriminator. Where it is pruned alone, its discriminator starts
from theta_0, trained, or fresh (Chen et al. 2021). Tickets of generators pass between autoencoders and GANs of one
shape (Kalibhat et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import ClassVar

from pydantic import PositiveInt, field_validator

from lth_core.config import Branch, Choice, Config, Method, Name
from lth_core.storage.runs import Run
from lth_core.studies.base import require_levels, require_reset, rising
from lth_core.studies.captions import listing
from lth_core.studies.generative_tickets.study import RANDOM, Design
from lth_core.studies.judges import GAN, gans

STARTS = {"discriminator-trained": "trained", "discriminator-fresh": "fresh"}
"""Branch -> the weights that its discriminator starts from."""
GENERATOR, DISCRIMINATOR = "generator.*", "discriminator.*"


class Players(Design):
    """Adds two players, transfers and judged images to the options of the study."""

    objectives: ClassVar[tuple[str, ...] | None] = ("vae", GAN, "diffusion")
    judges_images: ClassVar[bool] = True
    needs: ClassVar = {"transfer_levels": ("transfers",)}

    both: dict[Name, Name] = {}
    """GAN -> a method that prunes its discriminator, too, and is otherwise that of `tasks`, which prunes the generator
    alone (`exclude: [discriminator.*]`), each layer at its rate: generators then have the same density."""
    discriminator_levels: list[PositiveInt] = []
    """Levels, rising, at which the discriminator of a generator that is pruned alone also starts trained, and fresh."""
    transfers: dict[Name, Name] = {}
    """Task -> another one with a generator of the same shape, whose tickets it is trained with."""
    transfer_levels: list[PositiveInt] = []
    """Levels, rising, of these tickets; empty: all of the other task's method."""

    _rising_levels = field_validator("discriminator_levels", "transfer_levels")(rising)

    def gans(self, config: Config) -> list[str]:
        """List the tasks of GANs."""
        return gans(config, self.tasks)

    def prunes_generator_alone(self, config: Config, gan: str) -> bool:
        """Tell whether a GAN's own method leaves its discriminator as it is."""
        return bool(leaving_out(config.methods[self.tasks[gan]], DISCRIMINATOR))

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive methods as the design does, once options fit the tasks. Raises ValueError where they do not."""
        for key, named, known in (
            ("both", self.both, self.gans(config)),
            ("transfers", self.transfers, self.tasks),
            ("transfers", self.transfers.values(), self.tasks),
        ):
            for name in named:
                if name not in known:
                    raise ValueError(f"{key}: '{name}' must be one of {', '.join(known) or 'no tasks'}")
        self._check_transfers(config)
        if self.discriminator_levels and not self.gans(config):
            raise ValueError("discriminator_levels changes nothing without a GAN under tasks: remove it")
        for task in self.gans(config) if self.discriminator_levels else []:
            require_reset(
                config, self.tasks[task], "step 0, where one of the discriminators starts", "discriminator_levels"
            )
        self._check_players(config)
        if self.rewind_step and not self.rewound_tasks(config):
            raise ValueError("rewind_step changes nothing where all tasks are GANs, which are reset only: remove it")
        return super().methods(config)

    def _check_players(self, config: Config) -> None:
        """Raise ValueError where methods do not prune the players that figures and claims say they do."""
        for task in dict.fromkeys([*self.gans(config), *self.transfers.values()]):
            if patterns := leaving_out(config.methods[self.tasks[task]], GENERATOR):
                remove = f"remove {listing(patterns)} from exclude"
                raise ValueError(f"tasks.{task}: method '{self.tasks[task]}' must prune the generator: {remove}")
        for task in self.gans(config):
            key = f"both.{task}" if task in self.both else "discriminator_levels" if self.discriminator_levels else ""
            if key and not self.prunes_generator_alone(config, task):
                alone = f"method '{self.tasks[task]}' of tasks.{task} must prune the generator alone"
                raise ValueError(f"{key}: {alone}: take one with '{DISCRIMINATOR}' in exclude")
        for task, method in self.both.items():
            if method not in config.methods or method == self.tasks[task]:
                raise ValueError(f"both.{task}: '{method}' must be another method of `methods`")
            require_both(config, self.tasks[task], method, f"both.{task}")

    def _check_transfers(self, config: Config) -> None:
        """Raise ValueError where a task is to have its own generators, or those of seeds that there are not."""
        for task, source in self.transfers.items():
            if source == task:
                raise ValueError(f"transfers.{task}: must be another task: its own tickets are trained anyway")
            for cohort in config.tasks[task].cohorts:
                if cohort not in config.tasks[source].cohorts:
                    raise ValueError(f"transfers.{task}: task '{source}' has no cohort '{cohort}' as task '{task}'")

    def rewound_tasks(self, config: Config) -> list[str]:
        """List the tasks whose tickets are also rewound; GANs are reset only."""
        return [task for task in super().rewound_tasks(config) if task not in self.gans(config)]

    # ------------------------------------------------------------ trainings

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive `discriminator-trained`, `discriminator-fresh`, `generator-from-{task}` and `random-from-{task}`."""
        starts = {
            name: Branch(
                treatment=Choice.model_validate({"name": "part-from", "part": DISCRIMINATOR, "weights": weights})
            )
            for name, weights in STARTS.items()
        }
        given = {
            name: Branch(treatment=Choice(name=treatment), source=source, part=GENERATOR)
            for source in self.transfers.values()
            for name, treatment in zip(transferred(source), ("ticket", RANDOM), strict=True)
        }
        return super().branches(config) | (starts if self.discriminator_levels else {}) | given

    def runs(self, config: Config) -> list[Run]:
        """List the runs of the design, of both players pruned, of discriminators' starts, and of transfers."""
        return [*super().runs(config), *self._of_players(config), *self._transferred(config)]

    def _of_players(self, config: Config) -> Iterator[Run]:
        for task in self.gans(config):
            require_levels(config, self.tasks[task], self.discriminator_levels, "discriminator_levels")
            for cohort in config.tasks[task].cohorts:
                for level in self.discriminator_levels:
                    yield from (Run(task, cohort, self.tasks[task], level, branch) for branch in STARTS)
                if method := self.both.get(task):
                    for level in range(1, config.methods[method].levels + 1):
                        yield Run(task, cohort, method, level)

    def _transferred(self, config: Config) -> Iterator[Run]:
        for task, source in self.transfers.items():
            method = self.tasks[source]
            require_levels(config, method, self.transfer_levels, "transfer_levels")
            for cohort in config.tasks[task].cohorts:
                for level in self.transfer_levels or range(1, config.methods[method].levels + 1):
                    yield from (Run(task, cohort, method, level, branch) for branch in transferred(source))

    # ------------------------------------------------------------ analyses

    def sampled_runs(self, config: Config) -> list[Run]:
        """List the runs whose networks draw images: all of GANs, which nothing else measures."""
        others, gans = {*super().sampled_runs(config)}, self.gans(config)
        return [run for run in self.runs(config) if run in others or run.task in gans]

    def judged(self, config: Config) -> list[Run]:
        """List the runs whose images are judged: those on data that have a judge."""
        return [run for run in self.sampled_runs(config) if config.tasks[run.task].dataset in config.judge.tasks]

    def analyses(self, config: Config) -> list[str]:
        """List what the design asks for, and what judges say."""
        return [*super().analyses(config), *(run.judged(config.results) for run in self.judged(config))]

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in self.kinds(config, task)]

    def kinds(self, config: Config, task: str) -> list[str]:
        """Name the kinds of figures of a task."""
        kinds = ["tickets", "samples"]
        if task in self.gans(config) and (task in self.both or self.discriminator_levels):
            kinds.append("players")
        return kinds + (["transfer"] if task in self.transfers else [])


def transferred(source: str) -> tuple[str, str]:
    """Return the branches that train with the generators of a task's tickets, and with random masks of their counts."""
    return f"generator-from-{source}", f"random-from-{source}"


def leaving_out(method: Method, player: str) -> list[str]:
    """Return the patterns in a method's exclusions that match every weight of a player: GENERATOR or DISCRIMINATOR."""
    weight = player.replace("*", "any-layer.weight")
    return [pattern for pattern in method.exclude if fnmatchcase(weight, pattern)]


def require_both(config: Config, alone: str, both: str, option: str) -> None:
    """Check that two methods differ in this alone: the second prunes the discriminator, too, which the first excludes.

    Their generators must have the same density by construction, as layers have that are each pruned at their own rate.
    Raises ValueError, of an option.
    """
    first, second = config.methods[alone], config.methods[both]
    if patterns := leaving_out(second, DISCRIMINATOR):
        raise ValueError(
            f"{option}: method '{both}' must prune the discriminator, too: remove {listing(patterns)} from exclude"
        )
    left = {*first.exclude} - {*leaving_out(first, DISCRIMINATOR)}
    compared = {**dict(first), "exclude": left}, {**dict(second), "exclude": {*second.exclude}}
    if other := [name for name, value in compared[0].items() if value != compared[1][name]]:
        same = f"must be '{alone}' but for '{DISCRIMINATOR}' in exclude, so that generators have the same density"
        raise ValueError(f"{option}: method '{both}' {same}: it differs in {listing(other)}")
    apart = {"scope 'global'": first.scope == "global", "during": first.during, "search": first.search}
    apart |= {f"allocation '{first.allocation}'": first.allocation != "rates"}
    for odd in (name for name, is_given in apart.items() if is_given):
        rates = "generators have the same density only if each layer is pruned at its rate"
        raise ValueError(f"{option}: {rates}: remove {odd} from '{alone}' and '{both}'")
