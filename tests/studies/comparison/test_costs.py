"""What finding masks and training tickets costs, against counts by hand on a network of two layers."""

from __future__ import annotations

import pandas as pd
import pytest

from lth_core.config import Method
from lth_core.storage.paths import data_file
from lth_core.storage.tensors import write_tensors
from lth_core.studies.comparison.costs import (
    Network,
    Period,
    between,
    changing,
    levels_before,
    scored_step,
    scoring,
    step,
)
from lth_core.studies.comparison.measured import Meter
from lth_core.studies.comparison.tables import costs as table_of_costs
from tests.support.comparison_results import DENSE, LADDER, STEPS, write_files

NETWORK = Network({"first": 120, "last": 80}, {"first": 2.0, "last": 2.0})
CONV = Network({"conv": 9, "last": 10}, {"conv": 2.0 * 16, "last": 2.0}, others=5.0)


def test_a_forward_pass_costs_two_operations_per_kept_weight_and_use() -> None:
    assert NETWORK.dense == 2 * 200
    assert NETWORK.forward({"first": 12, "last": 8}) == 2 * 20
    assert CONV.forward({"conv": 3}) == 3 * 32 + 2 * 10 + 5  # the last layer is not pruned


def test_a_training_step_costs_three_forward_passes() -> None:
    assert step(NETWORK, {}) == 3 * 400
    assert step(NETWORK, {"first": 12, "last": 8}) == 3 * 40


def test_two_levels_of_iterative_pruning() -> None:
    masks = [{"first": 60, "last": 40}, {"first": 30, "last": 20}]
    assert levels_before(NETWORK, masks, 10) == 10 * 3 * 200 + 10 * 3 * 100


def test_gradual_pruning_costs_what_its_masks_cost_while_they_last() -> None:
    last = {"first": 12, "last": 8}
    periods = [Period(4, 1.0), Period(2, 0.55), Period(4, 0.1)]
    assert changing(NETWORK, last, periods) == pytest.approx(3 * (4 * 400 + 2 * 220 + 4 * 40))


def test_layers_lose_the_same_part_of_what_they_lose_in_all() -> None:
    halfway = between(NETWORK, {"first": 0, "last": 80}, 0.7)
    assert halfway == {"first": pytest.approx(60), "last": 80}
    assert between(NETWORK, {"first": 120, "last": 80}, 1.0) == {"first": 120, "last": 80}


def test_a_dense_gradient_takes_the_cost_of_its_step() -> None:
    """Evci et al. 2020: Delta T steps and an update cost 3 f_S Delta T + 2 f_S + f_D."""
    last, sparse = {"first": 12, "last": 8}, 40
    periods = [Period(5, 0.1), Period(6, 0.1, dense_gradient=True)]
    assert changing(NETWORK, last, periods) == pytest.approx(3 * 5 * sparse + (2 * sparse + 400) + 3 * 5 * sparse)


def test_a_step_that_learns_scores_costs_two_passes_with_what_is_kept_and_a_gradient_by_all_that_have_scores() -> None:
    assert scored_step(NETWORK, {"first": 12, "last": 8}) == 2 * 40 + 400
    kept, everything = 3 * 32 + 2 * 10 + 5, 9 * 32 + 5  # the last layer is not pruned, and has no scores
    assert scored_step(CONV, {"conv": 3}) == 2 * kept + everything


def test_rounds_of_scores_cost_less_as_weights_go() -> None:
    first, last = {"first": 120, "last": 80}, {"first": 30, "last": 20}
    assert scoring(NETWORK, first, last, rounds=1, passes=3) == 3 * 400
    assert scoring(NETWORK, first, last, rounds=2, passes=3) == pytest.approx(3 * (400 + 200))
    assert scoring(NETWORK, first, last, rounds=2, passes=3, spacing="linear") == pytest.approx(3 * (400 + 250))


# ---------------------------------------------------------------- of files

BATCH = 5
STEP = 3 * BATCH
"""A training step, in forward passes of an example."""


def forward(density: float) -> float:
    """Of a mask with the same share of both layers, and the 30 operations that no weight has part in."""
    return DENSE * density + 30


@pytest.fixture(scope="module")
def costs(everything: tuple) -> pd.DataFrame:
    return everything[2]["costs"]


def of(costs: pd.DataFrame, method: str, density: float = 0.05, budget: str = "training") -> pd.Series:
    rows = costs.query("method == @method and density == @density and budget == @budget")
    assert len(rows) == 3 and rows["total_flops"].nunique() == 1  # a row per seed, with equal masks
    return rows.iloc[0]


def test_dense_trainings_are_the_unit(costs: pd.DataFrame) -> None:
    flops = STEP * STEPS * forward(1)
    assert costs["total"].to_numpy() == pytest.approx(costs["total_flops"] / flops)
    assert costs["total"].to_numpy() == pytest.approx(costs["search"] + costs["training"])


def test_one_shot_pruning_costs_a_dense_training_before_its_ticket(costs: pd.DataFrame) -> None:
    row = of(costs, "one-shot")
    assert row["search"] == pytest.approx(1)
    assert row["training_flops"] == pytest.approx(STEP * (STEPS - 2) * forward(0.05))  # rewound to step 2


def test_iterative_pruning_costs_all_levels_before(costs: pd.DataFrame) -> None:
    row, rewound = of(costs, "imp-reset"), of(costs, "imp-rewind")
    counts = [sum(round(density * size) for size in (120, 80)) for density in LADDER[:-1]]
    before = sum(2 * count + 30 for count in counts)
    assert row["search_flops"] == pytest.approx(STEP * STEPS * (forward(1) + before))
    assert row["training_flops"] == pytest.approx(STEP * STEPS * forward(0.05))
    assert rewound["search_flops"] == pytest.approx(STEP * (STEPS * forward(1) + (STEPS - 2) * before))
    assert of(costs, "reinit")["search_flops"] == row["search_flops"]


def test_masks_at_initialization_cost_their_scores(costs: pd.DataFrame) -> None:
    assert of(costs, "random")["search"] == of(costs, "magnitude-at-init")["search"] == 0
    examples = 10 * 10
    assert of(costs, "snip")["search_flops"] == pytest.approx(examples * 3 * forward(1))
    assert of(costs, "grasp")["search_flops"] == pytest.approx(examples * 12 * forward(1))
    rounds = sum(3 * forward(0.05 ** (done / 100)) for done in range(100))  # of one input of ones
    assert of(costs, "synflow")["search_flops"] == pytest.approx(rounds, rel=1e-3)


def test_masks_that_change_while_training_cost_what_their_training_costs_beyond_the_last_mask(costs) -> None:
    sparse = forward(0.05)
    gradual = of(costs, "gradual")
    assert gradual["total_flops"] == pytest.approx(STEP * (4 * forward(1) + 2 * forward(0.75) + 4 * sparse))
    assert of(costs, "set")["search_flops"] == pytest.approx(0)
    rigl = of(costs, "rigl")
    assert rigl["total_flops"] == pytest.approx(STEP * 8 * sparse + BATCH * 2 * (2 * sparse + forward(1)))
    assert rigl["training_flops"] == of(costs, "set")["training_flops"] == pytest.approx(STEP * STEPS * sparse)


def test_edge_popup_costs_a_search_for_each_density_and_nothing_else(costs: pd.DataFrame) -> None:
    untrained, trained = of(costs, "edge-popup"), of(costs, "edge-popup-trained")
    # of 200 weights 10 are kept; 30 operations have no weight
    assert untrained["search_flops"] == BATCH * STEPS * (2 * (2 * 10 + 30) + (2 * 200 + 30))
    assert (untrained["training_flops"], untrained["steps"]) == (0, 0)
    assert trained["search_flops"] == untrained["search_flops"]
    assert trained["training_flops"] == STEP * STEPS * (2 * 10 + 30)


def test_soft_masks_cost_a_training_of_what_every_level_before_left(costs: pd.DataFrame) -> None:
    assert of(costs, "soft-mask", 0.5)["search"] == pytest.approx(1)
    assert of(costs, "soft-mask")["search_flops"] == of(costs, "imp-reset")["search_flops"]
    assert of(costs, "soft-mask")["training_flops"] == STEP * STEPS * (2 * 10 + 30)


def test_a_search_with_its_own_recipe_costs_its_own_steps_and_batches(everything: tuple) -> None:
    train = {"steps": 30, "batch_size": 20, "evaluate_every": 5}
    method = Method.model_validate({"levels": 1, "search": {"parametrization": "edge-popup", "train": train}})
    cost = Meter(everything[1], "task", "0-2").learning(method, {"first": 6, "last": 4}, [])
    assert cost == 30 * 20 * (2 * (2 * 10 + 30) + (2 * 200 + 30))


def test_nodes_share_a_pass_over_their_graph(tmp_path) -> None:
    """So a step of 5 nodes costs one pass, and scores of 100 nodes, at most 256 at once, another one."""
    compared, config = write_files(tmp_path, compare=["imp-reset", "snip"], longest=1.0)
    write_tensors(data_file(config.results, "digits"), {}, {"kind": "graph", "classes": 10})
    rows = table_of_costs(config, list(compared.entries(config)))
    assert of(rows, "snip")["search_flops"] == pytest.approx(3 * forward(1))
    assert of(rows, "snip")["training_flops"] == pytest.approx(3 * STEPS * forward(0.05))


def test_at_equal_cost_no_method_costs_much_more_than_the_most_expensive_one(costs: pd.DataFrame) -> None:
    rows = costs[costs["budget"] == "total"]
    budget = rows.loc[rows["method"] == "imp-reset", "total"].iloc[0]
    by_method = rows.groupby("method")["total"].first()
    assert set(by_method.index) == set(costs["method"])
    assert by_method["edge-popup"] < budget  # it has no training that could be longer
    planned = by_method.drop(["gradual", "rigl", "snip", "grasp", "synflow"])  # whose search is not in the plan
    planned = planned.drop("edge-popup")
    assert planned.to_numpy() == pytest.approx(budget, rel=0.12)  # 30 operations are not in it, either
