"""Adding is free: what a new function does not make is not made again. Changing one remakes what it made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import CLAIMS, LEVELS, Project
from tests.workflow.test_rebuilding import PAGES, kinds

IMPORT = "from lth_core.registry import {kind}\n"
ADDED = {
    "model": (
        "lth_core/models/networks/lenet.py",
        "@model('added', any_size=True)\ndef added(classes, input_shape):\n    return linear_layers(1, [], classes, 0)",
    ),
    "dataset": (
        "lth_core/data/sets/digits.py",
        "@dataset('added', classes=2)\ndef added(root):\n    return hold_out(None, 1, None)",
    ),
    "transform": (
        "lth_core/data/transforms/subsets.py",
        "@transform('added', changes=dict)\ndef added(splits, rng):\n    return subset(splits, rng, 1)",
    ),
    "criterion": (
        "lth_core/pruning/criteria/magnitude.py",
        "@criterion('added')\ndef added(trained, mask):\n    return magnitude(trained, mask)",
    ),
    "treatment": (
        "lth_core/treatments/controls.py",
        "@treatment('added')\ndef added(ticket, checkpoints):\n    return reinit(ticket, checkpoints)",
    ),
    "study": (
        "lth_core/studies/frankle2019/__init__.py",
        "@study('added')\nclass Added(Frankle2019):\n    rounds: int = 1",
    ),
}
"""What is added: a function (a study: a class) of every kind, and a file that is in use to put it into."""


def test_new_functions_of_all_kinds_make_no_job_run_again(project: Project) -> None:
    """In files whose other functions were used, and in files of their own."""
    for kind, (file, function) in ADDED.items():
        project.append(file, f"\n\n{IMPORT.format(kind=kind)}\n\n{function}\n")
        alone = function.replace("'added'", "'added-alone'")
        new = project.folder / file.replace(Path(file).name, "added.py")
        if kind == "study":
            new = project.folder / "lth_core/studies/added/__init__.py"
            new.parent.mkdir()
            alone = f"from lth_core.studies.frankle2019 import Frankle2019\n{alone}"
        new.write_text(f"{IMPORT.format(kind=kind)}\n\n{alone}\n")
    run = project.run("--dry-run")
    assert run.nothing_to_do, run.said
    listed = ", ".join(f"r.{kind}.names()" for kind in ADDED)
    names = project.python(
        "-c", f"import lth_core.planning.catalogue as c, lth_core.registry as r; c.register(); print({listed})"
    )
    assert names.count("'added'") == names.count("'added-alone'") == len(ADDED)


@pytest.mark.parametrize(
    ("old", "new", "remade"),
    [
        ("{name: np.abs(trained[name])", "{name: abs(trained[name])", {"prune", "retrain", "branch"} | PAGES),
        ("{name: -np.abs(trained[name])", "{name: -abs(trained[name])", set()),
    ],
)
def test_a_change_of_one_criterion_remakes_the_masks_that_it_made(
    project: Project, old: str, new: str, remade: set[str]
) -> None:
    project.edit("lth_core/pruning/criteria/magnitude.py", (old, new))
    assert kinds(project.would_run()) == remade


LAB = """
from dataclasses import replace

from lth_core.registry import criterion, model, treatment
from lth_core.tickets.rewinding import apply_mask

POWER = 2
SCALE = 0.5


def scaled(weights, mask):
    return apply_mask({name: SCALE * value for name, value in weights.items()}, mask)


@criterion("growth")
def growth(trained_from, trained, mask):
    return {name: abs(trained[name]) ** POWER - abs(trained_from[name]) ** POWER for name in mask}


@treatment("weaker")
def weaker(ticket):
    return replace(ticket, weights=scaled(ticket.weights, ticket.mask))
"""


def test_an_edit_of_a_plugin_remakes_what_the_edited_function_made(project: Project) -> None:
    (project.folder / "my_lab.py").write_text(LAB)
    project.append("config.yaml", "plugins: [my_lab]\n")
    project.edit(
        "config.yaml", ("imp: {rate", "imp: {criterion: growth, rate"), ("controls: [reinit]", "controls: [weaker]")
    )
    assert kinds(project.run(CLAIMS).jobs) == {"prune", "retrain", "branch", "table", "claims"}

    def remade_with(old: str, new: str) -> set[str]:
        assert LAB.count(old) == 1
        (project.folder / "my_lab.py").write_text(LAB.replace(old, new))
        return kinds(project.would_run(CLAIMS))

    branches = {"branch", "table", "claims"}
    assert remade_with("POWER = 2", "POWER = 4") == {"prune", "retrain"} | branches
    assert remade_with("SCALE = 0.5", "SCALE = 0.25") == branches
    assert remade_with("def weaker(ticket):", "def weaker(ticket, by=1):") == branches
    assert (
        remade_with("\n\n@treatment", "\n\n@model('net')\ndef net(classes, input_shape): ...\n\n\n@treatment") == set()
    )


def test_random_masks_wait_for_no_training(finished: Project, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project", finished.folder)
    project.edit("config.yaml", ("imp: {rate", "imp: {criterion: random, rate"))
    mask = f"{LEVELS[1]}/mask.safetensors"
    pruning = {f"prune mini imp level {level} seeds 0-1" for level in (1, 2)}
    assert project.would_run(mask) == {"data digits", "initialize mini seeds 0-1"} | pruning
    project.edit("config.yaml", ("criterion: random", "criterion: magnitude"))
    assert kinds(project.would_run(mask)) == {"data", "initialize", "dense", "prune", "retrain"}
