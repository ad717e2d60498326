"""The study of linear mode connectivity: which trainings and lines it asks for, and the tables it makes of them."""

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
from lth_core.studies.linear_mode_connectivity import LinearModeConnectivity
from lth_core.studies.linear_mode_connectivity.study import focus
from lth_core.studies.linear_mode_connectivity.tables import COLUMNS, PATH_COLUMNS
from lth_core.studies.stabilizing2019 import Stabilizing2019

STEPS, LEVELS = [0, 20, 80], [2, 4]
CONTROLS = ("random-mask", "reinit")


def config(results: str = "results", cohorts: tuple[str, ...] = ("0-1", "2-2"), **sections) -> Config:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": "digits", "model": "lenet", "train": recipe, "cohorts": list(cohorts)}
    studies = {"linear-mode-connectivity": {}}
    return Config(results=results, tasks={"digits": task}, methods={"imp": {"levels": 4}}, studies=studies, **sections)


def study(**options) -> LinearModeConnectivity:
    return LinearModeConnectivity(**{"tasks": {"digits": "imp"}, "steps": STEPS, "levels": LEVELS, **options})


# ---------------------------------------------------------------- what is trained


def test_the_grid_holds_both_ends_of_every_pair_and_all_tickets_of_every_chain() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs))
    dense = 1 + len(STEPS)
    tickets = len(STEPS) * 4
    copies = len(STEPS) * len(LEVELS) * (1 + 2 * len(CONTROLS))  # of the tickets; of both controls, and these
    assert len(runs) == 2 * (dense + tickets + copies)  # two cohorts


def test_copies_of_dense_networks_and_of_reinitialized_tickets_part_on_their_way() -> None:
    runs = set(study().runs(config()))
    for branch in ("order-1", "order-1-from-20", "order-1-from-80"):
        assert Run("digits", "0-1", branch=branch) in runs
    assert Run("digits", "0-1", "imp-rewind-20", 2, "reinit-order-1-from-20") in runs
    assert Run("digits", "0-1", "imp", 2, "reinit-order-1") in runs
    branches = study().branches(config())
    assert branches["reinit-order-1-from-20"] == Branch(treatment=Choice(name="reinit"), order=1, order_from=20)


def test_copies_of_rewound_subnetworks_part_where_these_start() -> None:
    branches = {run.branch for run in study().runs(config()) if run.method == "imp-rewind-20"}
    assert branches == {None, "order-1", "random-mask", "random-mask-order-1", "reinit", "reinit-order-1-from-20"}


def test_more_copies_are_on_further_data_orders() -> None:
    two, three = (set(study(copies=copies).runs(config())) for copies in (2, 3))
    assert two < three
    assert {run.branch for run in three - two} == {
        name.replace("order-1", "order-2") for name in study().branches(config()) if "order-1" in name
    }


def test_trainings_of_the_stability_study_are_shared() -> None:
    stability = Stabilizing2019(tasks={"digits": "imp"}, rewind_steps=STEPS, levels=LEVELS)
    settings = config()
    assert set(stability.runs(settings)) < set(study().runs(settings))
    assert stability.methods(settings) == study().methods(settings)
    assert stability.branches(settings).items() <= study().branches(settings).items()


def test_tickets_may_be_rewound_to_fewer_steps_than_dense_networks_are_copied_at() -> None:
    settings = study(rewind_steps=[20])
    assert settings.methods(config()) == {"imp-rewind-20": Method(levels=4, rewind=Rewind(policy="rewind", step=20))}
    assert {run.method for run in settings.runs(config())} == {"dense", "imp-rewind-20"}
    assert {pair.k for pair in settings.pairs(config()) if pair.network == "dense"} == set(STEPS)


def test_without_levels_all_are_measured() -> None:
    settings = study(levels=[])
    assert {pair.run.level for pair in settings.pairs(config())} == {0, 1, 2, 3, 4}


def test_pairs_of_seeds_need_a_cohort_with_several() -> None:
    pairs = [pair for pair in study().pairs(config()) if pair.kind == "seed"]
    assert {pair.run.cohort for pair in pairs} == {"0-1"}
    assert len(pairs) == 1 + len(STEPS) * len(LEVELS)
    assert not any(pair.kind == "seed" for pair in study(seeds=False).pairs(config()))


def test_lines_lie_beside_the_copy_or_else_beside_the_ticket() -> None:
    paths = study().analyses(config(cohorts=("0-1",)))
    dense, ticket = "results/digits/0-1/dense", "results/digits/0-1/imp-rewind-20/level_4"
    ends = ["path", "ends"]
    expected = {f"{dense}/{folder}/order_{end}.csv" for folder in ("order-1", "order-1-from-20") for end in ends}
    expected |= {f"{dense}/seed_{end}.csv" for end in ends}
    expected |= {f"{ticket}/{kind}_{end}.csv" for kind in ("level", "seed") for end in ends}
    copies = ("order-1", "random-mask-order-1", "reinit-order-1-from-20")
    expected |= {f"{ticket}/{copy}/order_{end}.csv" for copy in copies for end in ends}
    assert expected <= set(paths)
    assert len(paths) == len(set(paths)) == 2 * (len(STEPS) + 1 + len(STEPS) * len(LEVELS) * (3 + 2))


def test_what_is_not_asked_for_is_not_connected() -> None:
    few = study(controls=(), successive=False, seeds=False)
    assert {(pair.kind, pair.network) for pair in few.pairs(config())} == {("order", "dense"), ("order", "ticket")}
    assert not any("alignment" in name for name in few.figure_names(config()))
    copies_alone = study(successive=False)
    assert "alignment-digits" in copies_alone.figure_names(config(cohorts=("0-1",)))
    assert "alignment-digits" not in copies_alone.figure_names(config(cohorts=("0-0", "1-1"))), (
        "no cohort has two seeds"
    )


def test_configured_controls_keep_their_draws() -> None:
    configured = Branch(treatment=Choice(name="reinit"), draws=3)
    branches = study().branches(config(branches={"reinit": configured}))
    assert branches["reinit"] == configured and branches["reinit-order-1-from-80"].draws == 3


# ---------------------------------------------------------------- errors


def test_a_control_on_another_data_order_is_an_error() -> None:
    elsewhere = {"reinit": Branch(treatment=Choice(name="reinit"), order=2)}
    with pytest.raises(ValueError, match=r"^branch 'reinit' must be trained on the tickets' data order"):
        study().branches(config(branches=elsewhere))


@pytest.mark.parametrize("last", [100, 101])
def test_a_step_that_leaves_no_training_is_an_error_in_one_line(last: int) -> None:
    message = rf"^steps: {last} is not before the end of the training of task 'digits' \(100 steps\)$"
    with pytest.raises(ValueError, match=message):
        study(steps=[0, last]).runs(config())


def test_a_level_beyond_the_method_is_an_error_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^levels: 5 must be at most 4, the number of levels of method 'imp'$"):
        study(levels=[2, 5]).runs(config())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": [0]}, "at least 2"),
        ({"steps": [20, 80]}, "must start with 0"),
        ({"steps": [0, 80, 20]}, "must rise"),
        ({"rewind_steps": [0, 30]}, r"rewind_steps: 30 must be one of `steps` \[0, 20, 80\]"),
        ({"rewind_steps": [20, 0]}, "must rise"),
        ({"levels": [2, 2]}, "must rise"),
        ({"levels": [0, 2]}, "greater than 0"),
        ({"controls": ["noise"]}, "'random-mask' or 'reinit'"),
        ({"controls": ["reinit", "reinit"]}, "names a branch twice"),
        ({"copies": 1}, "greater than or equal to 2"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        study(**options)


@pytest.mark.parametrize(
    ("levels", "shown"), [([3], [3]), ([3, 8], [3, 8]), ([1, 2, 9], [1, 2, 9]), (list(range(1, 16)), [1, 8, 15])]
)
def test_panels_and_claims_are_about_the_first_the_middle_and_the_last_level(levels: list, shown: list) -> None:
    assert focus(levels) == shown


# ---------------------------------------------------------------- tables

ALPHAS = np.linspace(0, 1, 5)
RISE = {"dense": 0.1, "ticket": 0.2, "random-mask": 0.4, "reinit": 0.3}
"""Kind of network -> barrier of test error."""
DRAWS = {"reinit": 2}


def seeds_of(pair_or_run: Run) -> tuple[int, ...]:
    return (0, 1) if pair_or_run.cohort == "0-1" else (2,)


def path_of(rise: float, seeds: tuple[int, ...], draws: int, matchings: tuple[str, ...]) -> str:
    """A tent of the given height in test error and twice that in training error; loss is ten times the error."""
    lines = ["seed,draw,matching,statistics,split,alpha,loss,error"]
    for seed in seeds:
        for draw in range(draws):
            for matching in matchings:
                for split, factor in (("train", 2), ("test", 1)):
                    for alpha in ALPHAS:
                        tent = factor * rise * (1 - 2 * abs(alpha - 0.5)) * (0.5 if matching == "aligned" else 1)
                        error = 0.05 + 0.02 * alpha + tent  # ends of 5% and 7%
                        lines.append(f"{seed},{draw},{matching},interpolated,{split},{alpha},{10 * error},{error}")
    return "\n".join(lines) + "\n"


def write_results(folder: Path) -> Config:
    settings = config(str(folder), branches={"reinit": Branch(treatment=Choice(name="reinit"), draws=2)})
    the_study = study(copies=3)
    for run in the_study.runs(settings):
        draws = DRAWS.get(run.branch or "", 1)
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in seeds_of(run):
            for draw in range(draws):
                loss = "nan" if (seed, run.method, run.level) == (1, "imp-rewind-80", 4) else 0.5
                lines += [f"{seed},{draw},50,{split},0.7,0.1" for split in ("train", "validation", "test")]
                lines += [f"{seed},{draw},100,train,{loss},1.0", f"{seed},{draw},100,validation,{loss},0.93"]
                lines += [f"{seed},{draw},100,test,{loss},{0.95 + seed / 1000 + draw / 100}"]
        write_text(run.history(settings.results), "\n".join(lines) + "\n")
        if run.level:
            header = {"density": 0.8**run.level, "provenance": {}}
            write_tensors(run.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
    for pair in the_study.pairs(settings):
        path, ends = pair.files(settings.results)
        draws, seeds = DRAWS.get(pair.network, 1), seeds_of(pair.run)
        seeds = (0,) if pair.kind == "seed" else seeds  # two seeds make one pair
        matchings = ("none",) if pair.network == "reinit" else ("none", "aligned")
        write_text(path, path_of(RISE[pair.network] + pair.k / 1000 + pair.order / 10, seeds, draws, matchings))
        rows = [
            f"{s},{d},{m},{10 * pair.run.level},0.5,0.1,0.2" for s in seeds for d in range(draws) for m in matchings
        ]
        header = "seed,draw,matching,l2,angle,disagreement_train,disagreement_test"
        write_text(ends, "\n".join([header, *rows]) + "\n")
    return settings


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return study(copies=3).tables(write_results(tmp_path_factory.mktemp("results")))


def test_one_row_per_line_of_every_pair(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["instability"]
    assert list(table.columns) == list(COLUMNS)
    key = ["task", "k", "level", "network", "pair", "order", "seed", "draw", "matching", "statistics"]
    assert not table.duplicated(key).any()
    seeds, chains, levels, orders, both = 3, len(STEPS), len(LEVELS), 2, ("none", "aligned")
    runs = seeds * chains * levels
    counts = table.groupby(["pair", "network", "matching"]).size().to_dict()
    assert counts == {
        **{("order", "dense", matching): seeds * chains * orders for matching in both},
        **{("order", network, matching): runs * orders for network in ("ticket", "random-mask") for matching in both},
        ("order", "reinit", "none"): runs * orders * 2,  # draws
        **{("level", "ticket", matching): runs for matching in both},
        **{("seed", "ticket", matching): chains * levels for matching in both},
        **{("seed", "dense", matching): 1 for matching in both},
    }


def test_barriers_are_the_highest_point_above_the_mean_of_the_ends(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["instability"].query("network == 'random-mask' and k == 20 and level == 2 and order == 2")
    rows = rows[rows["matching"] == "none"]
    rise = 0.4 + 0.02 + 0.2
    assert rows["barrier_test"].to_list() == pytest.approx([rise] * 3)  # at the middle, whose base is the ends' mean
    assert rows["barrier_train"].to_list() == pytest.approx([2 * rise] * 3)
    assert rows["loss_barrier_test"].to_list() == pytest.approx([10 * rise] * 3)
    assert rows["loss_barrier_train"].to_list() == pytest.approx([20 * rise] * 3)


def test_lines_carry_how_far_their_ends_are_apart_and_the_accuracy_of_the_end_on_order_0(
    tables: dict[str, pd.DataFrame],
) -> None:
    row = tables["instability"].query("network == 'reinit' and k == 0 and level == 4 and order == 1")
    row = row.query("seed == 2 and draw == 1").iloc[0]
    measured = row[["l2", "angle", "disagreement_train", "disagreement_test"]].to_list()
    assert measured == [40, 0.5, 0.1, 0.2]
    assert (row["metric"], row["validation_metric"]) == pytest.approx((0.962, 0.93))
    assert row["density"] == pytest.approx(0.8**4)


def test_a_diverged_replicate_has_no_accuracy(tables: dict[str, pd.DataFrame]) -> None:
    rows = tables["instability"].query("network == 'ticket' and k == 80 and level == 4 and pair == 'order'")
    assert rows.groupby("seed")["metric"].apply(lambda values: values.isna().all()).to_dict() == {
        0: False,
        1: True,
        2: False,
    }


def test_paths_hold_dense_networks_and_tickets_averaged_over_data_orders(tables: dict[str, pd.DataFrame]) -> None:
    paths = tables["paths"]
    assert list(paths.columns) == list(PATH_COLUMNS)
    lines = paths.drop(columns=["alpha", "error"]).drop_duplicates()
    assert len(lines) == 2 * 3 * len(STEPS) * (1 + len(LEVELS)) and len(paths) == len(ALPHAS) * len(lines)
    middle = paths.query("network == 'ticket' and k == 80 and level == 4 and split == 'test' and alpha == 0.5")
    assert middle["error"].to_list() == pytest.approx([0.06 + 0.2 + 0.08 + 0.15] * 3)  # 0.15: mean of orders 1 and 2
