"""Whether methods name weights that the network which they prune has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from lth_core.config import Method
from lth_core.models.channels import ChannelsError, removable_channels
from lth_core.models.requirements import ModelError
from lth_core.pruning.allocation import AllocationError, check_allocation
from lth_core.pruning.channels import check_channels
from lth_core.pruning.exclusions import ExclusionError, check_rates, prunable
from lth_core.pruning.filters import FilterError, check_filters
from lth_core.pruning.fitting import PatternError, check_patterns
from lth_core.storage.tensors import Tensors


def check_prunable(task: str, layers: Mapping[str, str], methods: Iterable[str]) -> None:
    """Raise ModelError, with the key of the config, where methods prune a network that has nothing to prune."""
    if (names := sorted(methods)) and not layers:
        raise ModelError(
            f"tasks.{task}.model: its network has no weights that method '{names[0]}' could prune: no convolution or "
            "linear layer is trained, and no module declares other weights `prunable`"
        )


def check_methods(
    layers: Mapping[str, str],
    weights: Tensors,
    methods: Mapping[str, Mapping[str, Any]],
    removable: Collection[str] | None = None,
    without_filters: Mapping[str, str] | None = None,
    channels: Mapping[str, Any] | None = None,
) -> None:
    """Find mistakes before hours of training; the plan cannot, because it does not know the names of weights.

    `removable` are the layers whose filters can be taken out, None where that is not known; `without_filters` says of
    weights whose rows are no filters what they are; `channels` is what `listed_channels` returns. Raises
    AllocationError, ExclusionError, FilterError or PatternError with the key of the config.
    """
    sizes = {name: weights[name].shape[1] for name in layers}
    for name, settings in methods.items():
        method = Method(**settings)
        try:
            left = prunable(layers, method.exclude)
            check_rates(method, layers)
            if method.granularity == "filter":
                check_filters(method, left, sizes, removable, without_filters)
            if method.granularity == "channel":
                check_channels(method, left, channels or {})
                continue
            shapes = {name: weights[name].shape[1:] for name in left}
            if method.granularity in ("n-of-m", "block"):
                shapes = check_patterns(method, left, shapes, without_filters or {})
            check_allocation(method, left, shapes)
        except (AllocationError, ExclusionError, FilterError, PatternError) as error:
            raise type(error)(f"methods.{name}.{error}") from None


def listed_channels(module: nn.Module, input_shape: Sequence[int]) -> dict[str, Any]:
    """List the `groups` of channels that can be removed, or say the `reason` why none can."""
    try:
        return {"groups": removable_channels(module, input_shape)}
    except ChannelsError as error:
        return {"reason": str(error)}
