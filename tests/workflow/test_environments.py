"""Environments that a plugin registers with gymnasium, and returns that are no numbers, as snakemake runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import Project

PLUGIN = '''
import gymnasium
import numpy as np

from lth_core.registry import model


class Brittle(gymnasium.Env):
    """Ten steps, each of which brings the number of the action; some episodes break on the way."""

    observation_space = gymnasium.spaces.Box(-1, 1, (3,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, breaks):
        self.breaks = breaks

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.lasts = 0, self.np_random.random() < 0.95
        return self._seen(), {}

    def step(self, action):
        self.steps += 1
        broken = not self.lasts and self.steps > 3
        reward = np.nan if broken and self.breaks == "rewards" else float(action)
        return self._seen() * (np.nan if broken and self.breaks == "observations" else 1), reward, False, False, {}

    def _seen(self):
        return self.np_random.uniform(-1, 1, 3).astype(np.float32)


for what in ("rewards", "observations"):
    gymnasium.register(f"tests/Brittle-{what}-v0", Brittle, kwargs={"breaks": what}, max_episode_steps=10)


@model("of-positive-biases")
def of_positive_biases(features, outputs):
    """A linear policy, which is nan where its first bias is negative."""
    import torch
    from torch import nn

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = nn.Linear(features, outputs)

        def forward(self, inputs):
            return self.scores(inputs) + 0 * torch.log(self.scores.bias[0])

    return Policy()
'''

TASK = {
    "dataset": "unpaid",
    "model": {"name": "mlp", "hidden": [4]},
    "initialization": {"weights": "framework"},
    "objective": {"name": "actor-critic", "evaluation_episodes": 3},
    "train": {"optimizer": {"name": "sgd", "learning_rate": 1e-3}, "batch_size": 2, "steps": 20, "evaluate_every": 10},
    "cohorts": ["0-4"],
}
CONFIG = {
    "device": "cpu",
    "plugins": ["brittle"],
    "datasets": {
        "unpaid": {"source": {"name": "gymnasium", "id": "tests/Brittle-rewards-v0"}},
        "unseen": {"source": {"name": "gymnasium", "id": "tests/Brittle-observations-v0"}},
    },
    "tasks": {
        "unpaid": TASK,
        "unseen": TASK | {"dataset": "unseen"},
        "undecided": TASK | {"dataset": "cartpole", "model": "of-positive-biases"},
    },
    "methods": {"imp": {"levels": 1, "rate": 0.4}},
    "studies": {
        "frankle2019": {
            "tasks": dict.fromkeys(["unpaid", "unseen", "undecided"], "imp"),
            "controls": ["reinit"],
            "histogram_levels": [],
            "one_shot": False,
            "continued": False,
        }
    },
}


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("brittle"), finished.folder)
    (project.folder / "brittle.py").write_text(PLUGIN)
    (project.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    project.run()
    return project


def lost(project: Project, task: str) -> set[int]:
    """The seeds whose dense run has ended as no number, of which all splits are none from then on."""
    history = pd.read_csv(project.folder / f"results/{task}/0-4/dense/history.csv")
    assert len(history) == 3 * 5 * 3  # to the end, whatever happens
    unknown = history[["loss", "return", "median_return"]].isna()
    assert (unknown.any(axis=1) == unknown.all(axis=1)).all()
    return {*history[unknown["loss"] & (history["step"] == 20)]["seed"]}


@pytest.mark.parametrize("task", ["unpaid", "unseen", "undecided"])
def test_a_replicate_without_a_return_has_diverged_and_is_named(ran: Project, task: str) -> None:
    seeds = lost(ran, task)
    rows = pd.read_csv(ran.folder / "results/tables/config/frankle2019/divergence.csv").query(f"task == '{task}'")
    assert seeds and {*rows[rows["branch"] == "dense"]["seed"]} == seeds
    assert {*rows["kind"]} == {"diverged", "no ticket"}
    header = read_header(ran.folder / f"results/{task}/0-4/dense/trained.safetensors")
    assert [seed for seed, over in enumerate(header["diverged"]) if over] == sorted(seeds)
    page = ran.read("reports/config/index.html")
    assert all(f"seed {seed} diverged, seen first at step " in page for seed in seeds)


def test_the_policies_that_can_decide_go_on(ran: Project) -> None:
    first = read_tensors(ran.folder / "results/undecided/0-4/init.safetensors")["scores.bias"][:, 0]
    negative = {seed for seed, bias in enumerate(first) if bias < 0}
    assert 0 < len(negative) < 5 and lost(ran, "undecided") == negative
    trained = read_tensors(ran.folder / "results/undecided/0-4/imp/level_1/trained.safetensors")["scores.weight"]
    assert all(np.isfinite(trained[seed]).all() for seed in {*range(5)} - negative)


def test_a_change_of_an_environment_makes_what_was_trained_in_it_anew(ran: Project, tmp_path: Path) -> None:
    project = ran.copy(tmp_path / "changed")
    assert project.run("--dry-run").nothing_to_do
    project.edit("brittle.py", ("< 0.95", "< 0.96"))
    jobs = project.would_run()
    assert {"data unpaid", "dense unseen seeds 0-4"} <= jobs and "data cartpole" not in jobs
