"""The transfer study: which trainings it asks for, which groups it refuses, its tables and claims of known results."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import lth_core.branches  # noqa: F401 (registers the built-in treatments)
from lth_core.analysis.claims import Claim
from lth_core.artifacts import write_tensors
from lth_core.cells import Cell
from lth_core.config import Branch, Choice, Config
from lth_core.plan import Plan
from lth_core.studies.transfer import ACCURACY_COLUMNS, CONTROLS, OVERLAP_COLUMNS, Transfer
from lth_core.studies.transfer_groups import channels_may_differ

ADAM = {"name": "adam", "learning_rate": 0.001}
SGD = {"name": "sgd", "learning_rate": 0.1}
DATASETS = {
    "half-a": {"source": "digits", "transforms": [{"name": "half", "part": "a"}]},
    "half-b": {"source": "digits", "transforms": [{"name": "half", "part": "b"}]},
    "low": {"source": "digits", "transforms": [{"name": "class-half", "part": "first"}]},
    "own-images": {"source": {"name": "image-folder", "path": "pets", "size": 8, "grey": True}},
}
SEEDS = 3


def task(dataset: str, model: Any = "lenet", optimizer: dict[str, Any] = ADAM, **changes: Any) -> dict[str, Any]:
    recipe = {"optimizer": optimizer, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    return {"dataset": dataset, "model": model, "train": recipe, "cohorts": ["0-1", "2-2"], **changes}


TASKS = {
    "a": task("half-a"),
    "b": task("half-b"),
    "whole": task("digits"),
    "whole-sgd": task("digits", optimizer=SGD),
}
GROUPS = {"halves": ["a", "b"], "optimizers": ["whole-sgd", "whole"]}
METHOD = {"levels": 4, "scope": "global", "rate": 0.5}


def config(results: str = "results", tasks: dict[str, Any] = TASKS, method: dict[str, Any] = METHOD, **sections):
    study = {"transfer": {"tasks": dict.fromkeys(tasks, "imp"), "groups": GROUPS}}
    given = {"datasets": DATASETS, "tasks": tasks, "methods": {"imp": method}, "studies": study}
    return Config.model_validate({"results": results, **given, **sections})


def study(groups: dict[str, list[str]] = GROUPS, **options: Any) -> Transfer:
    tasks = dict.fromkeys(sorted({member for group in groups.values() for member in group}), "imp")
    return Transfer(**{"tasks": tasks, "groups": groups, **options})


# ---------------------------------------------------------------- what is trained


def test_every_member_of_a_group_is_trained_from_the_ticket_of_every_other_beside_its_own_and_the_controls() -> None:
    cells = study({"three": ["a", "b", "whole"]}, levels=[2, 4]).cells(config())
    of_b = [cell for cell in cells if cell.task == "b" and cell.cohort == "0-1"]
    branches = [None, "from-a", "from-whole", "random-ticket", "random-mask-reinit", "reinit"]
    wanted = {Cell("b", "0-1", "imp", level, branch) for level, branch in product((2, 4), branches)}
    assert set(of_b) == {Cell("b", "0-1")} | wanted
    assert len(cells) == len(set(cells)) == 3 * 2 * (1 + 2 * len(branches))  # tasks, cohorts


def test_without_levels_every_level_of_the_method_is_measured() -> None:
    assert {cell.level for cell in study().cells(config())} == {0, 1, 2, 3, 4}


def test_a_task_of_two_groups_is_trained_once() -> None:
    groups = {"one": ["a", "b"], "two": ["whole", "a"]}
    cells = study(groups).cells(config())
    assert len(cells) == len(set(cells))
    assert {cell.branch for cell in cells if cell.task == "a"} >= {"from-b", "from-whole"}
    assert not {cell.branch for cell in cells if cell.task == "b"} & {"from-whole"}


def test_a_foreign_ticket_is_the_same_treatment_with_another_source() -> None:
    branches = study().branches(config())
    assert branches["from-a"] == Branch(treatment=Choice(name="ticket"), source="a")
    assert set(branches) == {"from-a", "from-b", "from-whole", "from-whole-sgd"}


def test_controls_are_those_that_the_config_defines() -> None:
    plan = Plan(config(branches={"reinit": {"treatment": "reinit", "draws": 3}}), {"transfer": study()})
    assert plan.branch("reinit").draws == 3
    assert plan.branch("random-ticket") == Branch(treatment=Choice(name="random-ticket"))


def test_the_masks_of_every_pair_are_compared_once_per_cohort_and_level() -> None:
    files = study({"one": ["a", "b"], "two": ["b", "whole", "a"]}, levels=[3]).analyses(config())
    folders = [f"results/{task}/{cohort}/imp/level_3/overlap" for task, cohort in product("ab", ("0-1", "2-2"))]
    assert sorted(files) == sorted(
        [f"{folder}/b/imp.csv" for folder in folders[:2]] + [f"{folder}/whole/imp.csv" for folder in folders]
    )


def test_the_grid_is_known_where_nothing_but_studies_is_imported() -> None:
    code = f"""
import sys
from lth_core.studies.transfer import Transfer
from lth_core.config import Config
study = Transfer.model_validate_json({study().model_dump_json()!r})
print(len(study.cells(Config.model_validate_json({config().model_dump_json()!r}))), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(study().cells(config()))), "False"]


def test_the_order_of_the_configs_keys_does_not_matter() -> None:
    groups, tasks = {"two": ["whole", "b"], "one": ["b", "a"]}, {"whole": "imp", "b": "imp", "a": "imp"}
    first = Transfer(tasks=tasks, groups=groups)
    second = Transfer(tasks=dict(sorted(tasks.items())), groups=dict(sorted(groups.items())))
    assert set(first.analyses(config())) == set(second.analyses(config()))
    assert set(first.cells(config())) == set(second.cells(config()))


# ---------------------------------------------------------------- groups that do not go together

SMALL = {"name": "lenet", "hidden": [30]}
OUTPUT_KEPT = {**METHOD, "exclude": ["output"]}
LARGE_DIGITS = task("mnist", "resnet-20")


def refused(tasks: dict[str, Any], method: dict[str, Any] = METHOD, **options: Any) -> str:
    group = {"both": list(tasks)}
    given = {"tasks": dict.fromkeys(tasks, "imp"), "groups": group, **options}
    with pytest.raises(ValueError, match=r"^studies\.transfer\.groups\.both: ") as caught:
        Transfer(**given).cells(config(tasks=tasks, method=method))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("studies.transfer.groups.both: ")


@pytest.mark.parametrize(
    ("tasks", "line"),
    [
        (
            {"a": task("half-a"), "b": task("half-b", cohorts=["0-1"])},
            "'a' and 'b' need the same cohorts: tickets are exchanged seed by seed",
        ),
        (
            {"a": task("half-a"), "b": task("half-b", SMALL)},
            "'a' and 'b' have different models or options: tickets fit one network only",
        ),
        (
            {"a": task("digits"), "b": task("mnist")},
            "'a' and 'b' have images of 1x8x8 and 1x28x28, but the weights of 'lenet' depend on their size and "
            "channels",
        ),
        (
            {"a": task("mnist", "conv-2"), "b": task("cifar10", "conv-2")},
            "'a' and 'b' have images of 1x28x28 and 3x32x32, but the weights of 'conv-2' depend on their size and "
            "channels",
        ),
        (
            {"a": task("digits"), "b": task("low")},
            "'a' has 10 classes and 'b' 5: their method must not prune the output layer (exclude: [output])",
        ),
    ],
)
def test_tasks_that_cannot_exchange_tickets_are_refused_in_one_line(tasks: dict[str, Any], line: str) -> None:
    assert refused(tasks) == line


def test_a_level_beyond_the_method_is_refused() -> None:
    line = refused({"a": task("half-a"), "b": task("half-b")}, levels=[2, 5])
    assert line == "level 5 is beyond the 4 levels of method 'imp'"


def test_a_group_needs_one_method() -> None:
    both = config(methods={"imp": METHOD, "other": METHOD})
    with pytest.raises(ValueError, match="'a' has method 'imp', 'b' 'other': a group needs one method"):
        Transfer(tasks={"a": "imp", "b": "other"}, groups={"halves": ["a", "b"]}).cells(both)


def test_a_member_that_is_no_task_of_the_study_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="unknown task 'whole-sdg'; did you mean 'whole-sgd'"):
        Transfer(tasks=dict.fromkeys(TASKS, "imp"), groups={"x": ["whole", "whole-sdg"]}).cells(config())


def test_a_task_of_no_group_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^studies\.transfer\.tasks\.whole: is in no group"):
        Transfer(tasks=dict.fromkeys(["a", "b", "whole"], "imp"), groups={"x": ["a", "b"]}).cells(config())


@pytest.mark.parametrize(
    "tasks",
    [
        {"a": task("half-a"), "b": task("half-b", {"name": "lenet", "hidden": [300, 100]})},  # the default, written out
        {"a": task("mnist", "resnet-20"), "b": task("cifar10", "resnet-20")},  # any size, one channel and three
        {"a": task("digits", "resnet-20"), "b": task("svhn", "resnet-20")},
        {"a": task("own-images"), "b": task("digits")},  # classes are not known before they are read
    ],
)
def test_tasks_that_fit_or_may_fit_are_accepted(tasks: dict[str, Any]) -> None:
    assert study({"both": list(tasks)}).cells(config(tasks=tasks))


def test_other_classes_are_no_problem_where_the_output_layer_is_not_pruned() -> None:
    tasks = {"a": task("digits"), "b": task("low")}
    assert study({"both": ["a", "b"]}).cells(config(tasks=tasks, method=OUTPUT_KEPT))


@pytest.mark.parametrize(
    "options", [{"levels": [3, 2]}, {"levels": [0]}, {"groups": {}}, {"groups": {"x": ["a"]}}, {"groups": {"x": "aa"}}]
)
def test_options_that_leave_nothing_to_exchange_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Transfer(**{"tasks": {"a": "imp", "b": "imp"}, "groups": {"x": ["a", "b"]}, **options})


def test_a_group_names_each_task_once() -> None:
    with pytest.raises(ValidationError, match="group 'x' names a task twice"):
        Transfer(tasks={"a": "imp"}, groups={"x": ["a", "a"]})


# ---------------------------------------------------------------- tables

LEVELS = [1, 3, 4]  # of 50%, 12.5% and 6.25% of the weights


def loss_of(cell: Cell) -> float:
    """Percentage points below the own ticket, the same on all tasks, growing with the level."""
    losses = {None: 0.0, "random-ticket": 5.0, "random-mask-reinit": 3.0, "reinit": 2.0}
    return losses.get(cell.branch, 1.0) * (cell.level - 1)


def noise(seed: int) -> float:
    """Different in every seed, so that effects have a spread, but 0 on average."""
    return (seed - 1) * 5e-6


def write(path: str, lines: list[str]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n".join(lines) + "\n")


def write_results(folder: Path) -> Config:
    """Histories, headers of masks and counts of overlaps of every cell, with known values."""
    settings, the_study = config(str(folder)), study(levels=LEVELS)
    for cell in the_study.cells(settings):
        seeds = (0, 1) if cell.cohort == "0-1" else (2,)
        lines = ["seed,draw,step,split,loss,accuracy"]
        for seed in seeds:
            accuracy = 0.9 - loss_of(cell) / 100 * (1 + noise(seed))
            lines += [f"{seed},0,50,{split},0.7,0.1" for split in ("train", "validation", "test")]
            lines += [f"{seed},0,100,{split},0.5,{accuracy!r}" for split in ("train", "validation", "test")]
        write(cell.history(settings.results), lines)
        if cell.level:
            header = {"density": 0.5**cell.level, "provenance": {}}
            write_tensors(cell.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
    for path in the_study.analyses(settings):
        lines = ["seed,layer,weights,kept,kept_other,common"]
        for seed in (0, 1) if "/0-1/" in path else (2,):
            lines += [f"{seed},z,100,10,10,{5 + seed}", f"{seed},a,10,5,5,3"]
        write(path, lines)
    return settings


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return study(levels=LEVELS).tables(write_results(tmp_path_factory.mktemp("results")))


def test_one_row_per_group_target_network_level_and_replicate(tables: dict[str, pd.DataFrame]) -> None:
    accuracy = tables["accuracy"]
    assert list(accuracy.columns) == list(ACCURACY_COLUMNS)
    assert not accuracy.duplicated(["group", "target", "network", "source", "level", "seed", "draw"]).any()
    per_target = accuracy.groupby(["group", "target"])
    assert len(per_target) == 4 and set(per_target.size()) == {SEEDS * (1 + len(LEVELS) * (2 + len(CONTROLS)))}
    assert set(accuracy["source"]) == set(TASKS) and set(accuracy["network"]) == {"dense", "ticket", *CONTROLS}


def test_accuracies_and_densities_are_those_of_the_cell(tables: dict[str, pd.DataFrame]) -> None:
    def one(**wanted: Any) -> pd.Series:
        rows = tables["accuracy"]
        for column, value in wanted.items():
            rows = rows[rows[column] == value]
        (found,) = (row for _, row in rows.iterrows())
        return found

    there = {"target": "a", "level": 3, "seed": 2}
    assert one(network="ticket", source="a", **there)["accuracy"] == pytest.approx(0.9)
    assert one(network="ticket", source="b", **there)["accuracy"] == pytest.approx(0.88)
    assert one(network="random-ticket", source="a", **there)["accuracy"] == pytest.approx(0.80)
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
    assert {drawing.name.rpartition("-")[0] for drawing in drawings} == {"accuracy", "heatmap", "overlap", "layers"}
    for drawing in drawings[:4]:
        assert "a (data: half-a, network: lenet, optimizer: adam)" in drawing.caption
        assert drawing.draw().axes
    captions = {drawing.name: drawing.caption for drawing in drawings}
    for name, caption in captions.items():
        assert ("band:" in caption) is not name.startswith("heatmap"), "numbers on a heat map have no bands"
        assert "kernels" not in caption, "these networks have none"


@pytest.mark.parametrize(
    ("model", "datasets", "expected"),
    [
        ("lenet", ("mnist", "mnist"), False),
        ("resnet-20", ("cifar10", "cifar10"), False),
        ("resnet-20", ("mnist", "cifar10"), True),
    ],
)
def test_channels_differ_only_where_networks_take_them(model: str, datasets: tuple[str, str], expected: bool) -> None:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    tasks = {
        name: {"dataset": dataset, "model": model, "train": recipe, "cohorts": ["0-0"]}
        for name, dataset in zip("ab", datasets, strict=True)
    }
    settings = Config(tasks=tasks, methods={"imp": {"levels": 1}}, studies={"transfer": {}})
    assert channels_may_differ(settings, ["a", "b"]) is expected


def claims_of(tables: dict[str, pd.DataFrame], **options: Any) -> dict[tuple[str, str], Claim]:
    found = study(levels=LEVELS, **options).claims(config(), tables)
    claims = {(claim.task, claim.claim.partition(", with ")[0]): claim for claim in found}
    assert len(claims) == len(found)
    return claims


def test_claims_are_made_where_a_tenth_of_the_weights_or_fewer_are_left(tables: dict[str, pd.DataFrame]) -> None:
    claims = claims_of(tables)
    random = claims["a", "A ticket found on b is better than a random ticket"]
    assert random.claim.endswith(", with 12.5% to 6.2% of the weights.")
    assert random.estimate == pytest.approx(4 * (2 + 3) / 2) and random.verdict == "supported"
    layers = claims["a", "Layerwise densities of a ticket are worth something without the ticket"]
    assert layers.estimate == pytest.approx(2 * 2.5) and layers.n == SEEDS


def test_densities_of_layers_are_looked_at_where_pruning_finds_them(tables: dict[str, pd.DataFrame]) -> None:
    layerwise = config(method={**METHOD, "scope": "layer"})
    assert not any(name.startswith("layers") for name in study().figure_names(layerwise))
    found = study(levels=LEVELS).claims(layerwise, tables)
    assert found and not any(claim.claim.startswith("Layerwise densities") for claim in found)


def test_halves_and_optimizers_are_compared_with_the_own_ticket_at_a_tenth(tables: dict[str, pd.DataFrame]) -> None:
    claims = claims_of(tables)
    half = claims["a", "A ticket found on the other half of the examples matches the own ticket (within 0.2 points)"]
    assert half.claim.endswith(", with 12.5% of the weights.")
    assert half.estimate == pytest.approx(-2) and half.margin == -0.2 and half.verdict == "contradicted"
    swap = claims["whole", "A ticket found with another optimizer matches the own ticket (within 0.2 points)"]
    assert swap.estimate == pytest.approx(-2) and swap.unit == "percentage points"


def test_the_overlap_is_held_against_chance(tables: dict[str, pd.DataFrame]) -> None:
    claim = claims_of(tables)["a", "Tickets of a and b keep the same weights more often than by chance"]
    by_chance = (1 + 2.5) / (30 - 3.5)
    expected = np.mean([(5 + seed + 3) / (30 - (5 + seed + 3)) - by_chance for seed in range(SEEDS)])
    assert claim.estimate == pytest.approx(expected) and claim.verdict == "supported"


def test_other_data_are_not_compared_with_the_own_ticket() -> None:
    sentences = [claim for _, claim in claims_of_other_data()]
    assert not any("matches the own" in sentence for sentence in sentences)
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
        "accuracy": pd.DataFrame(rows, columns=list(ACCURACY_COLUMNS)),
        "overlap": pd.DataFrame(columns=list(OVERLAP_COLUMNS)),
    }
    found = study({"both": ["a", "b"]}, levels=LEVELS).claims(config(tasks=tasks), known)
    return [(claim.task, claim.claim) for claim in found]


def test_where_many_weights_are_left_claims_are_made_at_the_fewest_that_were_measured(
    tables: dict[str, pd.DataFrame],
) -> None:
    dense_only = {name: table[table["level"] <= 1] for name, table in tables.items()}
    found = study(levels=[1]).claims(config(), dense_only)
    assert found and all(claim.claim.endswith(", with 50.0% of the weights.") for claim in found)


def test_a_group_claimed_twice_is_claimed_once(tables: dict[str, pd.DataFrame]) -> None:
    accuracy = tables["accuracy"]
    again = accuracy[accuracy["group"] == "halves"].assign(group="again")
    doubled = {**tables, "accuracy": pd.concat([accuracy, again])}
    assert len(claims_of(doubled, groups=GROUPS | {"again": ["b", "a"]})) == len(claims_of(tables))


def test_a_diverged_replicate_leaves_its_claims_open(tables: dict[str, pd.DataFrame]) -> None:
    accuracy = tables["accuracy"].copy()
    there = accuracy[["target", "network", "source", "level", "seed"]] == ["a", "ticket", "b", 4, 1]
    accuracy.loc[there.all(axis=1), "accuracy"] = np.nan
    claims = claims_of({**tables, "accuracy": accuracy})
    assert claims["a", "A ticket found on b is better than a random ticket"].verdict == "inconclusive"
    assert claims["b", "A ticket found on a is better than a random ticket"].verdict == "supported"
