"""The study of the recipe's parts: which chains it asks for, the tables, figures and claims that it makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core import registry
from lth_core.artifacts import write_tensors, write_text
from lth_core.cells import Cell
from lth_core.config import Choice, Config, Method, Rewind
from lth_core.registry import UnknownName
from lth_core.studies.deconstructing import COLUMNS, CRITERIA, KEPT_ACTIONS, PRUNED_ACTIONS, Deconstructing

LEVELS = [2, 3]
SEEDS = 3


def config(results: str = "results", dataset: str = "digits", **method) -> Config:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": dataset, "model": "lenet", "train": recipe, "cohorts": ["0-1", "2-2"]}
    options = {"tasks": {"digits": "imp"}, "levels": LEVELS}
    imp = {"levels": 4, **method}
    return Config(results=results, tasks={"digits": task}, methods={"imp": imp}, studies={"deconstructing": options})


def study(**options) -> Deconstructing:
    return Deconstructing(**{"tasks": {"digits": "imp"}, "levels": LEVELS, **options})


# ---------------------------------------------------------------- what is trained


def test_every_variant_is_a_chain_of_its_own_and_the_recipe_itself_is_the_tasks_method():
    chains = study().chains(config(), "imp")
    assert chains["criteria"]["large-final"] == chains["pruned"]["zero"] == chains["kept"]["rewind"] == "imp"
    assert chains["criteria"]["movement"] == "imp-movement"
    derived = study().methods(config())
    assert len(derived) == len(CRITERIA) - 1 + len(PRUNED_ACTIONS) + len(KEPT_ACTIONS)
    assert derived["imp-movement"] == Method(levels=4, criterion=Choice(name="movement"))
    zero_all = Choice(name="freeze-init", zero="all-toward-zero")
    assert derived["imp-freeze-init-zero-all"] == Method(levels=4, treatment=zero_all)
    assert derived["imp-constant-signed"].treatment == Choice(name="constant", keep_signs=True)
    assert {cell.method for cell in study().cells(config())} == {"dense", "imp", *derived}


def test_the_grid_has_every_level_of_every_chain_down_to_the_last_chosen_one():
    few = study(criteria=["large-final", "random"], pruned_actions=["freeze-init"], kept_actions=[])
    cells = few.cells(config())
    assert len(cells) == len(set(cells)) == 2 * (1 + 3 * 3)  # two cohorts; dense and three chains of three levels
    assert Cell("digits", "2-2", "imp-freeze-init", 3) in cells


def test_a_method_with_another_criterion_is_no_large_final():
    chains = study().chains(config(criterion="movement"), "imp")
    assert chains["criteria"]["large-final"] == "imp-large-final" and chains["criteria"]["movement"] == "imp"


@pytest.mark.parametrize(("name", "choice"), [*PRUNED_ACTIONS.items(), *KEPT_ACTIONS.items()])
def test_every_action_is_a_registered_treatment_that_takes_its_options(name: str, choice: Choice):
    import lth_core.branches  # noqa: F401 (registers them)

    assert choice.options.keys() <= registry.branch.options(choice.name).keys()


@pytest.mark.parametrize("option", ["pruned_actions", "kept_actions"])
def test_an_unknown_action_is_one_line_with_the_nearest_name(option: str):
    known = "freeze-init" if option == "pruned_actions" else "reshuffle"
    with pytest.raises(ValidationError, match=f"unknown action '{known}e'; did you mean '{known}'"):
        study(**{option: [f"{known}e"]})


def test_an_unknown_criterion_is_one_line_with_the_nearest_name():
    with pytest.raises(UnknownName, match="unknown criterion 'larg-final'; did you mean 'large-final'"):
        study(criteria=["larg-final"]).methods(config())


def test_methods_that_cannot_be_varied_and_levels_that_are_not_there_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^levels: 5 is beyond the 4 levels of method 'imp'$"):
        study(levels=[2, 5]).cells(config())
    with pytest.raises(ValueError, match=r"^method 'imp' starts from trained weights \(rewind policy 'continue'\)"):
        study().methods(config(rewind=Rewind(policy="continue")))
    with pytest.raises(ValueError, match=r"^method 'imp' has a treatment of its own"):
        study().methods(config(treatment="constant"))
    with pytest.raises(ValidationError, match="must rise"):
        study(levels=[3, 2])


# ---------------------------------------------------------------- tables


def test_one_row_per_trained_network_with_its_accuracies_at_early_stopping_and_at_the_end(tmp_path: Path):
    settings, few = config(str(tmp_path)), study(criteria=["large-final"], pruned_actions=[], kept_actions=["redraw"])
    for cell in few.cells(settings):
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in (0, 1) if cell.cohort == "0-1" else (2,):
            loss = "nan" if (seed, cell.method, cell.level) == (1, "imp", 3) else "0.7"
            lines += [f"{seed},0,50,{split},0.5,0.9" for split in ("train", "validation", "test")]
            lines += [f"{seed},0,100,{split},{loss},0.8" for split in ("train", "validation", "test")]
        write_text(cell.history(settings.results), "\n".join(lines) + "\n")
        if cell.level:
            header = {"density": 0.8**cell.level, "provenance": {}}
            write_tensors(cell.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
    table = few.tables(settings)["accuracies"]
    assert list(table.columns) == list(COLUMNS) and len(table) == SEEDS * (1 + 2 * 3)
    diverged = table["accuracy"].isna()
    assert table.loc[diverged, ["method", "level", "seed"]].to_numpy().tolist() == [["imp", 3, 1]]
    assert (table.loc[~diverged, "accuracy"] == 0.9).all() and (table.loc[~diverged, "final_accuracy"] == 0.8).all()


# ---------------------------------------------------------------- figures and claims

ACCURACIES = {
    "dense": 0.97,
    "imp": 0.96,
    "imp-magnitude-increase": 0.95,
    "imp-random": 0.90,
    "imp-small-final": 0.80,
    "imp-freeze-init": 0.93,
    "imp-freeze-init-zero-mask": 0.961,
    "imp-freeze-init-zero-all": 0.94,
    "imp-redraw-signed": 0.958,
    "imp-redraw": 0.92,
}
OTHERS = 0.91


def known_accuracies() -> pd.DataFrame:
    """One accuracy per method, at every level; seeds differ by very little."""
    methods = ["dense", *{cell.method: None for cell in study().cells(config()) if cell.level}]
    rows = []
    for method in methods:
        for level in [0] if method == "dense" else range(1, 4):
            for seed in range(SEEDS):
                found = ACCURACIES.get(method, OTHERS) + seed * level * len(method) / 1e8
                rows.append(("digits", method, level, 0.8**level, seed, found, found))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def tables(accuracies: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    return {"accuracies": known_accuracies() if accuracies is None else accuracies}


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from():
    drawings = study().figures(config(), tables())
    assert [drawing.name for drawing in drawings] == study().figure_names(config())
    for drawing in drawings:
        assert drawing.caption.endswith("Data: digits, network: lenet; mean of 3 seeds; band: 95% t interval.")
        assert drawing.draw().axes


@pytest.mark.parametrize(("kind", "lines"), [("criteria", [9, 7]), ("kept-weights", [7]), ("pruned-weights", [6])])
def test_every_variant_is_drawn_beside_the_dense_network(kind: str, lines: list[int]):
    (drawing,) = (found for found in study().figures(config(), tables()) if found.name == f"{kind}-digits")
    assert [len(axes.get_lines()) for axes in drawing.draw().axes] == [count + 1 for count in lines]


def test_criteria_of_a_users_own_are_drawn_too():
    own = study(criteria=["large-final", "magnitude-at-init"])
    table = known_accuracies().replace({"method": {"imp-movement": "imp-magnitude-at-init"}})
    (axes,) = own.figures(config(), tables(table))[0].draw().axes
    assert [line.get_label() for line in axes.get_lines()] == ["large final", "magnitude at init", "dense network"]


def claims_of(sentence: str, found: list | None = None) -> list:
    found = study().claims(config(), tables()) if found is None else found
    return [claim for claim in found if claim.claim.startswith(sentence)]


@pytest.mark.parametrize(
    ("sentence", "points", "margin", "verdict"),
    [
        ("Keeping large final weights beats a random mask", 6, 0, "supported"),
        ("Keeping weights that grew in magnitude beats a random mask", 5, 0, "supported"),
        ("Keeping small final weights is worse than a random mask", 10, 0, "supported"),
        ("Pruned weights are better set to zero than frozen", 3, 0, "supported"),
        ("Freezing the pruned weights that moved away from zero", 0.1, -0.2, "supported"),
        ("Starting every weight that moved toward zero from zero", -2, -0.2, "contradicted"),
        ("With their signs kept, redrawn starting values do as well", -0.2, -0.3, "supported"),
        ("With their signs kept, constant magnitudes do as well", -5, -0.3, "contradicted"),
        ("Without their signs, redrawn starting values do worse", 3.8, 0, "supported"),
    ],
)
def test_claims_on_known_accuracies(sentence: str, points: float, margin: float, verdict: str):
    found = claims_of(sentence)
    assert [claim.claim[-21:] for claim in found] == ["64.0% of the weights.", "51.2% of the weights."]
    for claim in found:
        assert claim.estimate == pytest.approx(points, abs=1e-3) and claim.n == SEEDS
        assert (claim.margin, claim.verdict, claim.unit) == (margin, verdict, "percentage points")


def test_there_is_one_claim_per_comparison_and_level_and_none_without_its_variants():
    assert len(study().claims(config(), tables())) == (3 + 6 + 5) * len(LEVELS)
    few = study(criteria=["random"], pruned_actions=["freeze-init"], kept_actions=["constant"])
    sentences = {claim.claim.partition(",")[0] for claim in few.claims(config(), tables())}
    assert sentences == {"Pruned weights are better set to zero than frozen at their start"}


def test_a_diverged_replicate_leaves_its_claims_open():
    table = known_accuracies()
    table.loc[(table["method"] == "imp-random") & (table["seed"] == 1), "accuracy"] = np.nan
    found = study().claims(config(), tables(table))
    assert {claim.verdict for claim in claims_of("Keeping large final weights", found)} == {"inconclusive"}
