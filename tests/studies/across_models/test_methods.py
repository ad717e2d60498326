"""Other methods in the study across kinds of models: what is trained for them, and the grid of all that is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core.config import Config, seeds_of
from lth_core.drawing.figures import images
from lth_core.drawing.words import describe
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.across_models import AcrossModels
from lth_core.studies.across_models import tables as across_tables
from lth_core.studies.across_models.grid import grid

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


def test_where_levels_are_named_other_methods_are_trained_at_these_alone_and_keep_their_paths() -> None:
    named = {"levels": {"vae": [1, 3], "text": [3]}}
    assert study(**named).methods(config(**named)) == study().methods(config())
    runs = study(**named).runs(config(**named))
    assert {run.level for run in runs if run.method == "imp-across-models-gradual" and run.task == "vae"} == {1, 3}
    assert set(runs) < set(study().runs(config()))


@pytest.mark.parametrize(
    ("method", "densities"),
    [
        ({"rate": 0.4, "levels": 8}, [0.6**level for level in range(1, 9)]),  # no round numbers
        ({"rate": 0.2, "densities": [0.5, 0.2], "levels": 2}, [0.5, 0.2]),
    ],
)
@pytest.mark.parametrize("name", ["imp-lr-rewind", "soft-mask"])
def test_iterative_methods_come_to_each_density_in_one_round_as_tickets_do(
    name: str, method: dict[str, Any], densities: list[float]
) -> None:
    derived = study(compare=[name]).methods(config(method, compare=[name]))[f"imp-across-models-{name}"]
    assert derived.densities == pytest.approx(densities)


def test_what_the_tickets_are_already_is_left_out() -> None:
    """`imp-rewind` and the task's own method would train the tickets again."""
    rewound = {"rewind": {"policy": "rewind", "step": 5}}
    for name in ("imp-rewind", "imp"):
        settings = config(rewound, compare=[name])
        assert study(compare=[name]).left_out(settings, "vae") == {name: "the same as the tickets here"}
        assert study(compare=["imp-reset"]).left_out(settings, "vae") == {}


def test_what_a_task_cannot_have_is_left_out_of_it_alone() -> None:
    assert study().left_out(config(), "vae") == {}
    assert study().left_out(config(), "text") == {"synflow": "'synflow' needs inputs that are numbers, not tokens"}
    assert {run.task for run in study().runs(config()) if "synflow" in run.method} == {"vae"}


@pytest.mark.parametrize("compare", [["random-mask"], ["ticket"], ["snip", "snip"]])
def test_nothing_is_compared_twice(compare: list[str]) -> None:
    with pytest.raises(ValidationError) as error:
        study(compare=compare)
    (problem,) = error.value.errors()
    assert problem["loc"] == ("compare",) and f"'{compare[0]}' is compared already" in problem["msg"]


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="compare: unknown method 'snap'; did you mean 'snip'"):
        study(compare=["snap"]).runs(config())


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ({"granularity": "channel", "scope": "layer"}, "prune single weights: not 'imp'"),
        ({"rate_by_kind": {"output": 0.1}}, "prune all weights at one rate: not 'imp'"),
    ],
)
def test_densities_that_do_not_follow_from_the_config_are_refused(method: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"compare: needs methods that {reason}"):
        study().runs(config(method))
    assert study(compare=[]).runs(config(method))


def test_a_control_twice_is_not_lost() -> None:
    """Planning says that the same training is asked for twice."""
    runs = study(controls=["random-mask", "random-mask"]).runs(config())
    assert len(runs) > len(set(runs))


# ---------------------------------------------------------------- tables, figures and claims


def test_the_table_has_what_every_method_still_matches_with(tables: dict[str, pd.DataFrame]) -> None:
    lowest = tables["lowest"].set_index(["task", "compared"])["lowest"]
    assert lowest.to_dict() == {key: 0.5**level for key, level in MATCHED.items()}


def test_other_methods_are_on_the_grid_and_neither_in_the_first_figure_nor_among_claims(
    tables: dict[str, pd.DataFrame],
) -> None:
    first, second = study().figures(config(), tables)
    assert [first.name, second.name] == study().figure_names(config())
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
    assert "25\n100–25" in texts and "≤12.5\n100–≤12.5" in texts and texts.count("not\nmeasured") == 3
    assert drawing.caption.endswith("Not measured: trainings, or the images that are drawn, diverged.")


def test_one_seed_has_no_intervals(tables: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(across_tables, "final_metrics", lambda histories: measurements().query("seed == 0"))
    made = study().tables(config())
    assert made["lowest"][["fewest", "most"]].isna().all(axis=None)
    marks, fields = study().figures(config(), made)
    for drawing in (marks, fields):
        assert "interval over" not in drawing.caption and "95%" not in drawing.draw().axes[0].get_title()
    assert "One seed shows no spread, so there are no intervals." in marks.caption
    assert "≤12.5" in [text.get_text() for text in fields.draw().axes[0].texts]
    assert "(from" not in describe(marks.draw())


def test_captions_explain_only_what_is_drawn(tables: dict[str, pd.DataFrame]) -> None:
    plain = tables["lowest"].assign(lowest=0.5, fewest=0.5, most=0.5)
    for drawing in study().figures(config(), tables | {"lowest": plain}):
        assert not any(word in drawing.caption for word in ("Arrows", "Hollow", "None:", "≤", "Not measured"))


@pytest.mark.parametrize("count", [1, 3, 12])
def test_title_and_numbers_fit_whatever_the_number_of_tasks(tables: dict[str, pd.DataFrame], count: int) -> None:
    some = tables["lowest"].query("task == 'vae'").assign(lowest=0.216, fewest=0.25, most=1.0)
    many = pd.concat([some.assign(task=f"task-{number}") for number in range(count)])
    figure = grid(study(), config(), many)
    images(figure)
    figure.set_dpi(200)  # as it is written
    figure.draw_without_rendering()
    (axes,) = figure.axes
    title = axes.title.get_window_extent()
    assert title.x0 >= 0 and title.x1 <= figure.bbox.width
    field = axes.get_window_extent().width / count
    numbers = [text for text in axes.texts if "–" in text.get_text()]
    assert len(numbers) == count * 4 and all(text.get_window_extent().width < field for text in numbers)
    assert "training" not in describe(figure)  # groups are beside the fields, not in one


def test_the_text_of_the_grid_has_what_is_in_its_fields(tables: dict[str, pd.DataFrame]) -> None:
    _, drawing = study().figures(config(), tables)
    assert describe(drawing.draw()) == (
        "Figure, lowest density that matches the dense network (%), and its 95% interval: heat map, masks against "
        "task; columns fully connected network text | autoencoder vae; row by row, winning ticket: ≤12.5 | 25; random "
        "mask: none | 50; SynFlow: nothing | none; gradual (GMP): 50 | ≤12.5."
    )
