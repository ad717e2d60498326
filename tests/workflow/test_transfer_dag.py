"""Tickets that change tasks are the very artifacts of the studies that found them: nothing is trained twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from tests.support.project import MINIATURE, Project

LEVELS = 2
TRANSFER = {"tasks": {"mini": "imp", "mini-sgd": "imp"}, "groups": {"optimizers": ["mini", "mini-sgd"]}, "levels": [1]}


def would_run(project: Project, config: dict) -> set[str]:
    """The jobs that a config asks for."""
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    return project.would_run()


def trainings(jobs: set[str]) -> Counter[str]:
    """How many trainings of each kind and task there are; messages are such as `branch reinit of mini imp level 1`."""
    words = [job.split() for job in jobs]
    plain = [" ".join(word[:2]) for word in words if word[0] in ("dense", "retrain")]
    return Counter(plain + [f"branch {word[3]}" for word in words if word[0] == "branch"])


def test_a_transfer_trains_what_no_other_study_has_trained_and_each_of_it_once(
    finished: Project, tmp_path: Path
) -> None:
    project, config = Project.create(tmp_path / "project", finished.folder), yaml.safe_load(MINIATURE)
    mini = config["tasks"]["mini"]
    config["tasks"]["mini-sgd"] = mini | {"train": mini["train"] | {"optimizer": {"name": "sgd", "learning_rate": 0.1}}}
    alone = would_run(project, config)
    assert trainings(alone) == {"dense mini": 1, "retrain mini": LEVELS, "branch mini": 1}  # reinit at level 1

    config["studies"]["transfer"] = TRANSFER
    both = would_run(project, config)
    assert alone <= both
    # Of `mini` only the source's ticket and two random ones are new; the other study has its reinitialized ticket.
    new = both - alone
    assert trainings(new) == {"branch mini": 3, "dense mini-sgd": 1, "retrain mini-sgd": 1, "branch mini-sgd": 4}
    assert {job for job in new if job.startswith(("branch from-", "overlap"))} == {
        "branch from-mini of mini-sgd imp level 1 seeds 0-1",
        "branch from-mini-sgd of mini imp level 1 seeds 0-1",
        "overlap of mini imp and mini-sgd imp level 1 seeds 0-1",
    }
