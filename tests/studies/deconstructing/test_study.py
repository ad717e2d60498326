"""The study of the recipe's parts: which chains it asks for, and the tables that it makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from lth_core import registry
from lth_core.config import Choice, Method, Rewind
from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import write_text
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.deconstructing.study import CRITERIA, KEPT_ACTIONS, PRUNED_ACTIONS
from lth_core.studies.deconstructing.tables import ACCURACY_COLUMNS, SUPERMASK_COLUMNS, gather
from tests.support.deconstructing_tables import SEEDS, config, study

# ---------------------------------------------------------------- what is trained


def test_every_variant_is_a_chain_of_its_own_and_the_recipe_itself_is_the_tasks_method():
    chains = study().chains(config(), "imp")
    assert chains["criteria"]["large-final"] == chains["pruned"]["zero"] == chains["kept"]["rewind"] == "imp"
    assert chains["criteria"]["movement"] == "imp-movement"
    derived = study().methods(config())
    assert len(derived) == len(CRITERIA) - 1 + len(PRUNED_ACTIONS) + len(KEPT_ACTIONS) + 2 * 2 * 2
    assert derived["imp-movement"] == Method(levels=4, criterion=Choice(name="movement"))
    zero_all = Choice(name="freeze-init", zero="all-toward-zero")
    assert derived["imp-freeze-init-zero-all"] == Method(levels=4, treatment=zero_all)
    assert derived["imp-constant-signed"].treatment == Choice(name="constant", keep_signs=True)
    assert {run.method for run in study().runs(config())} == {"dense", "imp", *derived}


def test_the_grid_has_every_level_of_every_chain_down_to_the_last_chosen_one():
    few = study(criteria=["large-final", "random"], pruned_actions=["freeze-init"], kept_actions=[])
    runs = few.runs(config())
    # two cohorts; dense, three chains of three levels, eight searches for supermasks
    assert len(runs) == len(set(runs)) == 2 * (1 + 3 * 3 + 8)
    assert Run("digits", "2-2", "imp-freeze-init", 3) in runs


def test_a_method_with_another_criterion_is_no_large_final():
    chains = study().chains(config(criterion="movement"), "imp")
    assert chains["criteria"]["large-final"] == "imp-large-final" and chains["criteria"]["movement"] == "imp"


@pytest.mark.parametrize(("name", "choice"), [*PRUNED_ACTIONS.items(), *KEPT_ACTIONS.items()])
def test_every_action_is_a_registered_treatment_that_takes_its_options(name: str, choice: Choice):
    assert choice.options.keys() <= registry.treatment.options(choice.name).keys()


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
    with pytest.raises(ValueError, match=r"^levels: 5 must be at most 4, the number of levels of method 'imp'$"):
        study(levels=[2, 5]).runs(config())
    with pytest.raises(
        ValueError, match=r"^method 'imp' has rewind policy 'lr-rewind': this study needs 'reset' or 'rewind'$"
    ):
        study().methods(config(rewind=Rewind(policy="lr-rewind")))
    with pytest.raises(ValueError, match=r"^method 'imp' has a treatment: name a method without one"):
        study().methods(config(treatment="constant"))
    with pytest.raises(ValidationError, match="must rise"):
        study(levels=[3, 2])


def test_supermasks_are_found_by_every_criterion_and_learned_in_four_ways_per_cohort():
    few = study(criteria=["large-final", "random"])
    files = few.analyses(config())
    assert len(files) == len(set(files)) == 2 * 2
    assert "results/digits/0-1/imp/supermasks.csv" in files
    assert "results/digits/2-2/imp-random/supermasks.csv" in files
    learned = {run for run in few.runs(config()) if "learned" in run.method}
    assert len(learned) == 2 * 8 and Run("digits", "2-2", "imp-learned-constant-rescaled-likely", 1) in learned
    search = few.methods(config())["imp-learned-constant-rescaled-likely"].search
    assert search and (search.weights, search.retrain) == ("constant", False)
    assert search.parametrization.options == {"rescale": True, "final": "likely"}
    assert study(supermasks=False).analyses(config()) == []


# ---------------------------------------------------------------- tables


def test_one_row_per_trained_network_with_its_accuracies_at_early_stopping_and_at_the_end(tmp_path: Path):
    settings = config(str(tmp_path))
    few = study(criteria=["large-final"], pruned_actions=[], kept_actions=["redraw"], supermasks=False)
    for run in few.runs(settings):
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in (0, 1) if run.cohort == "0-1" else (2,):
            loss = "nan" if (seed, run.method, run.level) == (1, "imp", 3) else "0.7"
            lines += [f"{seed},0,50,{split},0.5,0.9" for split in ("train", "validation", "test")]
            lines += [f"{seed},0,100,{split},{loss},0.8" for split in ("train", "validation", "test")]
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        if run.level:
            header = {"density": 0.8**run.level, "provenance": {}}
            write_tensors(run.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
    table = few.tables(settings)["accuracies"]
    assert list(table.columns) == list(ACCURACY_COLUMNS) and len(table) == SEEDS * (1 + 2 * 3)
    diverged = table["accuracy"].isna()
    assert table.loc[diverged, ["method", "level", "seed"]].to_numpy().tolist() == [["imp", 3, 1]]
    assert (table.loc[~diverged, "accuracy"] == 0.9).all() and (table.loc[~diverged, "final_accuracy"] == 0.8).all()
    assert few.tables(settings).keys() == {*few.table_names}
    assert few.tables(settings)["supermasks"].empty and few.tables(settings)["supermask_comparison"].empty


def test_supermasks_are_gathered_with_what_names_them(tmp_path: Path):
    path = tmp_path / "supermasks.csv"
    write_text(path, "seed,level,density,values,validation_accuracy,test_accuracy\n4,1,0.8,constant,0.5,0.25\n")
    table = gather({("digits", "movement", "4-4"): str(path)}, SUPERMASK_COLUMNS, ("task", "criterion"))
    assert table.to_numpy().tolist() == [["digits", "movement", 1, 0.8, "constant", 4, 0.5, 0.25]]
    with pytest.raises(ArtifactError, match=r"missing\.csv: cannot be read"):
        gather({("digits", "movement", "4-4"): str(tmp_path / "missing.csv")}, SUPERMASK_COLUMNS, ("task",))
