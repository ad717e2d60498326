"""The comparison of all methods on images, a text and a policy, with a method of the user's, as snakemake runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import Project

CONFIG = """\
device: cpu
plugins: [mine]
datasets:
  letters: {source: {name: text, path: letters.txt, context: 16}}
tasks:
  mini:
    dataset: digits
    model: {name: lenet, hidden: [20, 10]}
    train: {optimizer: {name: adam, learning_rate: 1.2e-3}, batch_size: 60, steps: 12, evaluate_every: 6}
    cohorts: ["0-1"]
  lstm:
    dataset: letters
    model: {name: lstm, width: 16}
    objective: language
    initialization: {weights: framework}
    train: {optimizer: {name: adam, learning_rate: 1e-2}, batch_size: 16, steps: 8, evaluate_every: 4}
    cohorts: ["0-1"]
  pole:
    dataset: cartpole
    model: {name: mlp, hidden: [16]}
    objective: {name: actor-critic, value_weight: 0.01}
    train: {optimizer: {name: adam, learning_rate: 5e-3}, batch_size: 4, steps: 4, evaluate_every: 4}
    cohorts: ["0-1"]
methods:
  imp: {rate: 0.8, levels: 1}
  mine: {criterion: largest-first, iterative: false, levels: 1}
  rigl: {criterion: random, prune_at: 0, allocation: erdos-renyi-kernel, levels: 1, during: {name: rigl, every: 2}}
studies:
  comparison:
    tasks: {mini: imp, lstm: imp, pole: imp}
    compare: [imp-reset, snip, synflow, rigl, edge-popup, edge-popup-trained, soft-mask, random-erk, mine]
    densities: [0.4, 0.1]
    equal_cost_densities: [0.1]
    longest: 2
"""
PLUGIN = """\
from lth_core.registry import criterion


@criterion("largest-first")
def largest_first(trained, mask):
    return {name: -abs(trained[name]) for name in mask}
"""
TASKS = ("mini", "lstm", "pole")
LEARNED = {"edge-popup", "edge-popup-trained", "soft-mask"}
COMPARED = {"imp-reset", "snip", "synflow", "rigl", "random-erk", "mine"} | LEARNED


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("comparison"), finished.folder)
    (project.folder / "data").mkdir()
    (project.folder / "data/letters.txt").write_text("".join(topics[name] for name in sorted(topics))[:20_000])
    (project.folder / "mine.py").write_text(PLUGIN)
    (project.folder / "config.yaml").write_text(CONFIG)
    project.run()
    return project


def table(project: Project, name: str) -> list[dict[str, str]]:
    with open(project.folder / f"results/tables/config/comparison/{name}.csv") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("task", TASKS)
def test_every_method_that_a_task_can_have_is_measured_and_paid_for_under_both_budgets(ran: Project, task: str) -> None:
    expected = COMPARED - ({"synflow"} if task == "lstm" else set())
    for name in ("measurements", "costs", "ranks"):
        rows = [row for row in table(ran, name) if row["task"] == task and row["method"] != "dense"]
        for budget in ("training", "total"):
            assert {row["method"] for row in rows if row["budget"] == budget} == expected
    measured = [row for row in table(ran, "measurements") if row["task"] == task]
    assert all(np.isfinite(float(row["metric"])) for row in measured)


@pytest.mark.parametrize("task", TASKS)
def test_masks_have_the_same_densities_to_a_weight(ran: Project, task: str) -> None:
    total = sum(np.prod(value.shape[1:]) for value in first_mask(ran, task).values())
    for row in table(ran, "measurements"):
        if row["task"] == task and row["method"] != "dense":
            assert float(row["kept"]) == pytest.approx(round(float(row["density"]) * total) / total, abs=1e-9)


def first_mask(project: Project, task: str) -> dict[str, np.ndarray]:
    return read_tensors(project.folder / f"results/{task}/0-1/imp-compared-imp-reset/level_1/mask.safetensors")


def test_longer_trainings_start_from_the_same_ticket(ran: Project) -> None:
    shorter = ran.folder / "results/mini/0-1/imp-compared-snip/level_2"
    longer = ran.folder / "results/mini-24-steps/0-1/imp-compared-snip/level_2/of-mini"
    masks = [read_tensors(folder / "mask.safetensors") for folder in (shorter, longer)]
    assert all(np.array_equal(masks[0][name], masks[1][name]) for name in masks[0])
    assert read_header(longer / "trained.safetensors")["step"] == 24


def test_a_learned_mask_is_evaluated_untrained_and_trained_from_theta_0(ran: Project) -> None:
    untrained = ran.folder / "results/mini/0-1/imp-compared-edge-popup/level_2"
    folders = (untrained, untrained / "reset")
    masks = [read_tensors(folder / "mask.safetensors") for folder in folders]
    assert all(np.array_equal(masks[0][name], masks[1][name]) for name in masks[0])
    assert [read_header(folder / "trained.safetensors")["step"] for folder in folders] == [0, 12]


def test_static_masks_and_rigl_begin_with_the_same_mask(ran: Project) -> None:
    static = read_tensors(ran.folder / "results/mini/0-1/imp-compared-random-erk/level_1/mask.safetensors")
    first = read_tensors(ran.folder / "results/mini/0-1/rigl-compared/level_1/first_mask.safetensors")
    assert all(np.array_equal(static[name], first[name]) for name in static)


def test_equal_cost_is_reached_where_it_may_be(ran: Project) -> None:
    """On images: all layers cost in proportion to density. Trainings are at most twice as long."""
    rows = [row for row in table(ran, "costs") if (row["task"], row["budget"], row["seed"]) == ("mini", "total", "0")]
    total, steps = ({row["method"]: float(row[key]) for row in rows} for key in ("total", "steps"))
    assert max(total, key=lambda method: total[method]) in ("imp-reset", "soft-mask")
    assert {method for method in steps if steps[method] == 24} >= {"snip", "synflow", "rigl", "random-erk", "mine"}
    assert total["random-erk"] == pytest.approx(0.2, abs=0.01)
    assert (total["edge-popup"], steps["edge-popup"]) == (pytest.approx((2 * 0.1 + 1) / 3, abs=0.01), 0)


def test_the_page_names_what_is_left_out_and_has_every_figure(ran: Project) -> None:
    folder = ran.folder / "reports/config/comparison"
    captions = {name: said["caption"] for name, said in json.loads((folder / "captions.json").read_text()).items()}
    kinds = ("densities", "flops", "ranks", "search", "equal-cost")
    assert set(captions) == {f"{kind}-{task}" for task in TASKS for kind in kinds}
    assert all(Path(folder / f"{name}.svg").stat().st_size for name in captions)
    assert "Left out: SynFlow ('synflow' needs inputs that are numbers, not tokens)." in captions["densities-lstm"]
    assert "Left out" not in captions["densities-mini"]
    assert "accuracy" not in captions["ranks-pole"] + captions["ranks-lstm"]


def test_a_second_run_has_nothing_to_do(ran: Project) -> None:
    assert ran.run().nothing_to_do
