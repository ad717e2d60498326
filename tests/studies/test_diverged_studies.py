"""Every study, with seeds that diverged: claims are those of the other seeds and left open, figures are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.base import Study
from tests.studies.early_phase import test_claims as test_early_phase_claims
from tests.studies.early_phase import test_study as test_early_phase
from tests.studies.linear_mode_connectivity import test_study as test_linear_mode_connectivity
from tests.studies.stabilizing2019 import test_study as test_stabilizing2019
from tests.support import (
    comparison_results,
    deconstructing_tables,
    frankle2019_results,
    linear_mode_connectivity_tables,
    renda2020_results,
    transfer_results,
    yu2019_results,
)

Tables = dict[str, pd.DataFrame]
Known = tuple[Study, Config, Tables]

NAMES = {
    *("level", "density", "seed", "draw", "k", "order", "budget", "cost", "steps", "step", "alpha", "left", "right"),
    *("weights", "remaining"),
}
"""Columns of numbers that say of what a row is; all others are measured."""


def frankle(folder: Path) -> Known:
    config = frankle2019_results.make_config(str(folder), plain=frankle2019_results.task())
    study = frankle2019_results.make_study(config)
    frankle2019_results.write_artifacts(config, study)
    return study, config, frankle2019_results.read_back(study.tables(config))


def stabilizing(folder: Path) -> Known:
    tables = {"measurements": test_stabilizing2019.known_measurements()}
    return test_stabilizing2019.study(), test_stabilizing2019.config(), tables


def connectivity(folder: Path) -> Known:
    known = linear_mode_connectivity_tables
    table = known.known_instability()
    table = table[table["pair"] != "seed"]  # pairs of seeds hold two of them
    tables = {"instability": table, "paths": known.known_paths(table)}
    return test_linear_mode_connectivity.study(), test_linear_mode_connectivity.config("resnet-20"), tables


def early_phase(folder: Path) -> Known:
    study = test_early_phase_claims.study()
    return study, test_early_phase.config(), test_early_phase_claims.known_tables(study)


def renda(folder: Path) -> Known:
    config = renda2020_results.write_results(folder)
    study = renda2020_results.study(iterative_budgets=[60])
    return study, config, study.tables(config)


def transfer(folder: Path) -> Known:
    study = transfer_results.study(levels=transfer_results.LEVELS)
    return study, transfer_results.config(), study.tables(transfer_results.write_results(folder))


def deconstructing(folder: Path) -> Known:
    return deconstructing_tables.study(), deconstructing_tables.config(), deconstructing_tables.tables()


def yu(folder: Path) -> Known:
    return yu2019_results.known()


def comparison(folder: Path) -> Known:
    study, config, tables = comparison_results.known(folder)
    return study, config, {name: tables[name] for name in ("measurements", "costs")}


STUDIES = (frankle, stabilizing, connectivity, early_phase, renda, transfer, deconstructing, yu, comparison)


@pytest.fixture(scope="module", params=STUDIES, ids=lambda known: known.__name__)
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """A study with tables of three seeds in which, but for some of the second's, all trainings went well."""
    return request.param(tmp_path_factory.mktemp("results"))


def lose(table: pd.DataFrame, where: pd.Series) -> pd.DataFrame:
    """The table with nothing measured in some rows."""
    table = table.copy()
    if "count" in table:  # of histograms
        ended = where.groupby(table["seed"]).transform("all")
        return table.assign(count=table["count"].mask(ended), total=table["total"].mask(ended))
    for column in table.select_dtypes("number").columns.difference(list(NAMES)):
        table[column] = table[column].astype(float).mask(where)
    return table.assign(diverged=table["diverged"] | where) if "diverged" in table else table


def by_sentence(study: Study, config: Config, tables: Tables) -> dict[tuple[str, str], Claim]:
    return {(claim.task, claim.claim): claim for claim in study.claims(config, tables)}


def test_a_seed_of_which_everything_diverged_is_counted_and_leaves_the_numbers_of_the_others(known: Known) -> None:
    study, config, tables = known
    lost = by_sentence(study, config, {name: lose(table, table["seed"] == 1) for name, table in tables.items()})
    without = by_sentence(study, config, {name: table[table["seed"] != 1] for name, table in tables.items()})
    assert lost and list(lost) == list(without)
    for sentence, claim in lost.items():
        others = without[sentence]
        assert (claim.n, claim.unmeasured, claim.verdict) == (2, 1, "inconclusive"), claim
        expected = pytest.approx((others.estimate, others.low, others.high), nan_ok=True)
        assert (claim.estimate, claim.low, claim.high) == expected, claim


@pytest.mark.parametrize("share", [0.02, 0.2, 1.0])
def test_wherever_trainings_diverged_no_replicate_is_lost_and_no_claim_with_a_gap_is_decided(
    known: Known, share: float
) -> None:
    study, config, tables = known
    random = np.random.default_rng(0)
    holes = {
        name: lose(table, pd.Series(random.random(len(table)) < share, table.index)) for name, table in tables.items()
    }
    partial, whole = by_sentence(study, config, holes), by_sentence(study, config, tables)
    assert partial
    for sentence, claim in partial.items():
        assert claim.n + claim.unmeasured == 3, claim
        assert claim.verdict == "inconclusive" or not claim.unmeasured
        assert np.isfinite(claim.estimate) == (claim.n > 0)
        same = sentence in whole and claim.effect == whole[sentence].effect and "validation" not in claim.effect
        if same and not claim.unmeasured:  # nothing was chosen anew, nothing averaged over a hole
            assert claim.estimate == pytest.approx(whole[sentence].estimate), claim


@pytest.mark.parametrize("seeds", [[1], [0, 1, 2]])
def test_figures_are_drawn(known: Known, seeds: list[int]) -> None:
    study, config, tables = known
    lost = {name: lose(table, table["seed"].isin(seeds)) for name, table in tables.items()}
    drawings = study.figures(config, lost)
    assert [drawing.name for drawing in drawings] == study.figure_names(config)
    for drawing in drawings:
        assert drawing.draw().axes


# ---------------------------------------------------------------- heat maps


def heat_map(tables: Tables) -> tuple[str, dict[tuple[int, int, int], list[str]]]:
    """Return the caption of the group of halves, and what is printed in each field (panel, column, row)."""
    study = transfer_results.study(levels=transfer_results.LEVELS)
    (drawing,) = (one for one in study.figures(transfer_results.config(), tables) if one.name == "heatmap-halves")
    printed: dict[tuple[int, int, int], list[str]] = {}
    for panel, axes in enumerate(drawing.draw().axes):
        for text in axes.texts:
            column, row = (round(coordinate) for coordinate in text.get_position())
            printed.setdefault((panel, column, row), []).append(text.get_text())
    return drawing.caption, printed


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Tables of the transfer study in which every seed has accuracies of its own."""
    _, _, tables = transfer(tmp_path_factory.mktemp("results"))
    noise = 0.05 * np.random.default_rng(0).random(len(tables["measurements"]))
    return tables | {"measurements": tables["measurements"].assign(metric=tables["measurements"]["metric"] - noise)}


def without(tables: Tables, where: pd.Series) -> Tables:
    return tables | {"measurements": tables["measurements"][~where]}


def losing(tables: Tables, where: pd.Series) -> Tables:
    return tables | {"measurements": lose(tables["measurements"], where)}


def test_a_field_is_the_mean_of_the_seeds_that_did_not_diverge_and_says_how_many_did(exchanged: Tables) -> None:
    rows = exchanged["measurements"]
    transferred = (
        (rows["target"] == "b") & (rows["source"] == "a") & (rows["network"] == "ticket") & (rows["level"] > 1)
    )
    caption, printed = heat_map(losing(exchanged, transferred & (rows["seed"] == 1)))
    whole_caption, whole = heat_map(exchanged)
    _, others = heat_map(without(exchanged, rows["seed"] == 1))
    lacking = [field for field in printed if printed[field] != whole[field]]
    assert lacking and {field[1:] for field in lacking} == {(1, 0)}
    assert all(printed[field] == ["×1", *others[field]] for field in lacking)
    assert f"In {len(lacking)} of {len(whole)} fields seeds diverged" in caption and "diverged" not in whole_caption


def test_where_the_targets_ticket_diverged_all_are_compared_with_it_on_the_other_seeds(exchanged: Tables) -> None:
    rows = exchanged["measurements"]
    ticket = (rows["target"] == "a") & (rows["source"] == "a") & (rows["network"] == "ticket")
    _, printed = heat_map(losing(exchanged, ticket & (rows["seed"] == 1)))
    _, others = heat_map(without(exchanged, rows["seed"] == 1))
    of_a = [field for field in printed if field[1] == 0]
    assert of_a and all(printed[field] == ["×1", *others[field]] for field in of_a)
    _, nothing = heat_map(losing(exchanged, ticket))
    assert all(nothing[field] == ["diverged"] for field in of_a)
    assert not any("diverged" in words for field, words in nothing.items() if field[1] == 1)
