"""Smaller networks: what masks that take out whole channels leave of a cohort's networks, on a CPU.

Channels that no kept weight reads are taken out, where all that is left is kept, and where that is faster.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.engine.convolutions.choice import NEAR
from lth_core.engine.convolutions.network import ConvolutionNetwork
from lth_core.engine.convolutions.reading import read_network
from lth_core.engine.convolutions.workspace import LANES
from lth_core.engine.linear_network import LinearNetwork
from lth_core.models.groups import Group, rows_and_columns
from lth_core.models.shrinking import kept_entries, take_out
from lth_core.models.symmetries import random_values
from lth_core.models.tensors import call
from lth_core.models.unit_tracing import named_tensors, trace_units
from lth_core.randomness import kept_generators, kept_torch_generators, random_generator
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task

if TYPE_CHECKING:
    from jaxtyping import Float

DENSEST = 2 / 3
"""Share of the multiplications that are left up to which convolutions of at most NEAR channels, which torch computes
slowly where they are no multiples of 16, are computed by kernels for kept weights. Measured with ResNet-20 on one core:
at 0.8 of its channels a step takes 0.95 of the dense time, at 0.5 of them 0.38."""
FEWEST = 1 / 3
"""Share of the weights that are left up to which other such networks are made smaller, though by torch."""
TRIED = 4
"""Examples on which a smaller network is compared with the masked one."""
TOLERANCE = 1e-9
"""The largest difference between their outputs in double precision, in proportion to the largest output."""


@dataclass(frozen=True)
class Narrowed:
    """A task with the module that is left of one replicate, and where its tensors lie in those of the whole one."""

    task: Task
    entries: dict[str, Tensor]
    """By name, the flat indices of what is left of each tensor."""
    aside: dict[str, Tensor]
    """Those of the trained values that are not masked, but belong to removed channels."""
    on_kernels: bool

    def tensors(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Copy what is left of one replicate's tensors, with a replicate axis."""
        shapes = {name: tensor.shape for name, tensor in named_tensors(self.task.module)}
        return {name: value.flatten()[self.entries[name]].reshape(1, *shapes[name]) for name, value in weights.items()}

    def write(self, narrow: Mapping[str, Tensor], into: Mapping[str, Tensor]) -> None:
        """Write what is left, with a replicate axis, into one replicate's tensors, in place."""
        for name, value in narrow.items():
            into[name].view(-1).index_copy_(0, self.entries[name], value.detach().flatten())

    def values_aside(self, weights: Mapping[str, Tensor]) -> Float[Tensor, " values"]:
        """Copy what lies aside of one replicate's tensors."""
        return torch.cat([weights[name].flatten()[indices] for name, indices in self.aside.items()])

    def write_aside(self, values: Float[Tensor, " values"], into: Mapping[str, Tensor]) -> None:
        """Write it into one replicate's tensors, in place."""
        sizes = [len(indices) for indices in self.aside.values()]
        for (name, indices), part in zip(self.aside.items(), values.split(sizes), strict=True):
            into[name].view(-1).index_copy_(0, indices, part)


def narrowed(task: Task, replicates: Sequence[Mapping[str, Tensor]], pruned: Tensors) -> list[Narrowed]:
    """Make the smaller networks of a cohort's replicates, given their tensors and masks (R, ...).

    There are none where masks do more than take out whole channels, where that would not pay, and for modules that draw
    random numbers, because smaller ones would draw others; nor where all are rounded at random.
    """
    if task.recipe.rounds_at_random:
        return []
    if any(value.device.type != "cpu" for value in replicates[0].values()) or not _has_idle_columns(pruned):
        return []
    groups = _groups(task)
    made: list[Narrowed] = []
    for index in range(len(replicates)):
        mask = {name: kept[index] for name, kept in pruned.items()}
        narrow = _narrow(task, groups, mask)
        if narrow is None or not _computes_the_same(task, narrow, mask):
            return []
        made.append(narrow)
    choices = {narrow.on_kernels for narrow in made}
    return made if len(choices) == 1 and not _draws(task, replicates[0]) else []


def _groups(task: Task) -> list[Group]:
    """The groups of the module's units as far as they are understood; what comes of them is compared."""
    try:
        return trace_units(task.module.eval(), task.input_shape, partly=True)
    except Exception:  # whatever a user's module does that tracing does not survive
        return []


def _has_idle_columns(pruned: Tensors) -> bool:
    """Whether some masks have columns that are False in all rows: a quick look before anything is traced."""
    return any(not kept.any(axis=(1, *range(3, kept.ndim))).all() for kept in pruned.values() if kept.ndim > 2)


def _narrow(task: Task, groups: Sequence[Group], mask: Tensors) -> Narrowed | None:
    """One replicate's smaller network; None where there is none, or it does not pay."""
    module = copy.deepcopy(task.module)
    tensors = dict(named_tensors(module))
    unread = [_unread(group, mask, {name: value.ndim for name, value in tensors.items()}) for group in groups]
    left = kept_entries(module, groups, unread)
    entries = {name: np.arange(value.numel()).reshape(value.shape) for name, value in tensors.items()}
    for (name, axis), indices in left.items():
        entries[name] = np.take(entries[name], indices, axis)
    kept = {name: mask.get(name, np.ones(value.shape, bool)).flatten() for name, value in tensors.items()}
    if not left or not all(kept[name][indices].all() for name, indices in entries.items()):
        return None
    trained = [name for name, value in module.named_parameters() if value.requires_grad]
    for name, indices in entries.items():
        kept[name][indices.ravel()] = False  # what is kept beside them is left
    aside = {name: np.flatnonzero(kept[name]) for name in trained}
    take_out(module, groups, unread)
    on_kernels = _way(task, module)
    if on_kernels is None:
        return None
    plain: Any = task  # a dataclass
    return Narrowed(replace(plain, module=module), _flat(entries), _flat(aside), on_kernels)


def _flat(indices: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(of.ravel()) for name, of in indices.items()}


def _unread(group: Group, mask: Tensors, axes_of: dict[str, int]) -> np.ndarray:
    """The units of a group whose columns are masked in all weights that read them; one stays."""
    _, columns = rows_and_columns(group, axes_of)
    if not columns or any(along.tensor not in mask for along in columns):
        return np.array([], int)
    units = np.arange(group.size)
    read = np.zeros(group.size, bool)
    for along in columns:
        kept = mask[along.tensor].swapaxes(0, 1)[along.entries(units)]
        read |= kept.reshape(group.size, -1).any(axis=1)
    return np.flatnonzero(~read)[not read.any() :]


def _way(task: Task, module: nn.Module) -> bool | None:
    """Whether a smaller module is computed by kernels; None where it is better not made smaller."""
    single = task.recipe.precision == "float32"
    if single and LinearNetwork.of(module):
        return False
    widest = max([layer.out_channels for layer in module.modules() if isinstance(layer, nn.Conv2d)], default=None)
    if widest is None or widest > NEAR:
        return False
    shape = task.input_shape
    networks = [read_network(of, shape) for of in (module, task.module)] if single else [None, None]
    if networks[0] is None or networks[1] is None:
        before, after = (sum(value.numel() for value in of.parameters()) for of in (task.module, module))
        return False if after <= FEWEST * before else None
    left, total = (_products(of, network) for of, network in zip((module, task.module), networks, strict=True))
    padded = -(-task.recipe.batch_size // LANES) * LANES
    return True if left * padded <= DENSEST * total * task.recipe.batch_size else None


def _products(module: nn.Module, network: ConvolutionNetwork | None) -> int:
    """Count the multiplications of one example."""
    assert network is not None
    return sum(
        prod(network.shapes[step.target][1:]) * module.get_parameter(step.weight).numel() for step in network.weighted
    )


# ---------------------------------------------------------------- what is looked at before


def _examples(task: Task) -> Tensor:
    (batch,) = task.sample_batches("validation", TRIED)
    return batch.inputs


@torch.no_grad()
def _computes_the_same(task: Task, narrow: Narrowed, mask: Tensors) -> bool:
    """Whether the smaller network has the masked one's outputs, in double precision and with random weights.

    Not with the present ones, which may have diverged: what is done with one replicate must not depend on others.
    """
    rng, inputs = random_generator(0, "narrow"), _examples(task)
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    values = {name: random_values(value, rng) for name, value in named_tensors(task.module)}
    whole = {name: torch.from_numpy(np.asarray(value * mask.get(name, 1))) for name, value in values.items()}
    small = {name: value[0] for name, value in narrow.tensors(whole).items()}
    try:
        with kept_torch_generators(), kept_generators():
            masked, left = (
                call(module.eval(), tensors, inputs.clone())
                for module, tensors in ((task.module, whole), (narrow.task.module, small))
            )
    except Exception:  # whatever a user's module does that smaller layers or double precision do not survive
        return False
    return bool((masked - left).abs().max() <= TOLERANCE * (1 + masked.abs().max()))


@torch.no_grad()
def _draws(task: Task, weights: Mapping[str, Tensor]) -> bool:
    """Whether the module draws random numbers in training."""
    with kept_torch_generators(), kept_generators():
        before = _generators()
        call(task.module.train(), {name: value.clone() for name, value in weights.items()}, _examples(task).clone())
        return before != _generators()


def _generators() -> tuple[Any, ...]:
    numpy: Any = np.random.get_state(legacy=False)
    states = (torch.get_rng_state().numpy(), numpy["state"]["key"])
    return *(state.tobytes() for state in states), numpy["state"]["pos"], repr(random.getstate())
