"""Names of the config -> functions: models, data sets, transforms, objectives, criteria, sparsifiers,
parametrizations, treatments and studies.

A user adds one decorated function in a module of their own and lists the module under `plugins` in the config.
A registered function is called with the arguments that its signature names: what the pipeline offers
(`mask`, `rng`, ...) plus the options given in the config.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

Registered = TypeVar("Registered", bound=Callable[..., Any])


def suggestion(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`"; did you mean 'x'?"` for the nearest known name, or an empty string when nothing is near."""
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)
    return f"; did you mean '{nearest[0]}'?" if nearest else ""


def one_line(error: BaseException) -> str:
    """Write what an error of anyone's code says as one line: its type and its message."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def kind_of(value: Any) -> str:
    """Say what anyone's code returned: nothing, a list of 3, an array with its type and shape, ..."""
    if value is None:
        return "nothing"
    if type(value).__name__ == "ndarray":
        return f"an array ({value.dtype}, shape {value.shape})"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, tuple | list | dict) else "")


class UnknownName(ValueError):
    """A name that no function is registered under; the message lists the known names."""

    def __init__(self, noun: str, name: str, known: Iterable[str]):
        names = sorted(known)
        super().__init__(f"unknown {noun} '{name}'{suggestion(name, names)} (known: {', '.join(names) or 'none'})")


class PluginError(ValueError):
    """A function of a plugin that failed; one line: which, where and how."""


class Registry:
    """Functions by name. Calling the registry with a name gives the decorator that registers under it.

    `offered` are the argument names that the pipeline itself supplies; all others are options of the config.
    """

    def __init__(
        self,
        noun: str,
        offered: Iterable[str],
        fact_names: Iterable[str] = (),
        retired: Mapping[str, str] | None = None,
    ):
        """`fact_names`: what may be said of a function where it is registered, see `facts`.

        `retired`: former names of offered arguments (of a class: of its methods) -> their names today.
        """
        self.noun = noun
        self.offered = frozenset(offered)
        self.fact_names = frozenset(fact_names)
        self.retired = dict(retired or {})
        self._functions: dict[str, Callable[..., Any]] = {}
        self._facts: dict[str, dict[str, Any]] = {}

    def __call__(self, name: str, **facts: Any) -> Callable[[Registered], Registered]:
        if not isinstance(name, str) or not name:
            mine = getattr(name, "__name__", "my").strip("<>").replace("_", "-")
            raise ValueError(f'write @{self.noun.replace(" ", "")}("{mine}"), with the name that configs use')
        for fact in facts.keys() - self.fact_names:
            near = suggestion(fact, self.fact_names) or f" (known: {', '.join(sorted(self.fact_names)) or 'none'})"
            raise ValueError(f"{self.noun} '{name}' is registered with '{fact}', which nothing reads{near}")

        def register(function: Registered) -> Registered:
            known = self._functions.get(name)
            if known is not None and (known.__module__, known.__qualname__) != (
                function.__module__,
                function.__qualname__,
            ):
                raise ValueError(
                    f"{self.noun} '{name}' is registered twice: by {known.__module__} and {function.__module__}"
                )
            for old in self.retired.keys() & _needed_names(function):
                raise ValueError(f"{self.noun} '{name}': rename '{old}', which is called '{self.retired[old]}' now")
            self._functions[name] = function
            self._facts[name] = facts
            return function

        return register

    def names(self) -> list[str]:
        return sorted(self._functions)

    def get(self, name: str) -> Callable[..., Any]:
        """The function registered under `name`; raises UnknownName."""
        if name not in self._functions:
            raise UnknownName(self.noun, name, self._functions)
        return self._functions[name]

    def facts(self, name: str) -> dict[str, Any]:
        """What is known before the function is called, as said at registration.

        Of a data set its `kind` (images unless it says so), `train_examples`, `input_shape`, `classes` and the like,
        whether any plugin may have a part in it (`of_any_plugin`), and how to `look` for what it reads before jobs
        start; of an objective the kind of `data` that it takes, its `metrics` and how images are drawn (`generates`);
        of a transform how it `changes` facts, of a model `least_side`, whether it takes images of `any_size` and is
        built with weights that are `pretrained`, of a study when its paper was `published` (year-month); of a criterion
        at which step it looks unless the config says so (`prune_at`), in how many rounds (`iterations`), whether it
        needs `inputs` that are numbers, whether its scores may be below 0 (`signed`), and how many forward passes an
        example costs it (`passes`: unless it says so 3, those of a gradient; a Hessian product costs 9, the gradient
        and twice as many to go back through it); of a sparsifier whether training starts `dense`, whether a change
        takes a `dense_gradient` and whether it counts `epochs`; of a parametrization whether its masks keep as many
        weights as a level asks for (`exact`), whether steps of a search use these weights alone (`masked`), and whether
        a search may go on from the mask of the level before (`nested`); of a treatment whether it needs weights that
        are drawn anew (`fresh`); of all but studies the files that they read (`reads`).
        """
        self.get(name)
        return self._facts[name]

    def reads(self, name: str, options: Mapping[str, Any]) -> list[str]:
        """The files, besides data sets, that the function reads with these options: said at registration (`reads`).

        That is a list of paths, or a function of the options that returns one. Raises PluginError when it is neither.
        """
        declared, says = self.facts(name).get("reads", ()), f"{self.noun} '{name}': its `reads`"
        if callable(declared):
            try:
                declared: Any = declared(**options)
            except Exception as error:  # a plugin may fail in any way
                raise PluginError(f"{says} failed{failure(declared, error)}") from error
        if isinstance(declared, str) or not isinstance(declared, Iterable):
            raise PluginError(f"{says} must be a list of paths, or return one (got {declared!r:.60})")
        return [str(path) for path in declared]

    def options(self, name: str) -> dict[str, inspect.Parameter]:
        """The config options that the function registered under `name` takes."""
        parameters = inspect.signature(self.get(name)).parameters
        return {key: parameter for key, parameter in parameters.items() if key not in self.offered}

    def uses(self, name: str, argument: str) -> bool:
        """Whether the function registered under `name` takes an argument that the pipeline offers."""
        return argument in inspect.signature(self.get(name)).parameters

    def call(self, name: str, offered: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        """Call the function with its options and with those offered arguments that its signature names.

        Raises PluginError when a function of a plugin fails, except by an error that lth_core defines.
        """
        function = self.get(name)
        wanted = _parameters(function)
        try:
            return function(**{key: value for key, value in offered.items() if key in wanted}, **options)
        except MemoryError:
            raise
        except Exception as error:  # a plugin may fail in any way
            if f"{function.__module__}.".startswith("lth_core.") or type(error).__module__.startswith("lth_core."):
                raise
            raise PluginError(f"{self.noun} '{name}' failed{failure(function, error)}") from error


def failure(function: Callable[..., Any], error: Exception) -> str:
    """Say in which line of its module a function failed, and how: " in my_lab.py, line 3: ..."."""
    path = getattr(sys.modules.get(function.__module__), "__file__", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    where = f" in {Path(path).name}, line {lines[-1]}" if path and lines else ""
    how = one_line(error)
    hint = "; what the pipeline gives is read-only: change a copy" if "read-only" in how else ""
    return f"{where}: {how}{hint}"


@cache
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function that may be called at every step of a training."""
    return inspect.signature(function).parameters


def _needed_names(function: Callable[..., Any]) -> set[str]:
    """The arguments that a function cannot do without; of a class, what it defines."""
    if isinstance(function, type):
        return set(vars(function))
    parameters = inspect.signature(function).parameters
    return {name for name, parameter in parameters.items() if parameter.default is parameter.empty}


model = Registry(
    "model",
    offered=[
        "classes",
        "input_shape",
        "vocabulary",
        "context",
        "padding_token",
        "features",
        "actions",
        "outputs",
        "graph",
    ],
    fact_names=["least_side", "any_size", "pretrained", "reads"],
)
dataset = Registry(
    "data set",
    offered=["root"],
    fact_names=[
        *("kind", "train_examples", "streamed", "classes", "input_shape", "vocabulary", "characters", "context"),
        *("padding", "features", "targets", "actions", "known", "watched", "look", "of_any_plugin", "reads"),
    ],
)
transform = Registry("transform", offered=["splits", "rng"], fact_names=["changes", "reads"], retired={"stream": "rng"})
criterion = Registry(
    "criterion",
    offered=["initial", "trained_from", "trained", "mask", "rng", "probe", "channels"],
    fact_names=["prune_at", "iterations", "inputs", "signed", "passes", "reads"],
    retired={"start": "trained_from", "stream": "rng"},
)
objective = Registry(
    "objective",
    offered=["outputs", "batch", "label_smoothing"],
    fact_names=["data", "metrics", "gradient", "generates", "reads"],
)
sparsifier = Registry("sparsifier", offered=["moment"], fact_names=["dense", "dense_gradient", "epochs", "reads"])
parametrization = Registry(
    "parametrization",
    offered=["layers", "left", "kinds", "remaining"],
    fact_names=["exact", "masked", "nested", "reads"],
)
treatment = Registry(
    "treatment",
    offered=["ticket", "checkpoints", "layers", "channels", "rng"],
    fact_names=["fresh", "reads"],
    retired={"stream": "rng"},
)
study = Registry("study", offered=[], fact_names=["published"], retired={"cells": "runs"})


def __getattr__(name: str) -> Any:
    if name == "branch":
        raise ImportError("'branch' is called 'treatment' now: from lth_core.registry import treatment")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
