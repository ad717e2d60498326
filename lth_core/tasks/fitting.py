"""Whether a network fits its task: it takes what the data set holds, and gives what the objective reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from lth_core import registry
from lth_core.config import Choice
from lth_core.data.kinds import WHOLE_NUMBERS, example_shape, kind_of_data, offered_to_models
from lth_core.metrics import counted
from lth_core.models.inputs import TokenShape
from lth_core.models.outputs import check_outputs, check_scores
from lth_core.models.requirements import ModelError
from lth_core.registry import failure, kind_of
from lth_core.tasks.base import Examples, Task, TaskError

EXAMPLES = 8


def input_shape(facts: Mapping[str, Any], module: nn.Module | None = None) -> Sequence[int]:
    """Return the shape of one example's inputs, given the facts of a data set.

    A module with an attribute `extra_inputs` takes the pixels of an image in a row, and as many numbers after them.
    """
    shape = example_shape(facts)
    if (extra := getattr(module, "extra_inputs", None)) is not None:
        return (math.prod(shape) + extra,)
    return TokenShape(shape) if kind_of_data(facts) in WHOLE_NUMBERS else shape


def check_network(module: nn.Module, objective: str, facts: Mapping[str, Any]) -> None:
    """Check what the module makes of two examples, given the facts of its data set. Raises ModelError.

    What other objectives than the built-in ones read is looked at when there are data (`check_measures`).
    """
    shape, offered = input_shape(facts), offered_to_models(facts)
    known = objective in registry.objective.names()
    if generates := known and registry.objective.facts(objective).get("generates"):
        generates().check(module, math.prod(shape))
    elif hasattr(module, "extra_inputs"):
        problem = f"this network makes images, which objective '{objective}' does not train"
        raise ModelError(f"{problem}: choose another model, or an objective like vae, gan or diffusion")
    elif objective == "classification":
        check_scores(module, shape, offered["classes"])
    elif objective == "language":
        wanted = {"characters": offered["context"], "scores of the next one": offered["vocabulary"]}
        check_outputs(module, shape, wanted)
    elif kind_of_data(facts) == "environment":  # for the actions of any objective
        check_outputs(module, shape, {"numbers (a score for every action, then the value)": offered["outputs"]})
    else:
        check_outputs(module, shape)


def check_measures(task: Task, objective: Choice) -> None:
    """Check that the task's objective reads the module's outputs, on a few examples. Raises TaskError.

    What it makes of an example must depend on that example alone, because evaluations go through a split in pieces and
    processes share a batch. This does not hold for episodes, which are never split.
    """
    batch = next(iter(task.sample_batches("validation", EXAMPLES)))
    with torch.no_grad():
        outputs = task.module.eval()(batch.inputs.clone())
    before = _copied(batch)
    measured = _measured(task, objective, outputs.requires_grad_(), batch)
    wanted = ["loss", *(metric.name for metric in task.metrics)]
    if problem := _not_measured(measured, wanted, len(batch.inputs)):
        raise TaskError(f"objective '{objective.name}' {problem}")
    if any(not _equal(value, getattr(batch, name)) for name, value in before.items()):
        raise TaskError(f"objective '{objective.name}' changes the batch that it is given: compute with a copy")
    if isinstance(batch, Examples):
        alone = _measured(task, objective, outputs[:1], Examples(batch.inputs[:1], batch.targets[:1]))
        shapes = f"outputs of shape {tuple(outputs.shape)} and targets of shape {tuple(batch.targets.shape)}"
        for name in wanted:
            if not _same(alone[name], measured[name]):
                raise TaskError(
                    f"objective '{objective.name}' gives an example another '{name}' alone than in a batch: compute it "
                    f"for each example by itself, here from {shapes}"
                )


def _equal(before: Tensor, after: Tensor) -> bool:
    """Whether a tensor is as it was; nan, which some data have, counts as equal to itself."""
    return before.shape == after.shape and bool(((before == after) | ((before != before) & (after != after))).all())


def _same(alone: Tensor, measured: Tensor) -> bool:
    """Whether the first of several values is that of an example alone, up to rounding."""
    values = measured.detach().double()
    near = 1e-3 * float(values.abs().nan_to_num(posinf=0.0).max())
    return torch.allclose(alone.detach().double(), values[:1], rtol=0, atol=near, equal_nan=True)


def _copied(batch: Any) -> dict[str, Tensor]:
    return {field.name: getattr(batch, field.name).clone() for field in fields(batch)}


def _measured(task: Task, objective: Choice, outputs: Tensor, batch: Any) -> Any:
    """What the objective returns. Raises TaskError where it fails."""
    try:
        with torch.enable_grad():
            return task.measures(outputs, batch)
    except Exception as error:  # of any type: it is the user's code
        function = registry.objective.get(objective.name)
        raise TaskError(f"objective '{objective.name}' failed{failure(function, error)}") from error


def _not_measured(measured: Any, wanted: list[str], count: int) -> str | None:
    """Say what is wrong with what an objective returns of `count` examples, or None."""
    needed = " and ".join(map(repr, wanted))
    if not isinstance(measured, dict):
        return f"returns {kind_of(measured)}: a dict with {needed} is needed"
    for name in wanted:
        if name not in measured:
            return f"returns no '{name}': a dict with {needed} is needed"
        value = measured[name]
        if not isinstance(value, Tensor) or value.shape != (count,):
            what = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else kind_of(value)
            return (
                f"returns {what} as '{name}' for {counted(count, 'examples')}: one tensor of shape ({count},) is needed"
            )
    loss = measured["loss"]
    if not loss.is_floating_point():
        return f"returns a loss of {loss.dtype}: it must be floating-point"
    if not loss.requires_grad:
        return "returns a loss without a gradient: compute it from the outputs, without detach, argmax or no_grad"
    return None
