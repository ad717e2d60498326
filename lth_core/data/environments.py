"""Environments: what policies act in, by gymnasium's ids, and what is known of each."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lth_core.data.splits import DataError
from lth_core.metrics import counted
from lth_core.registry import one_line, suggestion

if TYPE_CHECKING:
    import gymnasium
    import numpy as np


@dataclass(frozen=True)
class Environment:
    """An environment whose observations are numbers, and whose actions are few. `source` says in captions what it is.

    It has no examples: these are made by the policy that is trained. Its splits are disjoint sets of episodes.
    """

    id: str
    """Its id in gymnasium's registry."""
    features: int
    """How many numbers one observation is."""
    actions: int
    """How many actions there are to choose from."""
    max_episode_steps: int
    """The time limit: episodes that have not ended are cut after this many steps."""
    source: str

    kind: ClassVar[str] = "environment"

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays of the data file: there are no examples to keep."""
        return {}

    def facts(self) -> dict[str, Any]:
        """Return the header of the data file."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Environment:
        """Read what `facts` returned, from the header of a data file."""
        return cls(*(facts[name] for name in ("id", "features", "actions", "max_episode_steps", "source")))


def find_environment(id: str) -> Environment:
    """Make an environment once, to see what it is.

    Raises DataError where it is unknown, lacks a package, or is not one that a policy of few actions can be trained in.
    """
    made = make(id)
    try:
        return _described(id, made)
    finally:
        made.close()


def _described(id: str, made: gymnasium.Env[Any, Any]) -> Environment:
    from gymnasium.spaces import Box, Discrete

    observations, actions, limit = made.observation_space, made.action_space, made.spec and made.spec.max_episode_steps
    if not isinstance(actions, Discrete):
        raise _refused(id, f"its actions are {_continuous(actions)}, and must be Discrete")
    if not isinstance(observations, Box) or len(observations.shape) != 1:
        raise _refused(id, f"its observations are {_short(observations)}, and must be a flat Box: one row of numbers")
    if limit is None:
        raise _refused(id, "it has no time limit, so an episode may never end: register it with max_episode_steps")
    if made.spec and made.spec.nondeterministic:
        raise _refused(id, "its seed does not determine its episodes (nondeterministic=True)")
    features, count = int(observations.shape[0]), int(actions.n)
    maker = "" if id.startswith("lth/") else "gymnasium's "
    source = (
        f"{maker}{id}: {counted(features, 'features')}, {counted(count, 'actions')}, at most {counted(limit, 'steps')}"
    )
    return Environment(id, features, count, limit, source)


def _refused(id: str, why: str) -> DataError:
    return DataError(f"environment '{id}' cannot be used: {why}")


def _continuous(space: object) -> str:
    return ("continuous: " if type(space).__name__ == "Box" else "") + _short(space)


def _short(space: object) -> str:
    """A space as gymnasium writes it, on one line and without long bounds: Box(3,), Tuple(Discrete(32), ...)."""
    shape = getattr(space, "shape", None)
    return f"Box{shape}" if type(space).__name__ == "Box" else " ".join(str(space).split())[:80]


def make(id: str) -> gymnasium.Env[Any, Any]:
    """Make an environment by its id, with its time limit. Raises DataError where that cannot be."""
    import gymnasium

    from lth_core.data import swing_up  # with gymnasium

    swing_up.register()
    if id not in gymnasium.registry:
        near = suggestion(id, gymnasium.registry) or ";"
        raise DataError(
            f"unknown environment '{id}'{near} gymnasium.pprint_registry() lists those that there are, "
            "and a plugin can import or register others"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is a later version: results are those of this one
            return gymnasium.make(id, disable_env_checker=True)
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:  # gymnasium's say what to install
        raise DataError(f"environment '{id}' needs a package that is not installed: {_said(error)}") from error
    except Exception as error:  # anyone's environment may fail in any way
        raise DataError(f"environment '{id}' cannot be made: {one_line(error)}") from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())
