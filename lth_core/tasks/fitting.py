"""Whether a network fits its task: it takes what the data set holds, and gives what the objective reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lth_core.data.kinds import example_shape, kind_of_data, offered_to_models
from lth_core.models.inputs import TokenShape
from lth_core.models.outputs import check_outputs, check_scores
from lth_core.registry import kind_of, one_line
from lth_core.tasks.base import Task, TaskError

EXAMPLES = 2


def input_shape(facts: Mapping[str, Any]) -> Sequence[int]:
    """Return the shape of one example's inputs, given the facts of a data set."""
    shape = example_shape(facts)
    return TokenShape(shape) if kind_of_data(facts) == "text" else shape


def check_network(module: nn.Module, objective: str, facts: Mapping[str, Any]) -> None:
    """Check what the module makes of two examples, given the facts of its data set. Raises ModelError.

    What other objectives than the built-in ones read is looked at when there are data (`check_measures`).
    """
    shape, offered = input_shape(facts), offered_to_models(facts)
    if objective == "classification":
        check_scores(module, shape, offered["classes"])
    elif objective == "language":
        wanted = {"characters": offered["context"], "scores of the next one": offered["vocabulary"]}
        check_outputs(module, shape, wanted)
    elif objective == "actor-critic":
        check_outputs(module, shape, {"numbers (a score for every action, then the value)": offered["outputs"]})
    else:
        check_outputs(module, shape)


@torch.enable_grad()
def check_measures(task: Task, objective: str) -> None:
    """Check that the task's objective reads the module's outputs, on two examples. Raises TaskError."""
    batch = next(iter(task.sample_batches("validation", EXAMPLES)))
    outputs = task.module.eval()(batch.inputs.clone()).detach().requires_grad_()
    try:
        measured = task.measures(outputs, batch)
    except Exception as error:  # of any type: it may be the user's code
        fails = f"objective '{objective}' fails on outputs of shape {tuple(outputs.shape)}"
        raise TaskError(f"{fails}: {one_line(error)}") from error
    wanted, count = ["loss", *(metric.name for metric in task.metrics)], len(batch.inputs)
    if not isinstance(measured, dict):
        raise TaskError(f"objective '{objective}' returns {kind_of(measured)}: a dict of {wanted} is needed")
    for name in wanted:
        value = measured.get(name)
        if not isinstance(value, Tensor) or value.shape != (count,):
            what = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"as {kind_of(value)}"
            raise TaskError(
                f"objective '{objective}' returns '{name}' {what} for {count} examples and outputs of shape "
                f"{tuple(outputs.shape)}: a tensor of one number for each example is needed"
            )
    loss = measured["loss"]
    if not loss.is_floating_point():
        raise TaskError(f"objective '{objective}' returns a loss of {loss.dtype}: it must be floating-point")
    if not loss.requires_grad:
        raise TaskError(
            f"objective '{objective}' returns a loss without a gradient: compute it of the outputs by torch"
        )
