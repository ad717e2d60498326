"""The proof that a network is trained as its module is written, when theta_0 is made.

Modules are trained twice, for two steps of a small minibatch: plainly, each by itself (plain.py); and as a cohort, in
each way that a training may choose. Weights, buffers and evaluations must be the same, and a module that is built anew
and given the trained weights must compute the same, too. What differs is said in one line. The ways are

- linear or autograd: the replicates in turn, as on a CPU. Every network is proved in one of the two;
- stacked: all replicates at once, as on a GPU. A module that cannot be computed so takes turns there;
- sparse: the kept weights alone, for linear layers and convolutions at low densities, here under a random mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from lth_core.config import Recipe
from lth_core.engine.cohort import Cohort
from lth_core.engine.convolutions.reading import read_network
from lth_core.models.requirements import ModelError
from lth_core.models.tensors import load_tensors
from lth_core.randomness import kept_generators, kept_torch_generators, random_generator
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task
from lth_core.tickets.rewinding import apply_mask
from lth_core.training.kept import Kept
from lth_core.training.loop import noise_seeds, step
from lth_core.training.plain import (
    DECAY,
    MOMENTUM,
    RATE,
    evaluate_plainly,
    observe,
    seed_all,
    train_plainly,
    values_of,
)
from lth_core.training.state import TrainingState, start_state
from lth_core.training.unstored import Looks, ProofError, check_unstored, differing

EXAMPLES, STEPS = 8, 2
DENSITY = 0.1
"""Of the mask under which a network is trained on its kept weights alone."""
RELATIVE, ABSOLUTE = 0.01, 1e-6
"""How far two changes of a tensor may differ by rounding: in proportion to the largest change, and to 1 or the largest
value. A part that is not trained, or trained as something else, differs by a whole change."""
COARSE, ATTEMPTS = 0.25, 3
"""The proportion for convolutions on kept weights alone, and how many masks are tried."""


def recipe(examples: int) -> Recipe:
    """Return how the proof trains a network, given the number of training examples."""
    sgd = {"name": "sgd", "learning_rate": RATE, "momentum": MOMENTUM, "weight_decay": DECAY}
    size = min(EXAMPLES, examples)
    return Recipe.model_validate({"optimizer": sgd, "batch_size": size, "steps": STEPS, "evaluate_every": STEPS})


def prove(
    build: Callable[[int], nn.Module], factory: Callable[[], nn.Module], task_of: Callable[[nn.Module], Task], seed: int
) -> dict[str, Any]:
    """Prove it for a network, and say for a header what was proved. Raises ProofError.

    `build` builds the module of a seed with its theta_0, `factory` one of any weights, as a training job does;
    `task_of` gives the task of a module, under `recipe`.
    """
    with kept_torch_generators(), kept_generators():
        modules = [build(number) for number in (seed, seed + 1)]
        others = [_other(factory, seed + 2) for _ in range(2)]
        if len({id(module) for module in (*modules, *others)}) < 4:
            raise ProofError("its factory returns one module again and again: build a new one in every call")
        trial = Trial(task_of(others[0]), [seed, seed + 1])
        initial, before = _stacked(modules), [Looks.at(module) for module in modules]
        kept = Kept(modules[0])
        expected = trial.plainly(modules)
        for looks, module in zip(before, modules, strict=True):
            looks.check(module)
        check_unstored(kept, modules[0], lambda: observe(trial.task, modules[0], trial.minibatches[0].replicate(0)))
        state = start_state(trial.task, initial, {}, together=False)
        stacks = state.cohort.stacks()
        actual = trial.as_cohort(state)
        load_tensors(others[1], values_of(modules[0]))
        loaded = evaluate_plainly(trial.task, others[1], trial.test)
        wrong = expected.differing(actual, initial, RELATIVE)
        if wrong is not None or not _close(loaded.numpy(), expected.losses[0], RELATIVE):
            raise ProofError(_difference(modules[0], others[1], wrong))
        paths = ["linear"] if state.cohort.linear else ["autograd"]
        if state.cohort.linear:
            _prove_from(trial, modules, initial, {}, together=True)
        if stacks:
            paths.append("stacked")
        if _prove_sparse(trial, modules, initial, state.cohort):
            paths.append("sparse")
        kept.restore()
    return {"paths": paths, "replicates": len(modules), "steps": STEPS, "examples": len(trial.test.inputs)}


def _prove_sparse(trial: Trial, modules: Sequence[nn.Module], initial: Tensors, cohort: Cohort) -> bool:
    """Prove training on kept weights alone; tell whether the network can be trained so. Raises ProofError.

    Convolutions add up in another order there. Rounding then decides which ReLUs close to 0 are active, and deep
    networks make much of it: one step is compared, coarsely, and under another mask if need be. What is computed
    wrongly differs under all of them.
    """
    if cohort.linear:
        layers = [name for name, _ in cohort.linear.layers]
        _prove_from(trial, modules, initial, _few(initial, layers, 0), together=False)
        return True
    network = read_network(cohort.module, trial.test.inputs.shape[1:])
    if network is None:
        return False
    one_step = replace(trial, steps=1, relative=COARSE)
    for attempt in range(ATTEMPTS):
        try:
            mask = _few(initial, [layer.weight for layer in network.weighted], attempt)
            _prove_from(one_step, modules, initial, mask, together=False)
            break
        except ProofError:
            if attempt == ATTEMPTS - 1:
                raise
    return True


def _few(initial: Tensors, layers: Sequence[str], attempt: int) -> Tensors:
    """Make a random mask of layers, of DENSITY."""
    rng = random_generator(0, "proof", attempt)
    sizes = {name: initial[name].size for name in layers}
    kept = {name: rng.permutation(size) < max(1, int(DENSITY * size)) for name, size in sizes.items()}
    return {name: entries.reshape(initial[name].shape) for name, entries in kept.items()}


def _prove_from(trial: Trial, modules: Sequence[nn.Module], initial: Tensors, mask: Tensors, *, together: bool) -> None:
    """Prove another way of training, from the same theta_0 under a mask. Raises ProofError."""
    start = apply_mask(initial, mask)
    for index, module in enumerate(modules):
        load_tensors(module, {name: value[index] for name, value in start.items()})
    expected = trial.plainly(modules, mask)
    actual = trial.as_cohort(start_state(trial.task, start, mask, together=together))
    if (wrong := expected.differing(actual, start, trial.relative)) is not None:
        raise ProofError(_difference(modules[0], modules[0], wrong))


def _other(factory: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A module with weights of its own, as other processes build it."""
    seed_all(seed)
    return factory()


def _stacked(modules: Sequence[nn.Module]) -> Tensors:
    each = [values_of(module) for module in modules]
    return {name: np.stack([values[name] for values in each]) for name in each[0]}


# ---------------------------------------------------------------- trainings


@dataclass(frozen=True)
class Outcome:
    """The weights and buffers (R, ...) after a training, and the losses (R, B) of examples in evaluation mode."""

    weights: Tensors
    losses: np.ndarray

    def differing(self, other: Outcome, start: Tensors, relative: float) -> list[str] | None:
        """Name the weights that differ by more than rounding, given those before; None where nothing differs."""
        names = [
            name
            for name, value in self.weights.items()
            if not _close(other.weights[name], value, relative, start[name])
        ]
        return names if names or not _close(other.losses, self.losses, relative) else None


def _close(actual: np.ndarray, expected: np.ndarray, relative: float, start: np.ndarray | float = 0.0) -> bool:
    if not np.issubdtype(expected.dtype, np.floating):
        return np.array_equal(actual, expected)
    change = np.abs(expected - start).max(initial=0.0)
    near = relative * change + ABSOLUTE * max(1.0, np.abs(expected).max(initial=0.0))
    return np.allclose(actual, expected, rtol=0, atol=near if np.isfinite(near) else 0, equal_nan=True)


@dataclass(frozen=True)
class Trial:
    """The short training of the proof: a task, the seeds of its replicates, and how far results may differ."""

    task: Task
    seeds: Sequence[int]
    steps: int = STEPS
    relative: float = RELATIVE

    @cached_property
    def test(self) -> Batch:
        """Draw examples of the validation split."""
        (batch,) = self.task.sample_batches("validation", EXAMPLES)
        return finite(batch)

    @property
    def noise(self) -> list[list[int]]:
        """Return what seeds the modules' noise, by step and replicate."""
        return [noise_seeds(self.seeds, 0, number) for number in range(self.steps)]

    @property
    def minibatches(self) -> list[Batch]:
        """Return those of the steps, made anew: modules may change them."""
        return [finite(batch) for batch in self.task.minibatches(self.seeds, 0, 0, self.steps)]

    def plainly(self, modules: Sequence[nn.Module], mask: Mapping[str, np.ndarray] | None = None) -> Outcome:
        """Train the module of each seed by itself. Raises ProofError."""
        try:
            for index, module in enumerate(modules):
                kept = {name: value[index] for name, value in (mask or {}).items()}
                batches = [batch.replicate(index) for batch in self.minibatches]
                train_plainly(self.task, module, batches, [seeds[index] for seeds in self.noise], kept)
        except Exception as error:  # of any type: it is the user's code
            raise ProofError(f"it cannot be trained: {_line(error)}") from error
        losses = torch.stack([evaluate_plainly(self.task, module, self.test) for module in modules])
        return Outcome(_stacked(modules), losses.numpy())

    def as_cohort(self, state: TrainingState) -> Outcome:
        """Train them together, as the project does. Raises ProofError."""
        try:
            with torch.no_grad():
                for batch, noise in zip(self.minibatches, self.noise, strict=True):
                    step(state, batch, RATE, noise)
            losses = state.cohort.evaluated(self.test)["loss"]
        except ModelError as error:
            raise ProofError(str(error)) from None
        except Exception as error:
            raise ProofError(f"it can be called, but not with other tensors than its own: {_line(error)}") from error
        return Outcome(state.weights(), losses.numpy())


def finite(batch: Any) -> Any:
    """Put 0 for what is no finite number in a batch, such as a reward: how nan spreads is no part of what is proved."""
    values = {item.name: getattr(batch, item.name) for item in fields(batch)}
    known = {
        name: value.nan_to_num(0.0, 0.0, 0.0)
        for name, value in values.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and not value.isfinite().all()
    }
    return replace(batch, **known) if known else batch


# ---------------------------------------------------------------- messages


def _difference(module: nn.Module, fresh: nn.Module, wrong: Sequence[str] | None) -> str:
    """Say what differs from an ordinary training, and what to do."""
    elsewhere = differing(module, fresh)
    if elsewhere:
        return (
            f"'{elsewhere}' is part of what it computes, but is not stored with its weights, so that it is another "
            "one in the next job: make it a parameter or a persistent buffer (register_buffer)"
        )
    if wrong:
        return (
            f"'{wrong[0]}' would be trained otherwise than by PyTorch alone: hooks on parameters, `.data` and values "
            "in attributes cannot be followed; compute in forward from parameters and buffers"
        )
    return "it computes something else when it is built again and given its trained weights: keep nothing elsewhere"


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
