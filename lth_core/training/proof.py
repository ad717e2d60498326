"""The proof that a network is trained as its module is written, when theta_0 is made.

Modules are trained twice, for two steps of a small minibatch: plainly, each by itself, by autograd and textbook SGD;
and together, as every training of the project is computed. Weights, buffers and evaluations must be the same, and a
module that is built anew and given the trained weights must compute the same, too. What differs is said in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from lth_core.config import Recipe
from lth_core.models.requirements import ModelError
from lth_core.models.tensors import load_tensors, stored_tensors
from lth_core.randomness import kept_generators, kept_torch_generators, seed_generators
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task
from lth_core.training.loop import noise_seeds, train
from lth_core.training.state import start_state

EXAMPLES, STEPS = 8, 2
RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.1
"""Of the proof alone: large enough that whatever is left out shows."""
RELATIVE, ABSOLUTE = 0.01, 1e-6
"""How far two changes of a tensor may differ by rounding: in proportion to the largest change, and to 1 or the largest
value. A part that is not trained, or trained as something else, differs by a whole change."""


class ProofError(ValueError):
    """A network that would not be trained as it is written, in one line: which part, what differs, what to do."""


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
    seeds = [seed, seed + 1]
    with kept_torch_generators(), kept_generators():
        modules = [build(number) for number in seeds]
        initial = [_values(module) for module in modules]
        others = [_other(factory, seed) for _ in range(2)]
        if len({id(module) for module in (*modules, *others)}) < 4:
            raise ProofError("its factory returns one module again and again: build a new one in every call")
        task = task_of(others[0])
        before = [Looks.at(module) for module in modules]
        batches = list(task.minibatches(seeds, 0, 0, STEPS))
        (test,) = task.sample_batches("validation", EXAMPLES)
        expected = [
            _plainly(task, module, [batch.replicate(index) for batch in batches], noise)
            for index, (module, noise) in enumerate(zip(modules, _noise(seeds), strict=True))
        ]
        for looks, module in zip(before, modules, strict=True):
            looks.check(module)
        losses = torch.stack([_evaluated(task, module, test) for module in modules])
        path, trained, measured = _together(task, initial, seeds, test)
        load_tensors(others[1], _values(modules[0]))
        loaded = _evaluated(task, others[1], test)
        start, end = ({name: np.stack([v[name] for v in each]) for name in initial[0]} for each in (initial, expected))
        wrong = [name for name in end if not _close(trained[name], end[name], start[name])]
        if wrong or not _close(measured.numpy(), losses.numpy()) or not _close(loaded.numpy(), losses[0].numpy()):
            raise ProofError(_difference(modules[0], others[1], wrong))
        _check_numbers(before[0], modules[0], batches[0].replicate(0))
    return {"path": path, "replicates": len(seeds), "steps": STEPS, "examples": len(test.inputs)}


def _noise(seeds: Sequence[int]) -> list[list[int]]:
    """Per replicate, the seed of what it draws in every step."""
    return [list(steps) for steps in zip(*(noise_seeds(seeds, 0, step) for step in range(STEPS)), strict=True)]


def _other(factory: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A module with weights of its own, as other processes build it."""
    _seed(seed + 2)
    return factory()


def _seed(seed: int) -> None:
    torch.default_generator.manual_seed(seed)
    seed_generators(seed)


def _values(module: nn.Module) -> Tensors:
    return {name: tensor.detach().numpy().copy() for name, tensor in stored_tensors(module).items()}


# ---------------------------------------------------------------- plainly


def _plainly(task: Task, module: nn.Module, batches: Sequence[Batch], noise: Sequence[int]) -> Tensors:
    """Train one module as anyone does: by autograd and SGD, which leaves alone what has no gradient."""
    momenta: dict[nn.Parameter, Tensor] = {}
    try:
        for batch, seed in zip(batches, noise, strict=True):
            _seed(seed)
            with torch.enable_grad():
                outputs = module.train()(batch.inputs.clone())
                module.zero_grad()
                task.losses(outputs, batch)[0].mean().backward()
            reached = [parameter for parameter in module.parameters() if parameter.grad is not None]
            _descend(reached, [momenta.setdefault(parameter, torch.zeros_like(parameter)) for parameter in reached])
    except Exception as error:  # of any type: it is the user's code
        raise ProofError(f"it cannot be trained: {_line(error)}") from error
    return _values(module)


@torch.no_grad()
def _descend(parameters: list[nn.Parameter], momenta: Sequence[Tensor]) -> None:
    """Do the step of torch.optim.SGD, whose class would import torch's compiler."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    sgd(
        [*parameters],
        gradients,
        [*momenta],
        fused=True,
        lr=RATE,
        momentum=MOMENTUM,
        weight_decay=DECAY,
        dampening=0.0,
        nesterov=False,
        maximize=False,
    )


@torch.no_grad()
def _evaluated(task: Task, module: nn.Module, batch: Batch) -> Tensor:
    _seed(0)
    return task.losses(module.eval()(batch.inputs.clone()), batch)[0]


# ---------------------------------------------------------------- as the project does


def _together(
    task: Task, initial: Sequence[Tensors], seeds: Sequence[int], batch: Batch
) -> tuple[str, Tensors, Tensor]:
    """The path that a training takes, what it makes of theta_0, and the losses of that on a batch (R, B)."""
    stacked = {name: np.stack([values[name] for values in initial]) for name in initial[0]}
    try:
        state = start_state(task, stacked, {})
        train(task, state, seeds, STEPS)
        losses, _ = state.cohort.evaluated(batch)
    except ModelError as error:
        raise ProofError(str(error)) from None
    except Exception as error:
        raise ProofError(f"it can be called, but not with other tensors than its own: {_line(error)}") from error
    return "linear" if state.cohort.linear else "autograd", state.weights(), losses


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


# ---------------------------------------------------------------- what must be the same


def _close(actual: np.ndarray, expected: np.ndarray, start: np.ndarray | float = 0.0) -> bool:
    if not np.issubdtype(expected.dtype, np.floating):
        return np.array_equal(actual, expected)
    change = np.abs(expected - start).max(initial=0.0)
    near = RELATIVE * change + ABSOLUTE * max(1.0, np.abs(expected).max(initial=0.0))
    return np.allclose(actual, expected, rtol=0, atol=near if np.isfinite(near) else 0, equal_nan=True)


def _difference(module: nn.Module, fresh: nn.Module, wrong: Sequence[str]) -> str:
    """Say what differs from an ordinary training, and what to do."""
    others = dict(_kept(fresh))
    elsewhere = [name for name, value in _kept(module) if not _equal(value, others.get(name))]
    if elsewhere:
        return (
            f"'{elsewhere[0]}' is part of what it computes, but is not stored with its weights, so that it is another "
            "one in the next job: make it a parameter or a persistent buffer (register_buffer)"
        )
    if wrong:
        return (
            f"'{wrong[0]}' would be trained otherwise than by PyTorch alone: hooks on parameters, `.data` and values "
            "in attributes cannot be followed; compute in forward from parameters and buffers"
        )
    return "it computes something else when it is built again and given its trained weights: keep nothing elsewhere"


def _kept(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Buffers that are not stored, and numbers, arrays and tensors in attributes."""
    stored = stored_tensors(module)
    yield from ((name, value) for name, value in module.named_buffers() if name not in stored)
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, int | float | str | np.ndarray | Tensor) and name != "training":
                yield f"{path}.{name}".lstrip("."), value


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first.detach(), second.detach())
    return type(first) is type(second) and np.array_equal(first, second)


# ---------------------------------------------------------------- what must not change


@dataclass(frozen=True)
class Looks:
    """What a module is made of, besides the values of its tensors."""

    tensors: Mapping[str, tuple[tuple[int, ...], torch.dtype, bool]]
    numbers: Mapping[str, bool | int | float]

    @classmethod
    def at(cls, module: nn.Module) -> Looks:
        """Look at a module."""
        named = chain(module.named_parameters(), module.named_buffers())
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise ProofError("it has no parameter that can be trained")
        tensors = {name: (tuple(value.shape), value.dtype, isinstance(value, nn.Parameter)) for name, value in named}
        numbers = {name: value for name, value in _kept(module) if isinstance(value, int | float)}
        return cls(tensors, numbers)

    def check(self, module: nn.Module) -> None:
        """Raise ProofError for parameters and buffers that training makes, drops or gives another shape."""
        after = Looks.at(module).tensors
        for name in after.keys() - self.tensors.keys():
            raise ProofError(f"'{name}' is made by its forward: make all layers and buffers in __init__")
        for name, (shape, kind, _) in self.tensors.items():
            if name not in after:
                raise ProofError(f"'{name}' is removed by its forward: tensors must stay")
            if after[name][:2] != (shape, kind):
                raise ProofError(f"'{name}' is {shape} of {kind} and becomes {after[name][0]} of {after[name][1]}")


@torch.no_grad()
def _check_numbers(before: Looks, module: nn.Module, batch: Batch) -> None:
    """Numbers in attributes that change, such as counters, must not matter: they are not stored."""
    after, values = Looks.at(module).numbers, _values(module)
    for name, number in after.items():
        if name in before.numbers and _equal(number, before.numbers[name]):
            continue
        path, _, attribute = name.rpartition(".")
        part = module.get_submodule(path)

        def outputs(value: float, part: nn.Module = part, attribute: str = attribute) -> list[Tensor]:
            both = []
            for training in (True, False):
                load_tensors(module, values)
                setattr(part, attribute, value)
                _seed(0)
                both.append(module.train(training)(batch.inputs.clone()))
            return both

        tried = [not number] if isinstance(number, bool) else [type(number)(n) for n in (0, 1, 10, 1000, 10**6)]
        expected = outputs(number)
        if not all(_equal(one, other) for value in tried for one, other in zip(outputs(value), expected, strict=True)):
            raise ProofError(
                f"'{name}' changes in training and decides what the network computes, but it is not stored: make it a "
                "buffer (register_buffer)"
            )
