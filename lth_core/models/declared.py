"""What modules declare: an attribute `prunable`, which maps names of their parameters to kinds of weights.

It decides about all parameters of the module, those of its layers included: these are prunable, frozen ones too, and no
others. Where a module inside declares something else, the outer one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from torch import nn

from lth_core.config.sections import Kind
from lth_core.models.requirements import require
from lth_core.registry import suggestion

KINDS: tuple[str, ...] = get_args(Kind)


def declared_kinds(module: nn.Module) -> tuple[dict[str, str], set[str]]:
    """Map what the parts of a module declare to its kinds, and list all parameters that they decide about.

    By name, those that are shared by their first one. Raises ModelError for a declaration that does not fit its module.
    """
    first = {id(parameter): name for name, parameter in module.named_parameters()}
    kinds: dict[str, str] = {}
    decided: set[str] = set()
    for path, part in _declaring(module):
        parameters = dict(part.named_parameters(remove_duplicate=False))
        decided |= {first[id(parameter)] for parameter in parameters.values()}
        for name, kind in _checked(f"`prunable` of {path or type(part).__name__}", part.prunable, parameters).items():
            kinds.setdefault(first[id(parameters[name])], kind)
    return kinds, decided


def _declaring(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Path and part of the outermost modules that declare something."""
    outer: list[str] = []
    for path, part in module.named_modules():
        inside = any(path.startswith(f"{other}.".lstrip(".")) for other in outer)
        if not inside and getattr(part, "prunable", None) is not None:
            outer.append(path)
            yield path, part


def _checked(what: str, declared: Any, parameters: Mapping[str, nn.Parameter]) -> dict[str, str]:
    require(
        isinstance(declared, Mapping),
        f"{what} must map names of parameters to kinds, such as {{'weight': 'hidden'}}, not {declared!r:.80}",
    )
    for name, kind in declared.items():
        near = suggestion(str(name), parameters)
        require(name in parameters, f"{what}: '{name}' is no parameter of it{near}")
        axes = parameters[name].ndim
        require(axes > 1, f"{what}: '{name}' has {axes} axis: only tensors of two or more axes can be pruned")
        near = suggestion(str(kind), KINDS)
        require(kind in KINDS, f"{what}: '{name}' must be one of the kinds {', '.join(KINDS)}, not '{kind}'{near}")
    return dict(declared)
