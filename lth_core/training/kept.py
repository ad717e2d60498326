"""What a module keeps in Python besides the tensors that are stored of it, at one moment, and how to put it back.

Followed are attributes, containers, plain objects, and of functions the variables that they close over, their defaults
and the global variables that they name; of classes what they hold. Libraries are not looked into.
"""

from __future__ import annotations

import functools
import random
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lth_core.models.tensors import stored_tensors

LIMIT = 20_000
"""Objects that are looked into; what lies deeper is not seen."""
LIBRARIES = {*sys.stdlib_module_names, "torch", "torchvision", "numpy", "scipy", "lth_core"}
NUMBERS = int | float | complex | np.generic
ATOMS = NUMBERS | str | bytes | None | Tensor | np.ndarray
CONTAINERS = dict | list | deque | set
SEEN_ELSEWHERE = {"_parameters", "_buffers", "_modules", "training"}
"""Attributes of modules: dictionaries whose entries are named like attributes, and what `train` and `eval` set."""


class Variables:
    """Attributes of an object, or the global variables that a function names."""

    def __init__(self, mapping: dict[str, Any], names: Iterable[str] | None = None):
        self.mapping, self.names = mapping, names

    def read(self) -> dict[str, Any]:
        names = self.mapping if self.names is None else self.names
        return {name: self.mapping[name] for name in names if name in self.mapping and name not in SEEN_ELSEWHERE}

    def write(self, content: Mapping[str, Any]) -> None:
        for name in self.read().keys() - content.keys():
            del self.mapping[name]
        self.mapping.update(content)


class Kept:
    """All that can be reached from a module besides its stored tensors, as it is when this is made.

    `values` maps a path (`norm.momentum`, `seen[0]`, `forward.calls`) to what is there: a number, a copy of a tensor,
    or what stands for anything else. `len(...)` of a path is the length of a container.
    """

    def __init__(self, module: nn.Module):
        self.values: dict[str, Any] = {}
        self.slots: dict[str, tuple[Any, Any]] = {}
        """Path -> the object that holds the value, and under which key."""
        self._contents: list[tuple[Any, dict[Any, Any]]] = []
        self._copies: list[tuple[Tensor | np.ndarray, Any]] = []
        stored = {id(tensor) for tensor in (*stored_tensors(module).values(), *module.parameters())}
        queue, seen = deque([("", module)]), set(stored)
        while queue and len(self._contents) < LIMIT:
            path, holder = queue.popleft()
            if id(holder) in seen:
                continue
            seen.add(id(holder))
            for label, part, content in _parts(holder):
                self._contents.append((part, content))
                if isinstance(part, CONTAINERS) and not label:
                    self._add(f"len({path})", len(part), part, None)
                for key, value in content.items():
                    if id(value) in stored:
                        continue
                    name = f"{path}[{key!r}]" if not label else f"{path}.{key}".strip(".")
                    if _is_atom(value):
                        self._add(name, self._copy(value), part, key)
                    elif _is_followed(value):
                        self._add(name, type(value), part, key)
                        queue.append((name, value))
                    else:
                        self._add(name, Opaque(value), part, key)

    def _add(self, path: str, value: Any, holder: Any, key: Any) -> None:
        self.values.setdefault(path, value)
        self.slots.setdefault(path, (holder, key))

    def _copy(self, value: Any) -> Any:
        if not isinstance(value, Tensor | np.ndarray):
            return value
        copy = value.detach().clone() if isinstance(value, Tensor) else value.copy()
        self._copies.append((value, copy))
        return copy

    def differing(self, other: Kept) -> list[str]:
        """List the paths that hold something else in the other, or nothing."""
        paths = dict.fromkeys((*self.values, *other.values))
        return [path for path in paths if not same(self.values.get(path, Kept), other.values.get(path, Kept))]

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back in place."""
        for part, content in self._contents:
            if not _identical(_read(part), content):
                _write(part, content)
        for value, copy in self._copies:
            if not same(value, copy):
                value.copy_(copy) if isinstance(value, Tensor) else np.copyto(value, copy)

    def put(self, path: str, number: int) -> None:
        """Put a number in the place of a value: as a value of its kind, or of a container as its length."""
        holder, key = self.slots[path]
        if key is None and isinstance(holder, CONTAINERS):
            _resize(holder, number)
        else:
            _write(holder, _read(holder) | {key: of_kind(self.values[path], number)})


class Opaque:
    """What stands for an object that is not looked into: itself, and what it says of itself."""

    def __init__(self, value: Any):
        self.value, self.said = value, _said(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self.value is other.value and same(self.said, other.said)

    __hash__ = None  # type: ignore[assignment]


def same(first: Any, second: Any) -> bool:
    """Tell whether two values are equal; of tensors and arrays, whether all elements are."""
    if type(first) is not type(second) and not (isinstance(first, Tensor) and isinstance(second, Tensor)):
        return False
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, Tensor):
        if first.shape != second.shape or first.dtype != second.dtype or first.device != second.device:
            return False
        first, second = first.detach(), second.detach()
        try:
            return torch.equal(first, second) or torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)
        except (RuntimeError, NotImplementedError):  # sparse or quantized, for example
            return first is second
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=first.dtype.kind in "fc")
    return bool(first is second or first == second or (first != first and second != second))


def of_kind(value: Any, number: int) -> Any:
    """Make a value like another one out of a number; what is no number stays as it is."""
    if isinstance(value, tuple):
        parts = [of_kind(part, number) for part in value]
        return value._make(parts) if hasattr(value, "_make") else tuple(parts)  # pyright: ignore
    if isinstance(value, Tensor):
        filled = torch.full(value.shape, float(number)).to(value.device, value.dtype)
        return value.logical_not() if value.dtype == torch.bool else filled
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in "biufc":
            return value
        filled = np.full(value.shape, float(number)).astype(value.dtype)
        return (np.logical_not(value) if value.dtype.kind == "b" else filled)[()]
    if isinstance(value, bool):
        return not value
    return type(value)(number) if isinstance(value, NUMBERS) else value


# ---------------------------------------------------------------- objects


def _parts(holder: Any) -> Iterator[tuple[bool, Any, dict[Any, Any]]]:
    """Go through what an object consists of: whether its entries are named like attributes, the part, its content."""
    if isinstance(holder, types.FunctionType):
        for name, cell in zip(holder.__code__.co_freevars, holder.__closure__ or (), strict=True):
            if content := _read(cell):
                yield True, cell, {name: content[""]}
        yield True, (attributes := Variables(vars(holder))), attributes.read()
        yield True, holder.__defaults__, dict(enumerate(holder.__defaults__ or ()))
        yield True, holder.__kwdefaults__ or {}, dict(holder.__kwdefaults__ or {})
        yield True, (named := Variables(holder.__globals__, [*_names(holder.__code__)])), named.read()
    elif isinstance(holder, types.MethodType | staticmethod | classmethod):
        yield True, None, {"": holder.__func__, "self": getattr(holder, "__self__", None)}
    elif isinstance(holder, functools.partial):
        yield True, None, {"func": holder.func, "args": holder.args, **holder.keywords}
    elif isinstance(holder, property):
        yield True, None, {"": holder.fget}
    elif isinstance(holder, CONTAINERS | tuple):
        yield False, holder, _read(holder)
    elif isinstance(holder, type):
        yield True, holder, _read(holder)
    else:
        attributes = vars(holder)
        if isinstance(holder, nn.Module):
            tensors = [attributes[name] for name in SEEN_ELSEWHERE if isinstance(attributes.get(name), dict)]
            yield from ((True, part, dict(part)) for part in tensors)
        yield True, (named := Variables(attributes)), named.read()
        yield True, None, {"": type(holder)}
        yield from ((True, None, {"": base}) for base in type(holder).__mro__[1:-1])


def _read(part: Any) -> dict[Any, Any]:
    """Content of a part by key."""
    if isinstance(part, types.CellType):
        try:
            return {"": part.cell_contents}
        except ValueError:  # it is empty
            return {}
    if isinstance(part, Variables):
        return part.read()
    if isinstance(part, type):
        return {name: value for name, value in vars(part).items() if not (name.startswith("__") and name != "__call__")}
    if isinstance(part, dict):  # as it is stored: a class of its own may give out something else
        return dict(dict.items(part))
    return dict(enumerate(part)) if isinstance(part, list | deque | set | tuple) else {}


def _write(part: Any, content: Mapping[Any, Any]) -> None:
    """Give a part a content; what cannot be changed stays."""
    if isinstance(part, types.CellType):
        *_, part.cell_contents = content.values()
    elif isinstance(part, Variables):
        part.write(content)
    elif isinstance(part, type):
        for name in _read(part).keys() - content.keys():
            delattr(part, name)
        for name, value in content.items():
            if vars(part).get(name) is not value:
                setattr(part, name, value)
    elif isinstance(part, dict):
        part.clear()
        part.update(content)
    elif isinstance(part, CONTAINERS):
        part.clear()
        part.update(content.values()) if isinstance(part, set) else part.extend(content.values())  # pyright: ignore


def _resize(container: Any, length: int) -> None:
    """Give a container another length, up to 1000, repeating what it has."""
    length, values = min(length, 1000), list(_read(container).values()) or [0]
    if isinstance(container, dict):
        content = {**container, **{object(): values[-1] for _ in range(length - len(container))}} if length else {}
        _write(container, content)
    elif isinstance(container, set):
        _write(container, dict(enumerate(range(length))))
    else:
        _write(container, {index: values[index % len(values)] for index in range(length)})


def _is_atom(value: Any) -> bool:
    return isinstance(value, ATOMS) or (isinstance(value, tuple) and all(map(_is_atom, value)))


def _is_followed(value: Any) -> bool:
    if isinstance(value, CONTAINERS | tuple | nn.Module | functools.partial | types.SimpleNamespace | types.MethodType):
        return True
    if isinstance(value, staticmethod | classmethod | property):
        return True
    named = value if isinstance(value, type | types.FunctionType) else type(value)
    if str(named.__module__).partition(".")[0] in LIBRARIES:
        return False
    return isinstance(value, type | types.FunctionType) or hasattr(value, "__dict__")


def _identical(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> bool:
    return list(first) == list(second) and all(value is second[key] for key, value in first.items())


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _said(value: Any) -> Any:
    """What an object says of itself, of generators of random numbers their state."""
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState | random.Random):
        return repr(value.get_state() if isinstance(value, np.random.RandomState) else value.getstate())
    if isinstance(value, type | types.ModuleType | types.FunctionType) or type(value).__repr__ is object.__repr__:
        return None
    try:
        return repr(value)
    except Exception:  # of any type: it is the user's code
        return None
