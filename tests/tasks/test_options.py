"""The options of objectives that decide about a task's episodes."""

from __future__ import annotations

import pytest

from lth_core import registry
from lth_core.config import Choice
from lth_core.tasks.objectives import actor_critic  # noqa: F401 (registers it)
from lth_core.tasks.options import DEFAULTS, option_of_episodes


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an objective with one of the two options."""
    monkeypatch.setitem(registry.objective._functions, "mine", lambda outputs, batch, evaluation_episodes=7: {})
    return "mine"


def test_the_config_decides() -> None:
    assert option_of_episodes(Choice.of("actor-critic", discount=0.5), "discount") == 0.5


def test_without_it_the_default_of_the_objective_holds(mine: str) -> None:
    assert option_of_episodes(Choice(name=mine), "evaluation_episodes") == 7


def test_an_objective_without_the_option_has_a_default(mine: str) -> None:
    assert option_of_episodes(Choice(name=mine), "discount") == DEFAULTS["discount"]


def test_defaults_are_those_of_the_built_in_one() -> None:
    options = registry.objective.options("actor-critic")
    assert {name: options[name].default for name in DEFAULTS} == DEFAULTS
