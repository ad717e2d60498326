"""Environments: what is known of them before anything runs, and which are refused, in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete

from lth_core.config import Choice
from lth_core.data.environments import Environment, find_environment
from lth_core.data.facts import known_facts
from lth_core.data.splits import DataError
from lth_core.registry import dataset
from lth_core.storage.tensors import read_header, read_tensors, write_tensors
from tests.support.policies import register

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "features", "actions"), [("cartpole", 4, 2), ("acrobot", 6, 3)])
def test_short_names_say_at_registration_what_their_environments_are(name: str, features: int, actions: int) -> None:
    environment = dataset.call(name, {}, {})
    assert (environment.features, environment.actions, environment.max_episode_steps) == (features, actions, 500)
    known = known_facts(Choice(name=name))
    assert (known["features"], known["actions"]) == (features, actions)


def test_any_environment_is_known_by_its_id() -> None:
    choice = Choice.model_validate({"name": "gymnasium", "id": "MountainCar-v0"})
    known = known_facts(choice)
    environment = dataset.call("gymnasium", {"root": "data"}, choice.options)
    assert (known["features"], known["actions"]) == (environment.features, environment.actions) == (2, 3)
    assert environment.source == "gymnasium's MountainCar-v0: 2 features, 3 actions, at most 200 steps"


def test_the_data_file_holds_facts_alone(tmp_path: Path) -> None:
    environment = find_environment("CartPole-v1")
    write_tensors(tmp_path / "data.safetensors", environment.tensors(), environment.facts())
    header = read_header(tmp_path / "data.safetensors")
    assert header == json.loads(json.dumps(environment.facts())) and header["kind"] == "environment"
    assert read_tensors(tmp_path / "data.safetensors") == {}
    assert Environment.from_facts(header | {"provenance": {}}) == environment


def refusal(id: str) -> str:
    with pytest.raises(DataError) as caught:
        known_facts(Choice.model_validate({"name": "gymnasium", "id": id}))
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(("id", "meant"), [("CartPole", "CartPole-v1"), ("LunarLander-v2", "LunarLander-v3")])
def test_an_unknown_id_is_one_line_that_suggests_the_nearest(id: str, meant: str) -> None:
    assert refusal(id).startswith(f"unknown environment '{id}'; did you mean '{meant}'?")


def test_an_id_like_no_other_has_no_suggestion() -> None:
    assert refusal("nonsense").startswith("unknown environment 'nonsense'; gymnasium.pprint_registry() lists")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Box2D", None)
    monkeypatch.setitem(sys.modules, "jax", None)
    for module in [name for name in sys.modules if name.startswith(("gymnasium.envs.box2d", "gymnasium.envs.phys2d"))]:
        monkeypatch.delitem(sys.modules, module)
    assert "needs a package that is not installed: Box2D" in refusal("LunarLander-v3")
    assert 'pip install "gymnasium[box2d]"' in refusal("LunarLander-v3")
    assert "needs a package that is not installed: " in refusal("phys2d/CartPole-v1")


def test_continuous_actions_are_refused() -> None:
    line = refusal("Pendulum-v1")
    assert line == "environment 'Pendulum-v1' cannot be used: its actions are continuous: Box(1,), and must be Discrete"


def test_several_actions_at_once_are_refused() -> None:
    register("tests/Several-v0", action_space=MultiDiscrete([2, 2]))
    assert "its actions are MultiDiscrete([2 2]), and must be Discrete" in refusal("tests/Several-v0")


@pytest.mark.parametrize(
    ("id", "space", "seen"), [("Picture", Box(0, 1, (3, 8, 8)), "Box(3, 8, 8)"), ("Number", Discrete(7), "Discrete(7)")]
)
def test_observations_other_than_a_row_of_numbers_are_refused(id: str, space: object, seen: str) -> None:
    register(f"tests/{id}-v0", space=space)
    assert refusal(f"tests/{id}-v0").endswith(
        f"its observations are {seen}, and must be a flat Box: one row of numbers"
    )


def test_episodes_that_may_never_end_are_refused() -> None:
    register("tests/Endless-v0", limit=None)
    assert "no time limit, so an episode may never end: register it with max_episode_steps" in refusal(
        "tests/Endless-v0"
    )


def test_episodes_that_a_seed_does_not_determine_are_refused() -> None:
    register("tests/Moody-v0", nondeterministic=True)
    assert "its seed does not determine its episodes" in refusal("tests/Moody-v0")


def test_an_older_version_is_used_as_it_is(recwarn: pytest.WarningsRecorder) -> None:
    assert find_environment("CartPole-v0").max_episode_steps == 200
    assert not recwarn.list


def test_gymnasium_waits_until_an_environment_is_made() -> None:
    code = """
import sys
from lth_core.config import Choice
from lth_core.data.facts import known_facts
import lth_core.data.sets.control, lth_core.tasks.objectives.actor_critic
assert known_facts(Choice(name="cartpole"))["actions"] == 2
assert not {"gymnasium", "torch"} & sys.modules.keys(), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
