"""What a parametrization is: tensors that are trained in place of a network's weights while a mask is looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from lth_core.registry import kind_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    from lth_core.pruning.prune import Left

    Weights = Mapping[str, Tensor]


class ParametrizationError(ValueError):
    """A parametrization that cannot be used, or returns what the search cannot go on with, in one line."""


@dataclass(frozen=True, kw_only=True)
class Parametrization:
    """One way of looking for masks. All methods see one replicate; `weights` are all of its parameters, by name.

    The search computes the loss at `effective(...)`, whose gradient goes on to what is trained by autograd, so that a
    parametrization says nothing of networks, optimizers and schedules.
    """

    layers: tuple[str, ...]
    """The weights that get a mask, in network order."""
    left: Left
    """How many of them the level keeps: of all layers together, of each, or of several that are ranked together."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """The kind of weight of each layer."""
    remaining: Weights | None = None
    """The mask of the level before, which the level's is part of; None: the dense network's."""
    trains_weights: ClassVar[bool] = False
    """Whether weights are trained together with their masks. Then the network as it is trained is evaluated, and the
    mask is that of the step where it is best on the validation split; otherwise subnetworks are, and it is the last."""

    def start(self, weights: Weights, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the tensors to train, as they start: float32, on the device of the weights."""
        raise NotImplementedError

    def effective(self, weights: Weights, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Compute the parameters that the module is called with in a training step; those left out are the weights.

        `draw` depends on the seed and the step alone.
        """
        raise NotImplementedError

    def penalty(self, trained: Weights) -> Tensor | None:
        """Compute what is added to the loss, if anything."""
        return None

    def mask(self, trained: Weights, draw: Generator) -> dict[str, Tensor]:
        """Choose the weights to keep: booleans of the layers' shapes. `draw` depends on the seed alone."""
        raise NotImplementedError

    def without_effect(self) -> dict[str, str]:
        """Name the options that change nothing for these layers, each with the reason."""
        return {}

    def subnetwork(self, weights: Weights, mask: Weights) -> dict[str, Tensor]:
        """Compute the layers' weights of the network that is found, which is not trained further."""
        return {name: weights[name] * kept for name, kept in mask.items()}


def straight_through(mask: Tensor, probability: Tensor) -> Tensor:
    """Return the values of `mask` with the gradient of `probability` (Bengio et al. 2013, section 4)."""
    return probability + (mask - probability).detach()


def try_out(name: str, parametrization: Parametrization, weights: Weights, rng: np.random.Generator) -> None:
    """Start with one replicate's parameters and check all that is returned. Raises ParametrizationError."""
    import torch

    layers, draw = parametrization.layers, torch.Generator()
    trained = parametrization.start(weights, rng)
    check_tensors(name, "what it trains", trained, None, "float32")
    effective = parametrization.effective(weights, trained, draw)
    check_tensors(name, "effective weights", effective, {key: value.shape for key, value in weights.items()}, "float32")
    shapes = {key: weights[key].shape for key in layers}
    check_tensors(name, "mask", parametrization.mask(trained, draw), shapes, "bool", needed=layers)


def check_tensors(
    name: str, what: str, returned: Any, shapes: Mapping[str, Any] | None, dtype: str, needed: Iterable[str] = ()
) -> None:
    """Check that tensors have the type, and names and shapes as in `shapes`, if given. Raises ParametrizationError."""
    if not isinstance(returned, Mapping):
        raise ParametrizationError(f"parametrization '{name}': {what} must be tensors by name, not {kind_of(returned)}")
    if shapes is None:
        shapes = {key: getattr(value, "shape", ()) for key, value in returned.items()}
    unknown, missing = sorted(returned.keys() - shapes.keys()), sorted(set(needed) - returned.keys())
    if unknown or missing:
        problem = f"'{unknown[0]}' is no parameter here" if unknown else f"'{missing[0]}' is missing"
        raise ParametrizationError(f"parametrization '{name}': {what}: {problem}")
    for key, value in returned.items():
        wanted, shape = tuple(shapes[key]), tuple(getattr(value, "shape", ()))
        kind = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
        if (shape, kind) != (wanted, dtype):
            raise ParametrizationError(
                f"parametrization '{name}': {what} of '{key}' must be {dtype} of shape {wanted}, not {kind} of {shape}"
            )
