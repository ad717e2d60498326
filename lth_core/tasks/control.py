"""Control: a policy is trained on episodes of its making."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lth_core.data.environments import Environment
from lth_core.data.episodes import Episodes, make_episodes
from lth_core.data.kinds import outputs_of
from lth_core.data.stored import StoredEnvironment
from lth_core.randomness import random_generator
from lth_core.tasks.base import PIECE, Networks, TaskError
from lth_core.tasks.data_task import DataTask
from lth_core.tasks.objective import gradient_of
from lth_core.tasks.options import option_of_episodes
from lth_core.tasks.rollouts import Policy, Rollouts, gumbel_noise, roll_out

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Transitions:
    """The steps of whole episodes, episode by episode: all ([R,] B), observations ([R,] B, features).

    With a replicate axis, B is that of the replicate with the most steps; the others end with zeros of weight 0.
    """

    uneven: ClassVar[bool] = True
    inputs: Tensor
    """What was seen: float32."""
    actions: Tensor
    """What was done: int64."""
    returns: Tensor
    """What came of it, discounted: float32."""
    totals: Tensor
    """The undiscounted return of the whole episode: float32."""
    weights: Tensor
    """1, or 0 where there was no such step."""

    @classmethod
    def of(cls, rollouts: Rollouts, discount: float, device: torch.device) -> Transitions:
        """Take the steps of every replicate's episodes (R, B)."""
        steps = rollouts.alive
        values = (
            rollouts.observations,
            rollouts.actions.astype(np.int64),
            rollouts.returns(discount).astype(np.float32),
            np.broadcast_to(rollouts.totals, steps.shape).astype(np.float32),
            steps.astype(np.float32),
        )
        return cls(*(torch.from_numpy(_padded(rollouts.rows(value))).to(device) for value in values))

    def replicate(self, index: int) -> Transitions:
        """Take the transitions of one replicate, and no others: as they are where it is alone."""
        count = int(self.weights[index].count_nonzero())
        return self._each(lambda value: value[index, :count])

    def alone(self, index: int) -> Transitions:
        """Take the transitions of one replicate, with a replicate axis."""
        return self.replicate(index)._each(lambda value: value[None])

    def take(self, rows: np.ndarray) -> Transitions:
        """Take those at the positions, of a batch without a replicate axis."""
        index = torch.from_numpy(rows).to(self.inputs.device)
        return self._each(lambda value: value[index])

    def _each(self, change: Any) -> Transitions:
        return Transitions(*(change(getattr(self, item.name)) for item in fields(self)))


def _values(batch: Transitions) -> list[Tensor]:
    return [getattr(batch, item.name) for item in fields(batch)]


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """Stack arrays (B, ...) of several lengths; zeros follow the shorter ones."""
    padded = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), dtype=rows[0].dtype)
    for whole, part in zip(padded, rows, strict=True):
        whole[: len(part)] = part
    return padded


@dataclass(frozen=True)
class ControlTask(DataTask):
    """A policy in an environment. The recipe's `batch_size` is the number of episodes (E) of one update."""

    data: StoredEnvironment
    _episodes: dict[int, Episodes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.share.processes > 1:
            raise TaskError(f"processes: {self.share.processes} cannot share the episodes of a policy: set 1")

    @property
    def environment(self) -> Environment:
        return self.data.environment

    @property
    def acts(self) -> bool:
        return True

    @property
    def steps_per_epoch(self) -> None:
        return None

    @property
    def input_shape(self) -> Sequence[int]:
        return (self.environment.features,)

    # ------------------------------------------------------------ episodes

    def minibatches(
        self, seeds: Sequence[int], order: int, first_step: int, last_step: int, networks: Networks | None = None
    ) -> Iterator[Transitions]:
        for step in range(first_step, last_step):
            starts = [
                _starts(random_generator(seed, "episodes", order, step), self.recipe.batch_size) for seed in seeds
            ]
            rngs = [random_generator(seed, "actions", order, step) for seed in seeds]
            rollouts = self._roll_out(np.stack(starts), rngs, networks)
            yield Transitions.of(rollouts, self._discount, self.device)

    def _evaluation(self, split: str, networks: Networks | None = None) -> Rollouts:
        """Episodes of a split: those of all replicates begin, and draw actions, by the same random numbers."""
        starts = _starts(random_generator(0, "evaluation episodes", split), self._evaluation_episodes)
        seeds = np.tile(starts, (networks.size if networks else 1, 1))
        return self._roll_out(seeds, [random_generator(0, "evaluation actions", split)], networks)

    def _roll_out(self, seeds: np.ndarray, rngs: Sequence[np.random.Generator], networks: Networks | None) -> Rollouts:
        count = seeds.shape[1]
        if seeds.size not in self._episodes:
            self._episodes[seeds.size] = make_episodes(self.environment, seeds.size)
        noise = gumbel_noise(rngs, count, self.environment.actions)
        limit, policy = self.environment.max_episode_steps, self._policy(networks)
        return roll_out(self._episodes[seeds.size], seeds, noise, limit, policy)

    def _policy(self, networks: Networks | None) -> Policy:
        """The present policies; without networks, one that acts at random, with value 0."""
        if networks is None:
            return lambda observations: np.zeros((*observations.shape[:-1], self.environment.actions + 1))

        outputs_of = networks.at_present()

        @torch.no_grad()
        def policy(observations: np.ndarray) -> np.ndarray:
            return outputs_of(torch.from_numpy(observations).to(self.device)).float().cpu().numpy()

        return policy

    @cached_property
    def _discount(self) -> float:
        return option_of_episodes(self.objective, "discount")

    @cached_property
    def _evaluation_episodes(self) -> int:
        return option_of_episodes(self.objective, "evaluation_episodes")

    # ------------------------------------------------------------ fixed samples

    def evaluation_batches(self, split: str, size: int = PIECE) -> Iterator[Transitions]:
        """Go through transitions of random decisions, the same for all networks, in fixed pieces of `size`."""
        everything = self._random_transitions(split)
        yield from (
            everything.take(rows) for rows in np.split(rows_of(everything), range(size, len(everything.inputs), size))
        )

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[Transitions]:
        everything = self._random_transitions(split)
        rows = random_generator(0, "evaluation", split).permutation(rows_of(everything))[:examples]
        yield from (everything.take(piece) for piece in np.array_split(rows, math.ceil(len(rows) / size)))

    def _random_transitions(self, split: str) -> Transitions:
        return Transitions.of(self._evaluation(split), self._discount, self.device).replicate(0)

    def scored_batches(
        self, seed: int, per_class: int, size: int, at_most: int | None = None, networks: Networks | None = None
    ) -> list[Transitions]:
        """Take the first transitions of the episodes with which a training of the present policy would begin."""
        wanted = min(per_class * outputs_of(self.data.facts), at_most or LARGEST_SEED)
        updates, made = [], 0
        for batch in self.minibatches([seed], 0, 0, LARGEST_SEED, networks):
            updates.append(batch.replicate(0))
            made += len(updates[-1].inputs)
            if made >= wanted:
                break
        everything = Transitions(*(torch.cat(values) for values in zip(*map(_values, updates), strict=True)))
        pieces = np.array_split(np.arange(wanted), math.ceil(wanted / size))
        return [everything.take(piece) for piece in pieces]

    # ------------------------------------------------------------ the objective

    def losses(self, outputs: Tensor, batch: Transitions) -> Tensor:
        """Compute what is minimised of every transition, so that the mean leaves out steps that were none."""
        return self.objective(outputs, batch)["loss"] * (batch.weights / batch.weights.mean())

    def measures(self, outputs: Tensor, batch: Transitions) -> dict[str, Tensor]:
        return self.objective(outputs, batch)

    def predictions(self, outputs: Tensor, batch: Transitions) -> None:
        """Return nothing: no transition says what would have been right."""

    def output_gradient(self, outputs: Tensor, batch: Transitions) -> Tensor:
        return gradient_of(self.losses, outputs, batch)

    @torch.no_grad()
    def evaluate(self, split: str, networks: Networks) -> dict[str, Tensor]:
        """Measure every replicate's policy on the split's episodes: mean loss, mean and median undiscounted return.

        Actions are sampled from the policy, as in training. A replicate without a finite loss has no return (nan).
        """
        rollouts = self._evaluation(split, networks)
        transitions = Transitions.of(rollouts, self._discount, self.device)
        outputs = [torch.from_numpy(rows).to(self.device) for rows in rollouts.rows(rollouts.outputs)]
        measured = [self.measures(rows, transitions.replicate(index)) for index, rows in enumerate(outputs)]
        means = {name: torch.stack([values[name].double().mean() for values in measured]) for name in measured[0]}
        totals = torch.from_numpy(rollouts.totals).to(self.device)
        means |= {"return": totals.mean(dim=1), "median_return": totals.quantile(0.5, dim=1)}
        known = means["loss"].isfinite()
        return {
            name: means[name].where(known, math.nan) for name in ("loss", *(metric.name for metric in self.metrics))
        }


def _starts(rng: np.random.Generator, count: int) -> np.ndarray:
    """Seeds of episodes."""
    return rng.integers(LARGEST_SEED, size=count)


def rows_of(batch: Transitions) -> np.ndarray:
    """Return the positions of all transitions of a batch."""
    return np.arange(len(batch.inputs))
