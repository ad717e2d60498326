"""The study of the recipe's parts: which chains it asks for, the tables, figures and claims that it makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core import registry
from lth_core.artifacts import ArtifactError, write_tensors, write_text
from lth_core.cells import Cell
from lth_core.config import Choice, Config, Method, Rewind
from lth_core.studies.deconstructing import (
    COLUMNS,
    COMPARISON_COLUMNS,
    CRITERIA,
    KEPT_ACTIONS,
    LEARNED_COLUMNS,
    PRUNED_ACTIONS,
    SUPERMASK_COLUMNS,
    Deconstructing,
)
from lth_core.studies.deconstructing_tables import comparison, gathered

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
    with pytest.raises(ValidationError, match="unknown criterion 'larg-final'; did you mean 'large-final'"):
        study(criteria=["larg-final"])


def test_without_criteria_there_is_nothing_to_compare():
    with pytest.raises(ValidationError, match="criteria"):
        study(criteria=[])


def test_methods_that_cannot_be_varied_and_levels_that_are_not_there_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^levels: 5 is beyond the 4 levels of method 'imp'$"):
        study(levels=[2, 5]).cells(config())
    with pytest.raises(ValueError, match=r"^method 'imp' starts from trained weights \(rewind policy 'continue'\)"):
        study().methods(config(rewind=Rewind(policy="continue")))
    with pytest.raises(ValueError, match=r"^method 'imp' has a treatment of its own"):
        study().methods(config(treatment="constant"))
    with pytest.raises(ValidationError, match="must rise"):
        study(levels=[3, 2])


def test_supermasks_are_found_by_every_criterion_and_learned_in_four_ways_per_cohort():
    few = study(criteria=["large-final", "random"])
    found = few.analyses(config())
    assert len(found) == len(set(found)) == 2 * (2 + 4)
    assert "results/digits/0-1/imp/supermasks.csv" in found
    assert "results/digits/2-2/imp-random/supermasks.csv" in found
    assert "results/digits/2-2/dense/supermasks_constant_rescaled.csv" in found
    assert study(supermasks=False).analyses(config()) == []


# ---------------------------------------------------------------- tables


def test_one_row_per_trained_network_with_its_accuracies_at_early_stopping_and_at_the_end(tmp_path: Path):
    settings = config(str(tmp_path))
    few = study(criteria=["large-final"], pruned_actions=[], kept_actions=["redraw"], supermasks=False)
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
    assert few.tables(settings).keys() == {*few.table_names}
    assert few.tables(settings)["supermasks"].empty and few.tables(settings)["supermask_comparison"].empty


def test_supermasks_are_gathered_with_what_names_them(tmp_path: Path):
    path = tmp_path / "supermasks.csv"
    write_text(path, "seed,level,density,values,validation_accuracy,test_accuracy\n4,1,0.8,constant,0.5,0.25\n")
    table = gathered({("digits", "movement", "4-4"): str(path)}, SUPERMASK_COLUMNS, ("task", "criterion"))
    assert table.to_numpy().tolist() == [["digits", "movement", 1, 0.8, "constant", 4, 0.5, 0.25]]
    with pytest.raises(ArtifactError, match=r"missing\.csv: cannot be read"):
        gathered({("digits", "movement", "4-4"): str(tmp_path / "missing.csv")}, SUPERMASK_COLUMNS, ("task",))


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
                found = ACCURACIES.get(method, OTHERS) + (seed - 1) * level * len(method) / 1e7
                rows.append(("digits", method, level, 0.8**level, seed, found, found))
    return pd.DataFrame(rows, columns=list(COLUMNS))


FOUND = {  # by level: test accuracies of constants; those of initial values are 0.1 below, of validation equal
    "large-final-same-sign": [0.1, 0.6, 0.8, 0.5, 0.3],
    "large-final": [0.1, 0.3, 0.4, 0.5, 0.2],
    "random": [0.1, 0.1, 0.1, 0.1, 0.12],
}


def known_supermasks() -> pd.DataFrame:
    rows = []
    for criterion in CRITERIA:
        for level, accuracy in enumerate(FOUND.get(criterion, FOUND["random"])):
            for values, less in (("initial", 0.1), ("constant", 0.0)):
                for seed in range(SEEDS):
                    found = accuracy - less + (seed - 1) * (level + 1 + 10 * less) * len(criterion) / 1e7
                    rows.append(("digits", criterion, level, 0.8**level, values, seed, found, found))
    return pd.DataFrame(rows, columns=list(SUPERMASK_COLUMNS))


def known_learned() -> pd.DataFrame:
    accuracies = {
        ("initial", "plain"): 0.92,
        ("initial", "rescaled"): 0.95,
        ("constant", "plain"): 0.94,
        ("constant", "rescaled"): 0.91,
    }
    rows = []
    for (values, scaling), accuracy in accuracies.items():
        for mask, less in (("drawn", 0), ("likely", 0.3)):
            for seed in range(SEEDS):
                found = accuracy - less + (seed - 1) * len(values + scaling) / 1e6
                rows.append(("digits", values, scaling, mask, 0.5, seed, found, found))
    return pd.DataFrame(rows, columns=list(LEARNED_COLUMNS))


def tables(accuracies: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    found = known_accuracies() if accuracies is None else accuracies
    return {"accuracies": found, "supermasks": known_supermasks(), "learned_supermasks": known_learned()}


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from():
    drawings = study().figures(config(), tables())
    assert [drawing.name for drawing in drawings] == study().figure_names(config())
    for drawing in drawings:
        in_bars = drawing.name in ("supermask-bars-digits", "learned-supermasks-digits")
        shown = "bar: mean, line: 95% t interval." if in_bars else "band: 95% t interval."
        assert drawing.caption.endswith(f"Data: digits, network: lenet; mean of 3 seeds; {shown}")
        assert drawing.draw().axes
    without = study(supermasks=False)
    assert [found.name for found in without.figures(config(), tables())] == without.figure_names(config())


def test_bars_show_the_density_that_validation_chooses():
    (drawing,) = (found for found in study().figures(config(), tables()) if found.name == "supermask-bars-digits")
    (axes,) = drawing.draw().axes
    rows = [label.get_text() for label in axes.get_yticklabels()]
    same_sign = rows.index("large final, same sign")
    widths = [bar.get_width() for bar in axes.patches]
    assert widths[2 * same_sign : 2 * same_sign + 2] == pytest.approx([0.7, 0.8], abs=1e-5)


@pytest.mark.parametrize(("kind", "lines"), [("criteria", [9, 7]), ("kept-weights", [7]), ("pruned-weights", [6])])
def test_every_variant_is_drawn_beside_the_dense_network(kind: str, lines: list[int]):
    (drawing,) = (found for found in study().figures(config(), tables()) if found.name == f"{kind}-digits")
    assert [len(axes.get_lines()) for axes in drawing.draw().axes] == [count + 1 for count in lines]


def test_a_study_without_actions_has_figures_of_the_recipe_alone_and_no_claims_about_actions():
    few = study(criteria=["random"], pruned_actions=[], kept_actions=[], supermasks=False)
    for drawing in few.figures(config(), tables())[1:]:
        assert [len(axes.get_lines()) for axes in drawing.draw().axes] == [2]
    assert few.claims(config(), tables()) == []


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
    assert len(study().claims(config(), tables())) == (3 + 6 + 5) * len(LEVELS) + 8
    few = study(supermasks=False, criteria=["random"], pruned_actions=["freeze-init"], kept_actions=["constant"])
    sentences = {claim.claim.partition(",")[0] for claim in few.claims(config(), tables())}
    assert sentences == {"Pruned weights are better set to zero than frozen at their start"}


def test_a_diverged_replicate_leaves_its_claims_open():
    table = known_accuracies()
    table.loc[(table["method"] == "imp-random") & (table["seed"] == 1), "accuracy"] = np.nan
    found = study().claims(config(), tables(table))
    assert {claim.verdict for claim in claims_of("Keeping large final weights", found)} == {"inconclusive"}


@pytest.mark.parametrize(
    ("sentence", "points", "verdict"),
    [
        ("Masks of large final weights make untrained networks accurate", 38, "supported"),
        ("Masks of large final weights do so better if only weights that kept their sign", 30, "supported"),
        ("Signed constants make better supermasks than initial values", 10, "supported"),
        ("Supermasks are most accurate at an intermediate density", 50, "supported"),
        ("Masks of initial values that are learned beat", 22, "supported"),
        ("Masks of signed constants that are learned beat", 14, "supported"),
        ("Rescaling does learned masks of initial values no harm", 3, "supported"),
        ("Rescaling does learned masks of signed constants no harm", -3, "contradicted"),
    ],
)
def test_claims_on_known_supermasks(sentence: str, points: float, verdict: str):
    (claim,) = claims_of(sentence)
    assert claim.estimate == pytest.approx(points, abs=1e-3)
    assert (claim.verdict, claim.n, claim.source) == (verdict, SEEDS, "Zhou et al. 2019, section 5")


def test_on_mnist_accuracies_are_compared_with_what_the_paper_leads_to_expect():
    found = study().claims(config(dataset="mnist"), tables())
    (by_criterion,) = claims_of("A mask found by a criterion gets 60% of MNIST right", found)
    assert by_criterion.estimate == pytest.approx(80, abs=1e-3) and by_criterion.verdict == "supported"
    (learned,) = claims_of("A learned mask gets 93% of MNIST right", found)
    assert learned.estimate == pytest.approx(95, abs=1e-3) and learned.verdict == "supported"
    assert "initial and rescaled (best by validation)" in learned.effect
    assert len(found) == len(study().claims(config(), tables())) + 2


# ---------------------------------------------------------------- what validation chooses


def disagreeing() -> dict[str, pd.DataFrame]:
    """Tables in which other levels, another criterion and another kind of mask are best by validation than by test."""
    found = tables()

    def believe(table: str, accuracy: float, **where: object) -> None:
        rows = found[table]
        chosen = np.logical_and.reduce([rows[column] == value for column, value in where.items()])
        rows.loc[chosen, "validation_accuracy"] = accuracy
        assert chosen.sum() == SEEDS

    for values in ("initial", "constant"):
        believe("supermasks", 0.90, criterion="large-final-same-sign", values=values, level=3)  # by test 2
        believe("supermasks", 0.95, criterion="large-final", values=values, level=2)  # by test 3, and the other one
    believe("learned_supermasks", 0.99, values="constant", scaling="plain", mask="drawn")  # by test initial, rescaled
    return found


@pytest.mark.parametrize(
    ("sentence", "points", "effect"),
    [
        ("Masks of large final weights make", 30 - 2, "large-final minus random"),  # at levels 2 and 4
        ("Masks of large final weights do so better", 40 - 30, "large-final-same-sign minus large-final"),  # 3 and 2
        ("Supermasks are most accurate at an intermediate", 50 - 30, "level 3 (best by validation)"),
        ("Masks of initial values that are learned beat", 92 - 30, "learned minus large-final masks"),
        ("Masks of signed constants that are learned beat", 94 - 40, "learned minus large-final masks"),
        ("A mask found by a criterion gets 60% of MNIST", 50, ""),
        ("A learned mask gets 93% of MNIST", 94, "constant and plain (best by validation)"),
    ],
)
def test_what_is_compared_is_chosen_by_validation_accuracy_and_never_by_test_accuracy(
    sentence: str, points: float, effect: str
):
    (claim,) = claims_of(sentence, study().claims(config(dataset="mnist"), disagreeing()))
    assert claim.estimate == pytest.approx(points, abs=1e-3) and effect in claim.effect


def test_the_comparison_of_supermasks_has_means_and_intervals_of_what_validation_chooses():
    table = comparison(disagreeing())
    assert list(table.columns) == list(COMPARISON_COLUMNS)
    by_kind = table.set_index(["kind", "values"])
    assert by_kind.index.is_unique and set(table["task"]) == {"digits"} and set(table["seeds"]) == {SEEDS}
    assert (100 * by_kind["mean"]).round(2).to_dict() == {
        ("found", "initial"): 30,
        ("found", "constant"): 40,
        ("learned", "initial"): 92,
        ("learned", "constant"): 94,
        ("learned-rescaled", "initial"): 95,
        ("learned-rescaled", "constant"): 91,
        ("likely", "initial"): 62,
        ("likely", "constant"): 64,
        ("likely-rescaled", "initial"): 65,
        ("likely-rescaled", "constant"): 61,
        ("trained", "trained"): 97,
    }
    assert by_kind["chosen"]["found"].tolist() == ["large-final at level 2"] * 2
    learned = known_learned().query("values == 'constant' and scaling == 'plain' and mask == 'drawn'")["test_accuracy"]
    half = 4.302652729696142 * learned.std() / SEEDS**0.5  # Student's t at 97.5% with 2 degrees of freedom
    row = by_kind.loc[("learned", "constant")]
    assert [row["low"], row["high"]] == pytest.approx([row["mean"] - half, row["mean"] + half], rel=1e-12)
