"""The core studies and Yu et al.'s on a language model and on a policy, as snakemake runs them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection
from html import unescape
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pytest
import yaml

from lth_core.jobs.support.trainings import open_task
from lth_core.storage.tensors import read_header, read_tensors
from lth_core.training.history import Evaluations
from lth_core.training.loop import train
from lth_core.training.resume import Resume
from lth_core.training.state import start_state
from tests.support.project import PAGE, Project
from tests.support.small_trainings import same_bits

CONFIG = """\
device: cpu
datasets:
  letters: {source: {name: text, path: letters.txt, context: 16}}
tasks:
  lstm: &lstm
    dataset: letters
    model: {name: lstm, width: 16}
    objective: language
    initialization: {weights: framework}
    train: &language
      optimizer: {name: adam, learning_rate: 1e-2}
      batch_size: 16
      steps: 16
      evaluate_every: 16
      clip_norm: 1.0
    cohorts: ["0-1"]
  pole: &pole
    dataset: cartpole
    model: {name: mlp, hidden: [16]}
    objective: {name: actor-critic, value_weight: 0.01}
    train: &control {optimizer: {name: adam, learning_rate: 5e-3}, batch_size: 4, steps: 16, evaluate_every: 16}
    cohorts: ["0-1"]
  lstm-drops: {<<: *lstm, train: {<<: *language, schedule: {name: step, drop_steps: [12]}}}
  pole-drops: {<<: *pole, train: {<<: *control, schedule: {name: step, drop_steps: [12]}}}
methods:
  imp: {scope: global, rate: 0.8, levels: 2} # to 20% and 4%
  late: {scope: global, rate: 0.8, levels: 2, rewind: {policy: rewind, step: 8}}
connectivity: {points: 3}
studies:
  frankle2019: {tasks: TASKS-imp, histogram_levels: [1], controls: [reinit], one_shot: false, continued: false}
  stabilizing2019: {tasks: TASKS-imp, rewind_steps: [0, 8], levels: [1]}
  linear-mode-connectivity:
    {tasks: TASKS-imp, steps: [0, 8], levels: [1], controls: [], successive: false, seeds: false}
  renda2020: {tasks: DROPS-imp, budgets: [4], levels: [1]} # which compares what to do with a rate that drops
  yu2019: {tasks: TASKS-late, controls: [random-mask-reinit], one_shot: false}
"""
STUDIES = ("frankle2019", "stabilizing2019", "linear-mode-connectivity", "renda2020", "yu2019")
UNITS = {"lstm": "bits per character", "pole": "points of return"}
LANGUAGE_PAGE = "reports/language/index.html"


def config(tasks: Collection[str] = UNITS, studies: Collection[str] = STUDIES) -> str:
    """Some of the studies, of some of the tasks."""

    def chosen(match: re.Match[str]) -> str:
        return f"{{{', '.join(f'{drops(task, match[1])}: {match[2]}' for task in tasks)}}}"

    whole = yaml.safe_load(re.sub(r"(TASKS|DROPS)-(\w+)", chosen, CONFIG))
    return yaml.safe_dump(whole | {"studies": {name: whole["studies"][name] for name in studies}})


def drops(task: str, kind: str) -> str:
    return f"{task}-drops" if kind in ("DROPS", "renda2020") else task


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Both tasks in one config, then a study of the language model in one of its own, which trains nothing."""
    project = Project.create(tmp_path_factory.mktemp("any"), finished.folder)
    (project.folder / "data").mkdir()
    (project.folder / "data/letters.txt").write_text("".join(topics[name] for name in sorted(topics))[:20_000])
    (project.folder / "config.yaml").write_text(config())
    (project.folder / "language.yaml").write_text(config(["lstm"], ["frankle2019"]))
    project.run()
    project.run("--configfile", "language.yaml")
    return project


def words(page: str) -> str:
    """What a page says to its readers, without the config at its end."""
    hidden = "|".join(f"<{tag}[ >].*?</{tag}>" for tag in ("style", "script", "svg", "pre"))
    return unescape(re.sub(f"{hidden}|<[^>]+>", " ", page, flags=re.DOTALL))


# ---------------------------------------------------------------- claims, figures and pages


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("task", UNITS)
def test_every_study_claims_something_of_every_task_in_its_unit(ran: Project, study: str, task: str) -> None:
    with open(ran.folder / "results/tables/config/claims.csv") as file:
        claims = [row for row in csv.DictReader(file) if (row["study"], row["task"]) == (study, drops(task, study))]
    assert any(claim["unit"] == UNITS[task] for claim in claims)
    assert all(int(claim["n"]) + int(claim["unmeasured"]) == 2 for claim in claims)
    (other,) = UNITS.keys() - {task}
    assert not [claim for claim in claims if UNITS[other] in str(claim)]


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_has_figures_of_every_task_and_captions_in_its_words(ran: Project, study: str) -> None:
    folder = ran.folder / "reports/config" / study
    captions = {name: said["caption"] for name, said in json.loads((folder / "captions.json").read_text()).items()}
    for task in UNITS:
        named = [name for name in captions if name.endswith(f"-{drops(task, study)}")]
        assert named and all((folder / f"{name}.{kind}").stat().st_size for name in named for kind in ("svg", "png"))
    of_text_or_images = re.compile("bits per character|training split|subset|examples")
    assert not [name for name, caption in captions.items() if "-pole" in name and of_text_or_images.search(caption)]


def test_the_page_says_what_batches_are_of(ran: Project) -> None:
    said = words(ran.read(PAGE))
    assert "16 steps of 16 windows of 16 characters, adam at 0.01" in said
    assert "16 steps of 4 episodes, adam at 0.005" in said


@pytest.mark.parametrize("page", [PAGE, LANGUAGE_PAGE])
def test_a_page_without_images_says_nothing_of_them_nor_of_accuracy(ran: Project, page: str) -> None:
    assert not re.findall(r".{40}(?:accura|image|classif).{40}", words(ran.read(page)), re.IGNORECASE)


def test_a_page_of_language_says_nothing_of_returns(ran: Project) -> None:
    of_policies = re.compile(r".{40}(?:return|episode).{40}", re.IGNORECASE)
    assert not of_policies.findall(words(ran.read(LANGUAGE_PAGE)))
    for path in (ran.folder / "reports/config").glob("*/captions.json"):
        said = json.loads(path.read_text())
        assert not of_policies.findall(" ".join(said[name]["caption"] for name in said if "-lstm" in name))


def test_a_second_run_has_nothing_to_do(ran: Project) -> None:
    assert ran.run().nothing_to_do
    assert ran.run("--configfile", "language.yaml").nothing_to_do


# ---------------------------------------------------------------- between policies


def test_on_a_line_between_policies_each_acts_for_itself(ran: Project) -> None:
    """The ends have the returns of the histories."""
    with open(ran.folder / "results/pole/0-1/dense/order-1/order_path.csv") as file:
        line = [row for row in csv.DictReader(file) if row["split"] == "test"]
    for folder, alpha in (("dense", 0.0), ("dense/order-1", 1.0)):
        with open(ran.folder / "results/pole/0-1" / folder / "history.csv") as file:
            ends = [row for row in csv.DictReader(file) if (row["step"], row["split"]) == ("16", "test")]
        returns = {row["seed"]: -float(row["error"]) for row in line if float(row["alpha"]) == alpha}
        assert returns == pytest.approx({row["seed"]: float(row["return"]) for row in ends})


# ---------------------------------------------------------------- resuming


class Cut(Exception):
    pass


def trained(project: Project, task: str, resume: Resume, cut_at: int | None = None) -> Any:
    """Train the ticket of level 1 as its job does."""
    ticket = project.folder / f"results/{task}/0-1/imp/level_1"
    spec = read_header(ticket / "trained.safetensors")["provenance"]["spec"]
    data = project.folder / f"results/data/{spec['task']['dataset']}.safetensors"
    job, mask = open_task(spec, str(data)), read_tensors(ticket / "mask.safetensors")
    initial = read_tensors(project.folder / f"results/{task}/0-1/init.safetensors")
    state = start_state(job, {name: value * mask.get(name, True) for name, value in initial.items()}, mask)
    resume.restore(state)

    def cut(state: Any) -> None:
        if state.step == cut_at:
            raise Cut

    listeners = [Evaluations(8, 16), resume.save_when_due, cut]
    return train(job, state, spec["seeds"], 16, listeners=listeners)


@pytest.mark.parametrize("task", UNITS)
def test_a_training_that_was_cut_goes_on_to_the_same_bits(
    ran: Project, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data of a policy depend on its present weights."""
    monkeypatch.setenv("LTH_DEVICE", "cpu")
    whole = trained(ran, task, Resume(tmp_path / "never", "x"))
    monkeypatch.setenv("LTH_CHECKPOINT_SECONDS", "0")
    with pytest.raises(Cut):
        trained(ran, task, Resume(tmp_path / "trained", "x"), cut_at=11)
    resumed = trained(ran, task, Resume(tmp_path / "trained", "x"))
    assert same_bits(resumed.weights, whole.weights)
    assert resumed.history == whole.history
