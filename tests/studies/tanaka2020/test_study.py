"""The study of Tanaka et al. 2020: the methods, trainings and analyses that it asks for, and its tables."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lth_core.config import Choice, seeds_of
from lth_core.pruning.moments import is_probed, scored_step
from lth_core.studies.tanaka2020.tables import COLLAPSE, CONSERVATION, CRITICAL, MEASUREMENTS
from tests.support.tanaka2020_results import COMPRESSIONS, accuracy, config, study, write_files

# ---------------------------------------------------------------- methods


def test_criteria_prune_theta_0_to_the_densities_of_the_chosen_levels() -> None:
    methods = study().methods(config())
    of_init = {name: method for name, method in methods.items() if "at-init" in name}
    assert {method.criterion.name for method in of_init.values()} == {"random", "magnitude", "snip", "grasp", "synflow"}
    for method in of_init.values():
        assert (scored_step(method), method.scope, method.iterative) == (0, "global", False)
        assert (method.densities, method.levels) == ([0.5, 0.1, 0.01], 3)


def test_rounds_of_scoring_are_compared_besides_those_of_the_papers() -> None:
    variants = {pruning.name: (pruning.iterations, pruning.spacing) for pruning in study().prunings(config(), "mini")}
    assert variants == {
        **dict.fromkeys(("random", "magnitude", "snip", "grasp", "synflow-1"), (1, "exponential")),
        "snip-100": (100, "exponential"),
        "synflow": (100, "exponential"),
        "synflow-10": (10, "exponential"),
        "synflow-linear": (100, "linear"),
        "synflow-10-linear": (10, "linear"),
    }
    method = study().methods(config())["imp-at-init-synflow-10-linear"]
    assert is_probed(method) and (method.iterations, method.spacing) == (10, "linear")


def test_the_reference_is_also_pruned_in_one_shot_and_the_other_way_round() -> None:
    settings = config()
    imp, methods = settings.methods["imp"], study().methods(settings)
    assert methods["imp-one-shot"] == imp.model_copy(update={"iterative": False})
    assert methods["imp-one-shot-inverted"].keep == "lowest"
    inverted = {name for name, method in methods.items() if method.keep == "lowest" and "at-init" in name}
    assert inverted == {f"imp-at-init-{name}-inverted" for name in ("magnitude", "snip", "grasp", "synflow")}


def test_smart_ratio_tickets_are_branches() -> None:
    branches = study(smart_ratios=["descending", "ascending"], depth_power=2).branches(config())
    assert branches["smart-ratio-2"].treatment == Choice.of("smart-ratio", depth_power=2.0, order="descending")
    assert branches["smart-ratio-2-ascending"].treatment.options["order"] == "ascending"
    assert study(smart_ratios=[]).branches(config()) == {}


# ---------------------------------------------------------------- trainings and analyses


def test_the_trainings_of_a_cohort() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs))
    counted = Counter((run.method.removeprefix("imp-at-init-"), run.branch) for run in runs if run.cohort == "2-2")
    assert counted == {
        ("dense", None): 1,
        ("imp", None): 3,
        ("imp", "random-mask"): 2,
        ("imp", "reinit"): 2,
        ("imp-one-shot", None): 2,
        ("imp-one-shot", "random-mask"): 2,
        ("imp-one-shot", "reinit"): 2,
        ("imp-one-shot-inverted", None): 2,
        ("random", None): 3,
        ("random", "smart-ratio"): 2,
        ("snip-100", None): 3,
        **{(name, None): 3 for name in ("magnitude", "snip", "grasp", "synflow")},
        **{(f"{name}-inverted", None): 2 for name in ("magnitude", "snip", "grasp", "synflow")},
        **{(n, check): 2 for n in ("magnitude", "snip", "grasp", "synflow") for check in ("random-mask", "reinit")},
    }
    assert {run.level for run in runs if run.method == "imp"} == {1, 2, 4}
    assert {run.level for run in runs if run.method == "imp-at-init-snip" and run.branch} == {2, 3}


def test_one_analysis_per_variant_counts_the_masks_of_all_compressions() -> None:
    paths = study().analyses(config())
    assert len(paths) == len(set(paths)) == 2 * (1 + 10)
    assert "results/mini/0-1/dense/saliency.csv" in paths
    assert "results/mini/0-1/imp-at-init-synflow-1/collapse_4.csv" in paths


@pytest.mark.parametrize(
    ("options", "method", "line"),
    [
        ({"levels": [5]}, {}, "levels: 5 must be at most 4, the number of levels of method 'imp'"),
        ({"check_levels": [3]}, {}, r"check_levels: 3 must be one of `levels` \[1, 2, 4\]"),
        ({"also_trained": ["snip-10"]}, {}, "also_trained: unknown variant 'snip-10'; did you mean 'snip-100'"),
        ({}, {"scope": "layer"}, "tasks.mini: method 'imp' must be iterative and of scope 'global'"),
        ({}, {"iterative": False}, "tasks.mini: method 'imp' must be iterative"),
        ({}, {"prune_at": 0}, "tasks.mini: method 'imp' must prune trained weights, without a treatment"),
        ({}, {"keep": "lowest"}, "tasks.mini: method 'imp' must prune trained weights"),
    ],
)
def test_options_that_do_not_fit_are_one_clear_line(options: dict, method: dict, line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line}"):
        study(**options).methods(config(**method))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"criteria": ["snop"]}, "unknown criterion 'snop'"),
        ({"iterations": {"magnitude": [10]}}, "criterion 'magnitude' does not compute with the network"),
        ({"levels": [2, 1]}, "must rise"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict, line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        study(**options)


def test_variants_of_a_criterion_that_is_left_out_are_left_out() -> None:
    few = study(criteria=["random", "grasp"])
    assert {pruning.name for pruning in few.trained(config(), "mini")} == {"random", "grasp"}
    assert few.methods(config())


# ---------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    the_study, settings = write_files(tmp_path_factory.mktemp("tanaka2020"))
    return the_study.tables(settings)


def test_every_table_has_its_columns(tables: dict[str, pd.DataFrame]) -> None:
    columns = {"measurements": MEASUREMENTS, "collapse": COLLAPSE, "critical": CRITICAL, "conservation": CONSERVATION}
    assert {name: tuple(table.columns) for name, table in tables.items()} == columns


def test_trainings_are_named_by_how_and_at_which_level_they_are_pruned(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["measurements"].set_index(["pruning", "check", "level", "seed"])["metric"]
    assert not table.index.duplicated().any()
    assert len(table) == sum(len(seeds_of(run.cohort)) for run in study().runs(config()))
    for pruning, check, level in (
        *(("dense", "unchanged", 0), ("imp", "unchanged", 1), ("imp", "reinit", 4)),
        *(("magnitude-after", "inverted", 2), ("synflow", "random-mask", 4), ("snip-100", "unchanged", 4)),
        *(("snip", "inverted", 2), ("random", "smart-ratio", 2)),
    ):
        for seed in (0, 1, 2):
            assert table[pruning, check, level, seed] == pytest.approx(accuracy(pruning, check, seed))
    assert np.isnan(table["grasp", "random-mask", 2, 2])  # which diverged


def test_critical_compressions_are_those_before_the_first_empty_layer(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["critical"].set_index(["pruning", "seed"])
    assert table["maximal"].to_numpy() == pytest.approx(656 / 3)
    critical = table["critical"]
    assert [critical["snip", seed] for seed in (0, 1, 2)] == pytest.approx([10.0, 1.8, 10.0])
    assert [critical["magnitude", seed] for seed in (0, 1, 2)] == pytest.approx([1.8, 1.0, 1.8])
    assert critical["synflow", 0] == pytest.approx(COMPRESSIONS[-1])


def test_sums_of_layers_are_compared_with_their_mean(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["conservation"].set_index(["score", "seed", "layer"]).sort_index()
    assert [*table["layer_difference"]["synflow"]] == [0.0] * 9
    assert table["layer_difference"]["magnitude", 0, "fc1.weight"] == pytest.approx(0.5)
    assert table["mean"]["synflow", 2, "fc1.weight"] == pytest.approx(4 / 512)
