"""Other methods in the study across kinds of models: what is trained for them, and the grid of all that is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.config import Config, seeds_of
from lth_core.drawing.figures import images
from lth_core.drawing.words import describe
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.across_models import AcrossModels
from lth_core.studies.across_models import tables as across_tables

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
TASKS: dict[str, Any] = {
    "vae": {"dataset": "digits", "objective": "vae", "model": {"name": "vae", "hidden": 4, "latents": 2}},
    "text": {"dataset": "english", "objective": "language", "model": {"name": "lstm", "width": 4}},
}
TASKS = {name: task | {"train": TRAIN, "cohorts": ["0-3"]} for name, task in TASKS.items()}
LEVELS = 3
MATCHED = {
    ("vae", "ticket"): 2,
    ("vae", "random-mask"): 1,
    ("vae", "gradual"): 3,
    ("vae", "synflow"): 0,
    ("text", "ticket"): 3,
    ("text", "random-mask"): 0,
    ("text", "gradual"): 1,
}
"""Down to which density networks match the dense one, as the number of halvings."""
STUDY = {"controls": ["random-mask"], "compare": ["gradual", "synflow"]}


def config(method: dict[str, Any] | None = None, **options: Any) -> Config:
    studies = {"across-models": {"tasks": dict.fromkeys(TASKS, "imp")} | STUDY | options}
    imp = {"scope": "global", "rate": 0.5, "levels": LEVELS} | (method or {})
    return Config.model_validate({"tasks": TASKS, "methods": {"imp": imp}, "studies": studies})


def study(**options: Any) -> AcrossModels:
    return AcrossModels.model_validate({"tasks": dict.fromkeys(TASKS, "imp")} | STUDY | options)


def measurements(cohort: str = "0-3") -> pd.DataFrame:
    """Measure nothing, but make numbers that match as MATCHED says."""
    rows = []
    for run in study().runs(config()):
        derived = run.method.removeprefix("imp-across-models-")
        compared = run.branch or (derived if derived != "imp" else "ticket")
        fails = run.level > MATCHED.get((run.task, compared), 0)
        for seed in seeds_of(run.cohort):
            lost = (10 if fails else 0.001) * (1 + 0.1 * np.sin(seed + run.level)) if run.level else 0.0
            branch = run.branch or ("ticket" if run.level else DENSE)
            rows.append((run.task, run.cohort, run.method, run.level, branch, 0.5**run.level, seed, 0, 20 + lost, 0.0))
    return pd.DataFrame(rows, columns=list(across_tables.COLUMNS))


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    starts = measurements().assign(metric=60.0)
    monkeypatch.setattr(across_tables, "read_header", lambda path: {"layers": {"fc.weight": "hidden"}})
    monkeypatch.setattr(across_tables, "simplest", lambda config, task: np.nan)
    monkeypatch.setattr(across_tables, "read_histories", lambda config, runs: None)
    monkeypatch.setattr(across_tables, "final_metrics", lambda histories: measurements())
    monkeypatch.setattr(across_tables, "first_metrics", lambda histories: starts)
    return study().tables(config())


# ---------------------------------------------------------------- what is trained


def test_other_methods_are_trained_at_the_densities_of_the_tasks_method() -> None:
    derived = study().methods(config())
    assert set(derived) == {"imp-across-models-gradual", "imp-across-models-synflow"}
    assert all(method.densities == [0.5, 0.25, 0.125] and not method.iterative for method in derived.values())
    runs = study().runs(config())
    assert len(runs) == len(set(runs))
    assert {run.level for run in runs if run.method == "imp-across-models-gradual"} == {1, 2, 3}
    assert Run("vae", "0-3", "imp-across-models-synflow", 3) in runs


def test_where_levels_are_named_other_methods_have_masks_of_theirs_alone() -> None:
    named = {"levels": {"vae": [1, 3], "text": [1, 3]}}
    derived = study(**named).methods(config(**named))["imp-across-models-gradual"]
    assert derived.densities == [0.5, 0.125] and derived.levels == 2


def test_iterative_methods_prune_at_the_rate_of_the_tasks_method_and_in_no_more_rounds() -> None:
    odd = {"rate": 0.4, "levels": 8}  # powers of 0.6 are no round numbers
    for name in ("imp-lr-rewind", "soft-mask"):
        derived = study(compare=[name]).methods(config(odd, compare=[name]))[f"imp-across-models-{name}"]
        assert derived.levels == 8 and derived.densities == [pytest.approx(0.6**level) for level in range(1, 9)]


def test_what_a_task_cannot_have_is_left_out_of_it_alone() -> None:
    assert study().left_out(config(), "vae") == {}
    assert study().left_out(config(), "text") == {"synflow": "'synflow' needs inputs that are numbers, not tokens"}
    assert {run.task for run in study().runs(config()) if "synflow" in run.method} == {"vae"}


@pytest.mark.parametrize("compare", [["random-mask"], ["ticket"], ["snip", "snip"]])
def test_nothing_is_compared_twice(compare: list[str]) -> None:
    with pytest.raises(ValueError, match=f"compare: '{compare[0]}' is compared already"):
        study(compare=compare)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="compare: unknown method 'snap'; did you mean 'snip'"):
        study(compare=["snap"]).runs(config())


def test_densities_of_filters_are_not_those_of_weights() -> None:
    filters = {"granularity": "channel", "scope": "layer"}
    with pytest.raises(ValueError, match="compare: needs methods that prune single weights: not 'imp'"):
        study().runs(config(filters))
    assert study(compare=[]).runs(config(filters))


# ---------------------------------------------------------------- tables, figures and claims


def test_the_table_has_what_every_method_still_matches_with(tables: dict[str, pd.DataFrame]) -> None:
    lowest = tables["lowest"].set_index(["task", "compared"])["lowest"]
    assert lowest.to_dict() == {key: 0.5**level for key, level in MATCHED.items()}


def test_other_methods_are_on_the_grid_and_neither_in_the_first_figure_nor_among_claims(
    tables: dict[str, pd.DataFrame],
) -> None:
    first, grid = study().figures(config(), tables)
    assert [first.name, grid.name] == study().figure_names(config())
    assert "SynFlow" not in describe(first.draw()) and "gradual" not in first.caption
    claimed = [(claim.task, claim.claim) for claim in study().claims(config(), tables)]
    assert claimed == [(claim.task, claim.claim) for claim in study(compare=[]).claims(config(compare=[]), tables)]
    assert len(claimed) == 2 * 2  # on tickets and on the control, of each task


def test_every_field_of_the_grid_says_how_few_weights_match(tables: dict[str, pd.DataFrame]) -> None:
    _, drawing = study().figures(config(), tables)
    figure = drawing.draw()
    images(figure)
    (axes,) = figure.axes
    tasks = [label.get_text().split("\n")[1] for label in axes.get_xticklabels()]
    methods = [label.get_text() for label in axes.get_yticklabels()]
    assert methods == ["winning ticket", "random mask", "SynFlow", "gradual (GMP)"]  # by groups
    names = dict(zip(methods, ["ticket", "random-mask", "synflow", "gradual"], strict=True))
    fields = {}
    for text in axes.texts:
        column, row = text.get_position()
        if text.get_text() not in ("before\ntraining", "while\ntraining"):
            fields[tasks[int(column)], names[methods[int(row)]]] = text.get_text()
    said = {0: "none", 1: "50", 2: "25", 3: "≤12.5"}
    assert fields == {key: said[level] for key, level in MATCHED.items()}
    assert "'synflow' needs inputs that are numbers, not tokens) on text." in drawing.caption


def test_ends_of_an_interval_are_printed_where_they_differ(tables: dict[str, pd.DataFrame]) -> None:
    wide = tables["lowest"].assign(most=1.0)
    wide.loc[wide["task"] == "text", ["lowest", "fewest", "most"]] = np.nan
    _, drawing = study().figures(config(), tables | {"lowest": wide})
    figure = drawing.draw()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "25\n100–25" in texts and "≤12.5\n100–12.5" in texts and texts.count("not\nmeasured") == 3


def test_the_text_of_the_grid_says_between_what_its_fields_are(tables: dict[str, pd.DataFrame]) -> None:
    _, drawing = study().figures(config(), tables)
    assert describe(drawing.draw()) == (
        "Figure, lowest density that matches the dense network (%), and its 95% interval: heat map, masks against "
        "task; fields from 12.5 to 100."
    )
