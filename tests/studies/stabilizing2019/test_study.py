"""The stability study: which trainings it asks for, and the tables and claims that it makes of known histories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core.config import Branch, Choice, Config, Method, Rewind
from lth_core.storage.files import write_text
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.stabilizing2019 import Stabilizing2019
from lth_core.studies.stabilizing2019.tables import COLUMNS

STEPS, LEVELS = [0, 20, 80], [2, 4]
SEEDS = 3
ADAM = {"name": "adam", "learning_rate": 1.2e-3}
"""What the paper trains LeNet with."""
STABLE = "at least 1.3 times as stable to data order as random ones"


def config(
    results: str = "results", model: str = "lenet", optimizer: dict = ADAM, rewind: Rewind | None = None, **sections
) -> Config:
    recipe = {"optimizer": optimizer, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": "digits", "model": model, "train": recipe, "cohorts": ["0-1", "2-2"]}
    method = {"levels": 4, "rewind": rewind or Rewind()}
    options = {"tasks": {"digits": "imp"}, "rewind_steps": STEPS, "levels": LEVELS}
    study = {"stabilizing2019": options}
    return Config(results=results, tasks={"digits": task}, methods={"imp": method}, studies=study, **sections)


def study(**options) -> Stabilizing2019:
    return Stabilizing2019(**{"tasks": {"digits": "imp"}, "rewind_steps": STEPS, "levels": LEVELS, **options})


# ---------------------------------------------------------------- what is trained


def test_the_grid_holds_every_ticket_of_every_chain_and_three_branches_at_the_chosen_levels():
    runs = study().runs(config())
    assert len(runs) == len(set(runs))
    dense, tickets, branches = 1, len(STEPS) * 4, len(STEPS) * len(LEVELS) * 3
    assert len(runs) == 2 * (dense + tickets + branches)  # two cohorts
    assert {run.branch for run in runs} == {None, "order-1", "random-mask", "random-mask-order-1"}
    assert {run.level for run in runs if run.branch} == set(LEVELS)


def test_other_rewind_steps_are_derived_and_reset_is_the_configured_method_itself():
    assert study().methods(config()) == {
        f"imp-rewind-{k}": Method(levels=4, rewind=Rewind(policy="rewind", step=k)) for k in (20, 80)
    }


def test_a_method_that_already_rewinds_to_one_of_the_steps_is_not_trained_twice():
    rewinding = config(rewind=Rewind(policy="rewind", step=20))
    derived = study().methods(rewinding)
    assert {name: method.rewind for name, method in derived.items()} == {
        "imp-rewind-0": Rewind(policy="reset"),
        "imp-rewind-80": Rewind(policy="rewind", step=80),
    }
    assert Run("digits", "0-1", "imp", 4) in study().runs(rewinding)


def test_derived_chains_are_pruned_down_to_the_last_chosen_level():
    runs = study(levels=[1, 3]).runs(config())
    assert {max(run.level for run in runs if run.method == method) for method in ("imp-rewind-20", "imp")} == {3}


def test_both_data_orders_of_the_random_subnetwork_share_one_draw():
    branches = study().branches(config())
    assert branches["order-1"] == Branch(treatment=Choice(name="ticket"), order=1)
    assert branches["random-mask"] == Branch(treatment=Choice(name="random-mask"), order=0)
    assert branches["random-mask-order-1"] == Branch(treatment=Choice(name="random-mask"), order=1)


def test_a_configured_random_mask_keeps_its_draws_on_both_data_orders():
    configured = Branch(treatment=Choice(name="random-mask"), draws=3)
    branches = study().branches(config(branches={"random-mask": configured}))
    assert branches["random-mask"] == configured and branches["random-mask-order-1"].draws == 3


def test_levels_beyond_the_method_are_an_error_in_one_line():
    with pytest.raises(ValueError, match=r"^levels: 5 must be at most 4, the number of levels of method 'imp'$"):
        study(levels=[2, 5]).runs(config())


def test_random_subnetworks_must_be_trained_on_the_tickets_own_data_order_too() -> None:
    elsewhere = config().model_copy(
        update={"branches": {"random-mask": Branch(treatment=Choice(name="random-mask"), order=2)}}
    )
    with pytest.raises(ValueError, match=r"^branch 'random-mask' must be trained on the tickets' data order"):
        study(levels=[2]).branches(elsewhere)


@pytest.mark.parametrize(
    "options",
    [
        {"rewind_steps": [0]},
        {"rewind_steps": [20, 80]},
        {"rewind_steps": [0, 80, 20]},
        {"levels": []},
        {"levels": [0, 2]},
        {"levels": [2, 2]},
    ],
)
def test_options_that_leave_nothing_to_compare_are_refused(options):
    with pytest.raises(ValidationError):
        study(**options)


def test_every_distance_lies_in_the_folder_of_the_training_that_it_is_about():
    folder = "results/digits/0-1/imp-rewind-20/level_2"
    paths = [path for path in study().analyses(config()) if path.startswith(folder)]
    assert sorted(paths) == [
        f"{folder}/order-1/order_distance.csv",
        f"{folder}/pruning_distance.csv",
        f"{folder}/random-mask-order-1/order_distance.csv",
        f"{folder}/random-mask/pruning_distance.csv",
    ]
    assert len(study().analyses(config())) == 2 * len(STEPS) * len(LEVELS) * 4


# ---------------------------------------------------------------- tables


def distances_of(run: Run, k: int) -> float:
    """Twice as far for random subnetworks; nearer with later rewinding."""
    return (20.0 if run.branch else 10.0) - 0.1 * k


def write_results(folder: Path) -> Config:
    """Histories, mask headers and distances of every run, with known values."""
    settings = config(str(folder))
    the_study = study()
    steps = {the_study.method(settings, "digits", k): k for k in STEPS}
    for run in the_study.runs(settings):
        seeds = (0, 1) if run.cohort == "0-1" else (2,)
        accuracy = 0.9 if run.branch == "random-mask" else 0.95
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in seeds:
            loss = "nan" if (seed, run.method, run.level) == (1, "imp-rewind-80", 3) else "0.5"
            lines += [f"{seed},0,50,{split},0.7,0.1" for split in ("train", "validation", "test")]
            lines += [f"{seed},0,100,train,{loss},1.0", f"{seed},0,100,validation,{loss},{accuracy - 0.01}"]
            lines += [f"{seed},0,100,test,{loss},{accuracy + seed / 1000}"]
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        if run.level:
            header = {"density": 0.8**run.level, "provenance": {}}
            write_tensors(run.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
        if run.branch or run.level in LEVELS:
            rows = [f"{seed},0,{distances_of(run, steps[run.method]) + seed},0.5" for seed in seeds]
            for kind in ("order", "pruning"):
                path = f"{run.folder(settings.results)}/{kind}_distance.csv"
                write_text(path, "\n".join(["seed,draw,l2,angle", *rows]) + "\n")
    return settings


@pytest.fixture(scope="module")
def measurements(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return study().tables(write_results(tmp_path_factory.mktemp("results")))["measurements"]


def test_one_row_per_replicate_of_dense_ticket_and_random_networks(measurements: pd.DataFrame):
    assert list(measurements.columns) == list(COLUMNS)
    counts = measurements.groupby("network").size()
    tickets, random = SEEDS * len(STEPS) * 4, SEEDS * len(STEPS) * len(LEVELS)
    assert counts.to_dict() == {"dense": SEEDS, "ticket": tickets, "random-mask": random}
    key = ["task", "k", "level", "network", "seed", "draw"]
    assert not measurements.duplicated(key).any()


def test_accuracies_are_those_of_the_last_step(measurements: pd.DataFrame):
    row = measurements.query("network == 'ticket' and k == 20 and level == 2 and seed == 2").iloc[0]
    assert (row["metric"], row["validation_metric"]) == pytest.approx((0.952, 0.94))
    assert row["density"] == pytest.approx(0.64)


def test_a_diverged_replicate_has_no_accuracy(measurements: pd.DataFrame):
    rows = measurements.query("k == 80 and level == 3").set_index("seed")["metric"]
    assert np.isnan(rows[1]) and rows[[0, 2]].notna().all()


def test_distances_are_measured_at_the_chosen_levels_only(measurements: pd.DataFrame):
    measured = measurements[measurements["pruning_l2"].notna()]
    assert set(measured["level"]) == set(LEVELS)
    row = measured.query("network == 'random-mask' and k == 80 and level == 4 and seed == 1").iloc[0]
    assert row["pruning_l2"] == pytest.approx(20 - 8 + 1)
    tickets = measured.query("network == 'ticket' and k == 0 and seed == 0")
    assert tickets["pruning_l2"].to_list() == pytest.approx([10, 10])
    assert tickets["order_l2"].to_list() == pytest.approx([20, 20])  # of the branch on the other data order


# ---------------------------------------------------------------- figures and claims


def known_measurements() -> pd.DataFrame:
    """Random subnetworks at twice the distance; distances fall from k = 0 to 80; k = 20 is best, 80 loses 2 points."""
    rows = []
    for seed in range(SEEDS):
        rows.append(("digits", 0, 0, 1.0, "dense", seed, 0, 0.96, 0.95, *[np.nan] * 4))
        for level in LEVELS:
            for k, accuracy, distance in ((0, 0.95, 10.0), (20, 0.96, 8.0), (80, 0.94, 6.0)):
                for network, factor, loss in (("ticket", 1, 0.0), ("random-mask", 2, 0.03)):
                    noise = (seed - 1) * (1 + k) * factor / 1e5  # effects differ between seeds, not on average
                    measured = accuracy - loss + noise
                    far = factor * distance * (1 + noise)
                    rows.append(
                        ("digits", k, level, 0.8**level, network, seed, 0, measured, measured, far, 0.3, far, 0.2)
                    )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_figures_have_the_names_that_were_promised_and_say_what_they_are_drawn_from():
    drawings = study().figures(config(), {"measurements": known_measurements()})
    assert [drawing.name for drawing in drawings] == study().figure_names(config())
    for drawing in drawings:
        data = (
            "Data: digits, network: lenet; mean of 3 seeds; band: 95% t interval (no band where all seeds are equal)."
        )
        assert drawing.caption.endswith(data)
        stability_to_pruning = "dense network, trained on the same data order" in drawing.caption
        assert stability_to_pruning == ("fresh optimizer state" in drawing.caption)
        assert drawing.draw().axes


def claims_by_sentence(model: str, table: pd.DataFrame | None = None, **recipe) -> dict[str, object]:
    table = known_measurements() if table is None else table
    claims = study().claims(config(model=model, **recipe), {"measurements": table})
    assert len(claims) == 8 * len(LEVELS)
    return {claim.claim.partition(", with ")[0]: claim for claim in claims if "41%" in claim.claim}


def test_claims_on_a_network_that_is_stable_at_initialization():
    claims = claims_by_sentence("lenet")
    ratio = claims[f"IMP subnetworks reset to initialization are {STABLE}"]
    assert ratio.estimate == pytest.approx(2) and ratio.margin == 1.3 and ratio.verdict == "supported"
    gap = claims["IMP subnetworks reset to initialization are more accurate than random ones"]
    assert gap.estimate == pytest.approx(3) and gap.unit == "percentage points"
    dense = claims["IMP subnetworks reset to initialization match the dense network (within 0.2 percentage points)"]
    assert dense.estimate == pytest.approx(-1, abs=1e-3) and dense.verdict == "contradicted"
    fall = claims["Later rewinding makes IMP subnetworks more stable to pruning"]
    assert fall.estimate == pytest.approx(40) and fall.unit == "% of k=0"
    needless = claims["IMP subnetworks need no rewinding"]
    assert needless.estimate == pytest.approx(-1) and needless.verdict == "contradicted"
    decline = claims["Rewinding too late costs accuracy"]
    assert decline.estimate == pytest.approx(2) and decline.n == SEEDS


def test_claims_on_other_networks_are_made_at_the_step_that_validation_chooses():
    claims = claims_by_sentence("resnet-20")
    assert f"IMP subnetworks rewound to step 20 are {STABLE}" in claims
    assert claims["Rewinding makes IMP subnetworks more accurate"].estimate == pytest.approx(1)
    dense = claims["IMP subnetworks rewound to step 20 match the dense network (within 0.2 percentage points)"]
    assert dense.estimate == pytest.approx(0, abs=1e-3) and dense.verdict == "supported"


@pytest.mark.parametrize("optimizer", [{"name": "sgd", "learning_rate": 0.05}, {"name": "adam", "learning_rate": 0.01}])
def test_a_lenet_that_is_trained_in_another_way_is_tested_as_other_networks_are(optimizer: dict):
    assert claims_by_sentence("lenet", optimizer=optimizer) == claims_by_sentence("resnet-20")


def test_rewinding_that_only_harms_contradicts_the_claim_that_it_helps():
    table = known_measurements()
    table.loc[table["k"] == 20, ["metric", "validation_metric"]] -= 0.015
    gain = claims_by_sentence("resnet-20", table)["Rewinding makes IMP subnetworks more accurate"]
    assert gain.estimate == pytest.approx(-0.5) and gain.verdict == "contradicted"


def test_random_subnetworks_as_near_as_tickets_contradict_the_claim():
    table = known_measurements()
    random = table["network"] == "random-mask"
    table.loc[random, "order_l2"] /= 2
    claims = claims_by_sentence("lenet", table)
    ratio = claims[f"IMP subnetworks reset to initialization are {STABLE}"]
    assert ratio.estimate == pytest.approx(1) and ratio.verdict == "contradicted"


def test_a_diverged_replicate_leaves_its_claims_open():
    table = known_measurements()
    table.loc[(table["network"] == "ticket") & (table["seed"] == 1) & (table["k"] == 0), "order_l2"] = np.nan
    claims = claims_by_sentence("lenet", table)
    ratio = claims[f"IMP subnetworks reset to initialization are {STABLE}"]
    assert ratio.verdict == "inconclusive"


def test_a_step_at_which_a_replicate_diverged_is_not_chosen():
    table = known_measurements()
    table.loc[(table["k"] == 20) & (table["seed"] == 0), ["metric", "validation_metric"]] = np.nan
    assert any("rewound to step 80" in sentence for sentence in claims_by_sentence("resnet-20", table))
