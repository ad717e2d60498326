"""What a network makes of its inputs, looked at before it is trained: outputs that its objective can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lth_core.models.inputs import name_examples, zeros
from lth_core.models.requirements import ModelError, require
from lth_core.registry import kind_of, one_line

PRECISE = (torch.float32, torch.float64)
"""Types of outputs. Losses of fewer bits would be too coarse; with `precision: bf16` outputs are float32, too."""


def check_scores(module: nn.Module, input_shape: Sequence[int], classes: int) -> None:
    """Check what the module computes of two examples, such as images (C, H, W), in evaluation mode.

    Raises ModelError unless it is one tensor of scores (examples, classes); there may be more scores than classes.
    """
    examples = name_examples(input_shape)
    scores = _called(module.eval(), input_shape, 2, f"its forward fails on {examples}")
    require(isinstance(scores, Tensor), f"its forward returns {kind_of(scores)}: it must return the scores alone")
    shape = tuple(scores.shape)
    wanted = f"({examples}, {classes})"
    require(
        len(shape) == 2 and shape[0] == 2,
        f"its forward returns shape {shape} for 2 {examples}: scores of shape {wanted} are needed, for example means "
        "over the positions of a map",
    )
    require(
        shape[1] >= classes,
        f"it has {shape[1]} scores, but there are {classes} classes: its last layer needs `classes` outputs",
    )
    precise = scores.dtype in PRECISE
    require(precise, f"its scores are {scores.dtype}: they must be floating-point numbers of 32 bits (.float())")


def check_outputs(module: nn.Module, input_shape: Sequence[int], wanted: Mapping[str, int] | None = None) -> None:
    """Check that the module turns two examples into one tensor of floating-point numbers.

    `wanted` maps what its further axes are to their sizes; None: whatever they are. Raises ModelError.
    """
    outputs = _called(module.eval(), input_shape, 2, "its forward fails on its inputs")
    require(isinstance(outputs, Tensor), f"its forward returns {kind_of(outputs)}: it must return one tensor")
    is_wanted = wanted is None or tuple(outputs.shape[1:]) == tuple(wanted.values())
    shape = ", ".join(f"{size} {name}" for name, size in wanted.items()) if wanted else "..."
    require(
        outputs.shape[:1] == (2,) and is_wanted and outputs.dtype in PRECISE,
        f"its forward returns {str(outputs.dtype).removeprefix('torch.')} of shape {tuple(outputs.shape)} for 2 "
        f"examples: float32 of shape (2, {shape}) is needed",
    )


def check_single_examples(module: nn.Module, input_shape: Sequence[int]) -> None:
    """Check that the module can be trained on batches of one example, which batch norm of single values cannot.

    Raises ModelError. Leaves the module in training mode; its statistics change.
    """
    advice = "train.batch_size: this network fails on batches of 1, as batch norm does: use 2 or more"
    _called(module.train(), input_shape, 1, advice)


@torch.no_grad()
def _called(module: nn.Module, input_shape: Sequence[int], count: int, problem: str) -> Any:
    try:
        return module(zeros(input_shape, count, next((p.device for p in module.parameters()), None)))
    except Exception as error:  # of any type: it is the user's code
        what = "images" if len(input_shape) == 3 else "inputs"
        raise ModelError(f"{problem} ({what} of shape {tuple(input_shape)}; {one_line(error)})") from error
