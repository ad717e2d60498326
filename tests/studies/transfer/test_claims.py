"""Tables, figures and claims of the transfer study, made of results of known values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.studies.transfer.study import CONTROLS
from lth_core.studies.transfer.tables import MEASUREMENT_COLUMNS, OVERLAP_COLUMNS
from tests.support.transfer_results import (
    GROUPS,
    LEVELS,
    METHOD,
    SEEDS,
    TASKS,
    config,
    noise,
    study,
    task,
    write_results,
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return study(levels=LEVELS).tables(write_results(tmp_path_factory.mktemp("results")))


# ---------------------------------------------------------------- tables


def test_one_row_per_group_target_network_level_and_replicate(tables: dict[str, pd.DataFrame]) -> None:
    measurements = tables["measurements"]
    assert list(measurements.columns) == list(MEASUREMENT_COLUMNS)
    assert not measurements.duplicated(["group", "target", "network", "source", "level", "seed", "draw"]).any()
    per_target = measurements.groupby(["group", "target"])
    assert len(per_target) == 4 and set(per_target.size()) == {SEEDS * (1 + len(LEVELS) * (2 + len(CONTROLS)))}
    assert set(measurements["source"]) == set(TASKS) and set(measurements["network"]) == {"dense", "ticket", *CONTROLS}


def test_accuracies_and_densities_are_those_of_the_run(tables: dict[str, pd.DataFrame]) -> None:
    def one(**wanted: Any) -> pd.Series:
        rows = tables["measurements"]
        for column, value in wanted.items():
            rows = rows[rows[column] == value]
        (only,) = (row for _, row in rows.iterrows())
        return only

    there = {"target": "a", "level": 3, "seed": 2}
    assert one(network="ticket", source="a", **there)["metric"] == pytest.approx(0.9)
    assert one(network="ticket", source="b", **there)["metric"] == pytest.approx(0.88)
    assert one(network="random-ticket", source="a", **there)["metric"] == pytest.approx(0.80)
    assert one(network="reinit", source="a", **there)["density"] == 0.125
    assert one(network="dense", target="a", seed=0)["density"] == 1


def test_overlaps_are_kept_by_layer_in_network_order(tables: dict[str, pd.DataFrame]) -> None:
    overlap = tables["overlap"]
    assert list(overlap.columns) == list(OVERLAP_COLUMNS)
    assert len(overlap) == 2 * len(LEVELS) * SEEDS * 2  # pairs, layers
    assert list(overlap["layer"].unique()) == ["z", "a"]
    pairs = overlap.drop_duplicates(["task", "other"])[["task", "other"]].to_numpy().tolist()
    assert pairs == [["a", "b"], ["whole", "whole-sgd"]]  # whatever their order in the group
    assert set(overlap.loc[overlap["level"] == 3, "density"]) == {0.125}


# ---------------------------------------------------------------- figures and claims


def test_figures_have_the_names_that_were_promised_and_name_their_tasks(tables: dict[str, pd.DataFrame]) -> None:
    drawings = study(levels=LEVELS).figures(config(), tables)
    assert [drawing.name for drawing in drawings] == study().figure_names(config())
    assert {drawing.name.rpartition("-")[0] for drawing in drawings} == {"densities", "heatmap", "overlap", "layers"}
    for drawing in drawings[:4]:
        assert "a (data: half-a, network: lenet, optimizer: adam)" in drawing.caption
        assert drawing.draw().axes
    captions = {drawing.name: drawing.caption for drawing in drawings}
    for name, caption in captions.items():
        assert ("band:" in caption) is not name.startswith("heatmap"), "numbers on a heat map have no bands"
        assert "kernels" not in caption, "these networks have none"


def claims_of(tables: dict[str, pd.DataFrame], **options: Any) -> dict[tuple[str, str], Claim]:
    every_claim = study(levels=LEVELS, **options).claims(config(), tables)
    claims = {(claim.task, claim.claim.partition(", with ")[0]): claim for claim in every_claim}
    assert len(claims) == len(every_claim)
    return claims


def test_claims_are_made_where_a_tenth_of_the_weights_or_fewer_are_left(tables: dict[str, pd.DataFrame]) -> None:
    claims = claims_of(tables)
    random = claims["a", "A ticket found on b is better than a random ticket"]
    assert random.claim.endswith(", with 12.5% to 6.2% of the weights.")
    assert random.estimate == pytest.approx(4 * (2 + 3) / 2) and random.verdict == "supported"
    layers = claims["a", "Layerwise densities of a ticket are worth something without the ticket"]
    assert layers.estimate == pytest.approx(2 * 2.5) and layers.n == SEEDS


def test_densities_of_layers_are_shown_and_claimed_where_pruning_chooses_them(tables: dict[str, pd.DataFrame]) -> None:
    layerwise = config(method={**METHOD, "scope": "layer"})
    assert not any(name.startswith("layers") for name in study().figure_names(layerwise))
    claims = study(levels=LEVELS).claims(layerwise, tables)
    assert claims and not any(claim.claim.startswith("Layerwise densities") for claim in claims)


def test_halves_and_optimizers_are_compared_with_the_target_ticket_at_a_tenth(tables: dict[str, pd.DataFrame]) -> None:
    claims = claims_of(tables)
    within = "matches the target ticket (within 0.2 percentage points)"
    half = claims["a", f"A ticket found on the other half of the examples {within}"]
    assert half.claim.endswith(", with 12.5% of the weights.")
    assert half.estimate == pytest.approx(-2) and half.margin == -0.2 and half.verdict == "contradicted"
    swap = claims["whole", f"A ticket found with another optimizer {within}"]
    assert swap.estimate == pytest.approx(-2) and swap.unit == "percentage points"


def test_the_overlap_is_held_against_chance(tables: dict[str, pd.DataFrame]) -> None:
    claim = claims_of(tables)["a", "Tickets of a and b keep the same weights more often than by chance"]
    by_chance = (1 + 2.5) / (30 - 3.5)
    expected = np.mean([(5 + seed + 3) / (30 - (5 + seed + 3)) - by_chance for seed in range(SEEDS)])
    assert claim.estimate == pytest.approx(expected) and claim.verdict == "supported"


def test_other_data_are_not_compared_with_the_target_ticket() -> None:
    sentences = [claim for _, claim in claims_of_other_data()]
    assert not any("matches the target" in sentence for sentence in sentences)
    assert any("better than a random ticket" in sentence for sentence in sentences)


def claims_of_other_data() -> list[tuple[str, str]]:
    tasks = {"a": task("mnist"), "b": task("fashion-mnist")}
    rows = [
        ("both", target, network, source, level, 0.5**level, seed, 0, 0.9 + noise(seed), 0.9)
        for target in "ab"
        for network, source in (("ticket", "a"), ("ticket", "b"), ("random-ticket", target), ("reinit", target))
        for level in LEVELS
        for seed in range(SEEDS)
    ]
    rows += [(*row[:2], "random-mask-reinit", *row[3:]) for row in rows if row[2] == "reinit"]
    known = {
        "measurements": pd.DataFrame(rows, columns=list(MEASUREMENT_COLUMNS)),
        "overlap": pd.DataFrame(columns=list(OVERLAP_COLUMNS)),
    }
    claims = study({"both": ["a", "b"]}, levels=LEVELS).claims(config(tasks=tasks), known)
    return [(claim.task, claim.claim) for claim in claims]


def test_where_many_weights_are_left_claims_are_made_at_the_fewest_that_were_measured(
    tables: dict[str, pd.DataFrame],
) -> None:
    dense_only = {name: table[table["level"] <= 1] for name, table in tables.items()}
    claims = study(levels=[1]).claims(config(), dense_only)
    assert claims and all(claim.claim.endswith(", with 50% of the weights.") for claim in claims)


def test_a_group_claimed_twice_is_claimed_once(tables: dict[str, pd.DataFrame]) -> None:
    measurements = tables["measurements"]
    again = measurements[measurements["group"] == "halves"].assign(group="again")
    doubled = {**tables, "measurements": pd.concat([measurements, again])}
    assert len(claims_of(doubled, groups=GROUPS | {"again": ["b", "a"]})) == len(claims_of(tables))


def test_a_diverged_replicate_leaves_its_claims_open(tables: dict[str, pd.DataFrame]) -> None:
    measurements = tables["measurements"].copy()
    there = measurements[["target", "network", "source", "level", "seed"]] == ["a", "ticket", "b", 4, 1]
    measurements.loc[there.all(axis=1), "metric"] = np.nan
    claims = claims_of({**tables, "measurements": measurements})
    assert claims["a", "A ticket found on b is better than a random ticket"].verdict == "inconclusive"
    assert claims["b", "A ticket found on a is better than a random ticket"].verdict == "supported"
