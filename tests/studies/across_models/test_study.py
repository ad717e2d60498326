"""The study across kinds of models: what it asks for, its tables, claims and figure on planted effects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.config import Config, seeds_of
from lth_core.drawing.figures import images
from lth_core.drawing.words import describe
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.across_models import AcrossModels, judged
from lth_core.studies.across_models import tables as across_tables
from lth_core.studies.across_models.kinds import KINDS, MLP, kind_of_model

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 40, "evaluate_every": 20}
DIGITS = {"dataset": "digits", "train": TRAIN, "cohorts": ["0-3", "4-5"]}
TASKS: dict[str, Any] = {
    "vae": DIGITS | {"objective": "vae", "model": {"name": "vae", "hidden": 4, "latents": 2}},
    "lenet": DIGITS | {"model": {"name": "lenet", "hidden": [4]}},
}
LEVELS = 4
MATCHED = {
    ("lenet", "ticket"): 3,
    ("lenet", "random-mask"): 1,
    ("lenet", "reinit"): 0,
    ("vae", "ticket"): 4,
    ("vae", "random-mask"): 4,
    ("vae", "reinit"): 2,
}
"""Down to which level networks match the dense one."""


def study(**options: Any) -> AcrossModels:
    return AcrossModels.model_validate({"tasks": dict.fromkeys(TASKS, "imp")} | options)


def config(**options: Any) -> Config:
    studies = {"across-models": study(**options).model_dump(exclude_unset=True)}
    method = {"scope": "global", "rate": 0.5, "levels": LEVELS}
    return Config.model_validate({"tasks": TASKS, "methods": {"imp": method}, "studies": studies})


@pytest.fixture(autouse=True)
def _no_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was trained: the headers of theta_0 say that weights are of linear layers; the mean image has 24 nats."""
    monkeypatch.setattr(across_tables, "read_header", lambda path: {"layers": {"fc.weight": "hidden"}})
    monkeypatch.setattr(across_tables, "simplest", lambda config, task: 24.0 if task == "vae" else np.nan)


def measurements() -> pd.DataFrame:
    rows = []
    for run in study().runs(config()):
        branch = run.branch or ("ticket" if run.level else DENSE)
        fails = run.level > MATCHED.get((run.task, branch), 0)
        for seed in seeds_of(run.cohort):
            lost = (10 if fails else 0.1) * (1 + 0.1 * np.sin(seed + run.level))
            value = 0.95 - 0.002 * lost if run.task == "lenet" else 20 + lost
            index = (run.task, run.cohort, run.method, run.level, branch, 0.5**run.level, seed, 0)
            rows.append((*index, value if run.level else {"lenet": 0.95, "vae": 20.0}[run.task], value))
    return pd.DataFrame(rows, columns=list(across_tables.COLUMNS))


def before_training(unlearned: int = 0) -> pd.DataFrame:
    """What was measured before training: something worse than later, but of the last seeds of "vae"."""
    known = measurements()
    starts = known.assign(metric=known["task"].map({"lenet": 0.1, "vae": 60.0}))
    return starts.mask((known["task"] == "vae") & (known["seed"] >= 6 - unlearned), known)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    monkeypatch.setattr(across_tables, "read_histories", lambda config, runs: None)
    monkeypatch.setattr(across_tables, "final_metrics", lambda histories: measurements())
    monkeypatch.setattr(across_tables, "first_metrics", lambda histories: before_training())
    return study().tables(config())


# ---------------------------------------------------------------- what is asked for


def test_runs_are_dense_networks_tickets_and_controls_of_every_level() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs)) == 2 * 2 * (1 + LEVELS * 3)
    assert Run("vae", "4-5", "imp", 4, "reinit") in runs
    assert study().analyses(config())[0] == "results/vae/0-3/init.safetensors"


def test_levels_are_those_of_the_task_where_it_names_some() -> None:
    runs = study(levels={"vae": [2, 4]}, controls=["random-mask"]).runs(config())
    assert {run.level for run in runs if run.task == "vae"} == {0, 2, 4}
    assert {run.level for run in runs if run.task == "lenet"} == {0, 1, 2, 3, 4}
    assert {run.branch for run in runs} == {None, "random-mask"}


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"vae": [5]}, "levels: 5 must be at most 4, the number of levels of method 'imp'"),
        ({"vea": [1]}, "levels: unknown task of this study 'vea'"),
        ({"vae": [2, 1]}, "vae: must rise"),
        ({"vae": []}, "vae: needs a level"),
    ],
)
def test_levels_that_cannot_be_are_refused(levels: dict[str, list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(levels=levels).runs(config())


# ---------------------------------------------------------------- kinds of models


@pytest.mark.parametrize(
    ("objective", "weights", "data", "kind"),
    [
        ("classification", ["hidden", "output"], "images", MLP),
        ("classification", ["conv", "output"], "images", "convolutional network"),
        ("classification", ["hidden", "output"], "graph", "graph network"),
        ("language", ["recurrent", "output"], "text", "recurrent network"),
        ("language", ["embedding", "attention", "hidden", "output"], "text", "Transformer"),
        ("actor-critic", ["hidden", "output"], "environment", "policy"),
        ("vae", ["conv", "latent"], "images", "autoencoder"),
    ],
)
def test_kinds_follow_from_the_objective_or_the_weights(
    objective: str, weights: list[str], data: str, kind: str
) -> None:
    assert kind_of_model(objective, weights, data) == kind and kind in KINDS


# ---------------------------------------------------------------- tables, claims and figure


def test_the_table_holds_the_lowest_density_of_every_curve_ordered_by_kind(tables: dict[str, pd.DataFrame]) -> None:
    lowest = tables["lowest"]
    assert list(lowest["task"]) == ["lenet"] * 3 + ["vae"] * 3  # not the order of the config
    assert list(lowest["kind"].unique()) == [MLP, "autoencoder"]
    for row in lowest.to_dict("records"):
        density = 0.5 ** MATCHED[row["task"], row["compared"]]
        assert (row["lowest"], row["fewest"], row["most"], row["seeds"]) == (density, density, density, 6)
    assert len(tables["gains"]) == 2 * 3 * LEVELS


CLAIMS = [
    ("lenet", "Winning tickets exist: with 50% of the weights", "supported", -0.02, 0.01),
    ("lenet", "Tickets match the dense network with fewer weights than random masks", "supported", 2.0, 0.0),
    ("lenet", "Tickets match the dense network with fewer weights than the same masks on fresh", "supported", 3.0, 0.0),
    ("vae", "Tickets match the dense network with fewer weights than random masks", "inconclusive", 0.0, 0.0),
]


@pytest.mark.parametrize(("task", "sentence", "verdict", "estimate", "within"), CLAIMS)
def test_claims_on_known_tables(
    tables: dict[str, pd.DataFrame], task: str, sentence: str, verdict: str, estimate: float, within: float
) -> None:
    made = study().claims(config(), tables)
    (claim,) = (claim for claim in made if claim.task == task and claim.claim.startswith(sentence))
    assert claim.estimate == pytest.approx(estimate, abs=within + 1e-9)
    assert claim.verdict == verdict and claim.n == 6


def test_matching_says_which_controls_match_as_well(tables: dict[str, pd.DataFrame]) -> None:
    existence = {
        claim.task: claim for claim in study().claims(config(), tables) if claim.claim.startswith("Winning tickets")
    }
    assert {claim.verdict for claim in existence.values()} == {"supported"}
    assert existence["lenet"].remark.startswith("The same holds for random masks (−0.02")
    assert "fresh" not in existence["lenet"].remark and "fresh" in existence["vae"].remark
    assert "which still matches" not in existence["lenet"].remark  # of which nothing simple is known
    assert existence["vae"].remark.endswith(
        "1 nat, which still matches, is 25% of the difference between the dense network (20) and the mean test image "
        "in place of every image (24)."
    )


def test_the_figure_marks_every_curve_at_its_lowest_density(tables: dict[str, pd.DataFrame]) -> None:
    drawing, grid = study().figures(config(), tables)
    assert [drawing.name, grid.name] == study().figure_names(config())
    figure = drawing.draw()
    (axes,) = figure.axes
    assert (
        figure.legends[0]
        .get_title()
        .get_text()
        .replace("\n", " ")
        .endswith("hollow: not matched at the highest tested density; arrow: or lower")
    )
    marks = [line for line in axes.get_lines() if np.size(line.get_xdata()) == 1 and line.get_marker() != "|"]
    drawn = sorted(float(np.asarray(line.get_xdata())[0]) for line in marks)
    assert drawn == sorted(0.5**level for level in MATCHED.values())
    hollow = [line for line in marks if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 1 and len([text for text in axes.texts if not text.get_text()]) == 2  # arrows
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"{MLP}\nlenet (lenet)",
        "autoencoder\nvae (vae)",
    ]
    assert "6 seeds" in drawing.caption and "{" not in drawing.caption and "GAN" not in drawing.caption


def test_the_caption_puts_what_matches_in_proportion_where_that_is_known(tables: dict[str, pd.DataFrame]) -> None:
    drawing, _ = study().figures(config(), tables)
    assert (
        "How much of the difference between the dense network and something simple still matches: vae 25% (dense "
        "network: 20, the mean test image in place of every image: 24)."
    ) in drawing.caption


def test_a_dense_network_that_is_no_better_than_something_simple_has_no_part(tables: dict[str, pd.DataFrame]) -> None:
    worse = tables["lowest"].assign(dense=25.0)
    drawing, _ = study().figures(config(), tables | {"lowest": worse})
    assert (
        "still matches: vae unknown, for the dense network is no better (dense network: 25, the mean test image in "
        "place of every image: 24)."
    ) in drawing.caption


def test_the_text_of_the_figure_has_the_marks_of_every_task_with_their_intervals(
    tables: dict[str, pd.DataFrame],
) -> None:
    drawing, _ = study().figures(config(), tables)
    assert describe(drawing.draw()) == (
        "Figure: weights remaining (%); row by row, fully connected network lenet (lenet): winning ticket at 12.5, "
        "random mask at 50, random reinitialization at 100; autoencoder vae (vae): winning ticket at 6.2 or beyond, "
        "random mask at 6.2 or beyond, random reinitialization at 25."
    )


def test_what_each_task_is_measured_by_stands_beside_it_on_the_figure(tables: dict[str, pd.DataFrame]) -> None:
    drawing, _ = study().figures(config(), tables)
    texts = [text.get_text() for text in drawing.draw().axes[0].texts if text.get_text()]
    assert texts == ["accuracy,\nwithin 0.2 points", "negative ELBO,\nwithin 1 nat"]
    longest = tables["lowest"].assign(metric="denoising loss", matching=0.005, unit="squared noise")
    drawing, _ = study().figures(config(), tables | {"lowest": longest})
    figure = drawing.draw()
    images(figure)
    figure.set_dpi(200)  # as it is written
    figure.draw_without_rendering()
    (text, _) = (text for text in figure.axes[0].texts if text.get_text())
    assert text.get_window_extent().x1 <= figure.bbox.width


def test_what_was_not_measured_is_said_to_be_so_and_has_no_mark(tables: dict[str, pd.DataFrame]) -> None:
    lost = tables["measurements"]["task"] == "vae"
    measured = tables["measurements"].assign(metric=tables["measurements"]["metric"].mask(lost))
    views = [across_tables.View(study(), config(), {"measurements": measured}, task) for task in study().tasks]
    gains = pd.concat(
        [across_tables._gains(view, branch) for view in views for branch in across_tables.branches(study())]
    )
    lowest = across_tables.lowest(views, gains, judged.judged(config(), []), before_training())
    assert lowest.set_index("task")["lowest"].isna().groupby("task").all().to_dict() == {"lenet": False, "vae": True}
    made = {"measurements": measured, "gains": gains, "lowest": lowest}
    drawing, _ = study().figures(config(), made)
    (axes,) = drawing.draw().axes
    assert [text.get_text() for text in axes.texts].count("not measured") == 1
    assert "Not measured: trainings, or the images that are drawn, diverged." in drawing.caption
    of_vae = [claim for claim in study().claims(config(), made) if claim.task == "vae"]
    assert of_vae and all(claim.verdict == "inconclusive" for claim in of_vae)


def test_dense_networks_that_learned_nothing_are_counted(
    tables: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "he dense network of 2 of 6 seeds ended no better than it began"
    assert not any("ended no better" in claim.remark for claim in study().claims(config(), tables))
    monkeypatch.setattr(across_tables, "first_metrics", lambda histories: before_training(unlearned=2))
    made = study().tables(config())
    assert made["lowest"].groupby("task")["unlearned"].unique().map(list).to_dict() == {"lenet": [0], "vae": [2]}
    for claim in study().claims(config(), made):
        assert (f"T{said}, which nearly every network matches." in claim.remark) == (claim.task == "vae")
    drawing, _ = study().figures(config(), made)
    assert drawing.caption.endswith(f" vae: t{said}.")


def test_the_figure_explains_only_what_it_shows(tables: dict[str, pd.DataFrame]) -> None:
    lowest = tables["lowest"].assign(lowest=0.5, fewest=0.25)
    drawing, _ = study().figures(config(), tables | {"lowest": lowest})
    note = drawing.draw().legends[0].get_title().get_text()
    assert "hollow" not in note and "arrow" not in note
