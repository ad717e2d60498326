"""theta_0: parameters and buffers of a network as its seed draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lth_core.config import Initialization
from lth_core.models.layers import PRUNABLE_LAYERS
from lth_core.models.requirements import require
from lth_core.models.tensors import stored_tensors
from lth_core.randomness import kept_generators, seed_generators, torch_seed
from lth_core.storage.tensors import Tensors

Factory = Callable[[], nn.Module]
WHOLE_NUMBERS = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
"""What buffers may hold besides float32."""


def initialize(
    factory: Factory, settings: Initialization, seed: int, purpose: str = "init", *index: int | str
) -> dict[str, np.ndarray]:
    """Draw one replicate's parameters and buffers, by their names, from the key (seed, purpose, index).

    See `build`. What layers share comes once.
    """
    module = build(factory, settings, seed, purpose, *index)
    return {name: tensor.detach().numpy() for name, tensor in stored_tensors(module).items()}


def build(factory: Factory, settings: Initialization, seed: int, purpose: str = "init", *index: int | str) -> nn.Module:
    """Build one replicate's module with the weights that the key (seed, purpose, index) draws.

    Only this key decides the bits; the global generators of torch, NumPy and Python are left as they were. What is
    frozen, what is computed from other parameters (weight norm) and layers that are not convolutions, linear or batch
    norm keep what the module draws for itself, and with `as-built` all layers do. Raises ModelError for a factory that
    does not return a module of float32 tensors (buffers may also be integers or booleans) on the CPU.
    """
    with torch.random.fork_rng(devices=[]), kept_generators(), torch.device("cpu"):
        # Not torch.manual_seed, which would reseed the GPUs as well.
        torch.default_generator.manual_seed(torch_seed(seed, purpose, *index))
        seed_generators(torch_seed(seed, purpose, *index))
        module = factory()
        require(isinstance(module, nn.Module), f"a model factory must return a torch.nn.Module, not {module!r:.80}")
        _check_tensors(module)
        # A key for this alone: the draw does not depend on what the constructor drew or seeded.
        torch.default_generator.manual_seed(torch_seed(seed, purpose, *index, "distribution"))
        with torch.no_grad():
            _draw(module, settings)
    return module


def initialize_cohort(factory: Factory, settings: Initialization, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Draw the parameters and buffers of every seed as `initialize` does, stacked: tensors (R, ...) by name."""
    replicates = [initialize(factory, settings, seed) for seed in seeds]
    return {name: np.stack([replicate[name] for replicate in replicates]) for name in replicates[0]}


def take(drawn: Tensors, trained: Tensors) -> list[str]:
    """Replace drawn tensors (R, ...) in place by trained ones of the same name, shape and type, and name these.

    Raises ModelError when no weight matrix is among them: another kind of network may have the biases of this one.
    """
    taken = sorted(
        name
        for name, value in drawn.items()
        if name in trained and (trained[name].shape, trained[name].dtype) == (value.shape, value.dtype)
    )
    require(
        any(drawn[name].ndim > 2 for name in taken),
        "none of its weight matrices has the name and the shape of one here; give both tasks the same network",
    )
    drawn |= {name: trained[name] for name in taken}
    return taken


def _check_tensors(module: nn.Module) -> None:
    parameters = dict(module.named_parameters())
    for name, tensor in module.state_dict(keep_vars=True).items():
        require(isinstance(tensor, Tensor), f"model: '{name}' is extra state, which is not stored: use buffers instead")
        require(not nn.parameter.is_lazy(tensor), f"model: '{name}' has no shape yet; lazy layers do not work here")
        allowed = (torch.float32,) if name in parameters else (torch.float32, *WHOLE_NUMBERS)
        what = f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
        require(
            tensor.dtype in allowed and tensor.device.type == "cpu",
            f"model: '{name}' is {what}, but networks are built as float32 on the CPU; drop .double(), .half(), .to()",
        )


def _draw(module: nn.Module, settings: Initialization) -> None:
    for layer in module.modules():
        trained = {
            name: value for name, value in layer._parameters.items() if value is not None and value.requires_grad
        }
        if "weight" not in trained:
            continue
        weight, bias = trained["weight"], trained.get("bias", torch.empty(0))
        if isinstance(layer, PRUNABLE_LAYERS) and settings.weights == "glorot-normal":
            nn.init.xavier_normal_(weight)
            nn.init.zeros_(bias)
        elif isinstance(layer, PRUNABLE_LAYERS) and settings.weights == "kaiming-normal":
            nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(layer, _BatchNorm) and settings.batchnorm != "as-built":
            if settings.batchnorm == "uniform":
                nn.init.uniform_(weight)
            else:
                nn.init.ones_(weight)
            nn.init.zeros_(bias)
