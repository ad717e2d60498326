"""The hardware study: what it asks for, its table, and figures of costs that are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lth_core.config import Config
from lth_core.drawing.words import describe
from lth_core.engine.forms import Cost
from lth_core.jobs.costs import COLUMNS as COST_COLUMNS
from lth_core.storage.runs import Run
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import write_tensors
from lth_core.studies.hardware_costs import HardwareCosts
from lth_core.studies.hardware_costs.figures import FORMS, left_out, study_colours
from lth_core.studies.hardware_costs.tables import COLUMNS

RECIPE = {
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "batch_size": 10,
    "steps": 100,
    "evaluate_every": 50,
}
TASK = {"dataset": "digits", "model": "lenet", "train": RECIPE, "cohorts": ["0-1"]}
METHODS = {
    "weights": {"rate": 0.5, "levels": 3},
    "groups": {"granularity": "n-of-m", "n_of_m": {"n": 2, "m": 4}, "levels": 1},
}
DENSE = Cost(100, 200, 400, 0.002, 0.1)


def config(results: str = "results") -> Config:
    study = {"hardware-costs": {"tasks": {"mini": "weights"}}}
    given = {
        "datasets": {"digits": {"source": "digits"}},
        "tasks": {"mini": TASK},
        "methods": METHODS,
        "studies": study,
    }
    return Config.model_validate({"results": results, **given})


def study(**options: Any) -> HardwareCosts:
    return HardwareCosts(**{"tasks": {"mini": "weights"}, "compare": {"mini": ["groups"]}, **options})


def forms(run: Run) -> dict[str, Cost]:
    """The known costs of a ticket: seconds of sparse kernels fall with the level, other counts do not."""
    half = 0.5**run.level
    reason = "the sparse kernels take linear layers"
    sparse = Cost(100 * half, 200 * half, 800 * half, 0.002 * half, 0.1 * half)
    if run.method == "groups":
        sparse = Cost(50, 100, 400, math.nan, math.nan, reason)
    return {"dense": DENSE, "shrunk": DENSE, "sparse": sparse}


def write_results(folder: Path) -> Config:
    settings = config(str(folder))
    for run in study().runs(settings):
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in (0, 1):
            lines += [
                f"{seed},0,100,{split},0.5,{0.9 - 0.01 * run.level - 0.001 * seed}" for split in ("validation", "test")
            ]
        path = Path(run.history(settings.results))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        if run.level:
            write_tensors(run.mask(settings.results), {}, {"density": 0.5**run.level})
            rows = [
                (seed, form, cost.parameters, cost.flops, cost.bytes, cost.seconds_1, cost.seconds_256, cost.reason)
                for seed in (0, 1)
                for form, cost in forms(run).items()
            ]
            write_table(run.costs(settings.results), COST_COLUMNS, rows)
    return settings


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return study().tables(write_results(tmp_path_factory.mktemp("results")))["measurements"]


def test_it_asks_for_tickets_of_all_methods_and_for_their_costs() -> None:
    tickets = [Run("mini", "0-1", "weights", level) for level in (1, 2, 3)] + [Run("mini", "0-1", "groups", 1)]
    assert study().runs(config()) == [Run("mini", "0-1"), *tickets]
    assert study().analyses(config()) == [ticket.costs("results") for ticket in tickets]
    assert {run.level for run in study(levels=[2]).tickets(config())} == {2, 1}, "of those with fewer, the last"
    with pytest.raises(ValueError, match=r"^levels: 4 must be at most 3, the last level of the study's methods$"):
        study(levels=[2, 4]).tickets(config())


@pytest.mark.parametrize(
    ("compare", "problem"),
    [
        ({"mini": ["group"]}, r"^compare\.mini: unknown method 'group'; did you mean 'groups'\?"),
        ({"maxi": ["groups"]}, r"^compare: unknown task of this study 'maxi' \(known: mini\)$"),
    ],
)
def test_unknown_names_are_one_line(compare: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        study(compare=compare).runs(config())


def test_each_form_of_a_ticket_has_a_row_with_costs_relative_to_the_dense_form(table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * (1 + 4 * 3)
    rows = table[(table["method"] == "weights") & (table["level"] == 2) & (table["form"] == "sparse")]
    assert list(rows["metric"]) == pytest.approx([0.88, 0.879]) and set(rows["density"]) == {0.25}
    assert set(rows["relative_seconds_1"]) == {0.25} and set(rows["relative_bytes"]) == {0.5}
    dense = table[table["method"] == "dense"]
    assert list(dense["metric"]) == pytest.approx([0.9, 0.899]) and dense["seconds_1"].isna().all()


def test_what_a_form_cannot_do_keeps_its_counts_and_its_reason(table: pd.DataFrame) -> None:
    rows = table[(table["method"] == "groups") & (table["form"] == "sparse")]
    assert rows["relative_seconds_1"].isna().all() and set(rows["relative_flops"]) == {0.5}
    assert set(rows["reason"]) == {"the sparse kernels take linear layers"}


def test_figures_are_those_that_were_promised_and_show_the_forms_that_there_are(table: pd.DataFrame) -> None:
    latency, counts = study().figures(config(), {"measurements": table})
    assert [latency.name, counts.name] == study().figure_names(config()) == ["latency-mini", "counts-mini"]
    assert "vary from run to run" in latency.caption and "digits" in counts.caption
    assert "Left out: sparse kernels of 'groups' (the sparse kernels take linear layers). Data:" in latency.caption
    assert "Left out" not in counts.caption
    panels = {panel.get_title(): panel for panel in latency.draw().axes}
    assert list(panels) == [
        f"{inputs}: {FORMS[form]}" for form in ("shrunk", "sparse") for inputs in ("one input", "256 inputs at once")
    ]
    for form, latencies in (("shrunk", [1, 1, 1]), ("sparse", [0.5, 0.25, 0.125])):
        assert latencies in [list(line.get_xdata()) for line in panels[f"one input: {FORMS[form]}"].lines]
    operations = counts.draw()
    assert operations.axes[2].get_title() == "operations: what the mask keeps"
    assert "weights, from" in describe(operations)


def test_a_method_has_one_colour_in_the_figures_of_all_tasks() -> None:
    several = study(tasks={"mini": "weights", "other": "groups"}, compare={"mini": ["groups"], "other": ["channels"]})
    colours = study_colours(several)
    assert list(colours) == ["weights", "groups", "channels"] and len(set(colours.values())) == 3


def test_there_is_no_claim_about_times(table: pd.DataFrame) -> None:
    assert study().claims(config(), {"measurements": table}) == []


def test_captions_say_which_forms_are_left_out_of_which_methods_and_why() -> None:
    known = [("dense", "dense", 1.0, ""), ("a", "shrunk", 1.0, ""), ("b", "shrunk", 2.0, "")]
    assert left_out(pd.DataFrame(known, columns=["method", "form", "seconds_1", "reason"])) == ""
    nan = math.nan
    missing = [("a", "sparse", nan, "no"), ("b", "sparse", nan, "no"), ("b", "2:4", nan, "on GPUs only")]
    rows = pd.DataFrame(
        [*known, *missing, ("dense", "dense", nan, "")], columns=["method", "form", "seconds_1", "reason"]
    )
    assert left_out(rows) == "Left out: sparse kernels of 'a', 'b' (no); 2:4 tensor cores of 'b' (on GPUs only)."
