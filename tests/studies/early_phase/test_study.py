"""The study of the early phase: which trainings it asks for, and the tables that it makes of known results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import lth_core.data  # registers the transforms
import lth_core.treatments  # noqa: F401 (registers the treatments)
from lth_core import registry
from lth_core.config import Branch, Choice, Config, Dataset, Method, Rewind, StartingWeights, seeds_of
from lth_core.planning.configfile import ConfigError, load
from lth_core.storage.files import write_text
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.studies.base import expand
from lth_core.studies.early_phase import EarlyPhase
from lth_core.studies.early_phase.study import REFERENCES
from lth_core.studies.early_phase.tables import (
    MEASUREMENT_COLUMNS,
    PRETRAINING_COLUMNS,
    correlation,
    correlation_level,
)

KS, LEVELS = [20, 50], [2, 6]
KINDS = ["random-labels", "rotation", "blur", "blur-rotation"]


def sections(**options) -> dict:
    recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 10, "steps": 100, "evaluate_every": 50}
    task = {"dataset": "digits", "model": "lenet", "train": recipe, "cohorts": ["0-1", "2-2"]}
    study = {"tasks": {"small": "imp"}, "rewind_steps": KS, "levels": LEVELS, "telemetry_steps": 40, **options}
    return {"tasks": {"small": task}, "methods": {"imp": {"levels": 6}}, "studies": {"early-phase": study}}


def study(**options) -> EarlyPhase:
    return EarlyPhase(**sections(**options)["studies"]["early-phase"])


def config(results: str = "results", **options) -> Config:
    """As all methods but `datasets` and `derived_tasks` see it."""
    return expand(Config(results=results, **sections(**options)), [study(**options)])


PRETRAINED_ONES = {"pretraining_steps": [20, 80]}

# ---------------------------------------------------------------- what is trained


def test_every_perturbation_of_the_paper_has_a_name_and_a_registered_treatment():
    perturbations = study().perturbations()
    families = pd.Series([choice.name for choice in perturbations.values()]).value_counts()
    assert families.to_dict() == {"sign-magnitude": 5, "shuffle": 6, "gaussian-noise": 4}
    options = [json.dumps(choice.model_dump(), sort_keys=True) for choice in perturbations.values()]
    assert len(set(options)) == 15
    assert Choice(name="sign-magnitude", signs="start", magnitudes="start") not in perturbations.values()
    for choice in perturbations.values():
        assert set(choice.options) == set(registry.treatment.options(choice.name))


def test_the_grid_holds_tickets_references_and_perturbations_at_the_chosen_levels_of_every_chain():
    runs = study().runs(config())
    assert len(runs) == len(set(runs)) == 2 * (1 + len(KS) * len(LEVELS) * (3 + 15))  # two cohorts
    assert {run.method for run in runs} == {"dense", "imp-rewind-20", "imp-rewind-50"}
    assert {run.level for run in runs} == {0, *LEVELS}
    assert study().methods(config()) == {
        f"imp-rewind-{k}": Method(levels=6, rewind=Rewind(policy="rewind", step=k)) for k in KS
    }


def test_without_lengths_of_pretraining_nothing_is_derived_for_it():
    assert study().datasets(config()) == study().derived_tasks(config()) == {}
    assert set(study().branches(config())) == set(study().perturbations())


def test_pretraining_has_tasks_of_its_own_with_the_same_network_and_recipe():
    settings = Config(**sections(**PRETRAINED_ONES), datasets={"digits": Dataset(source="digits", transforms=["half"])})
    derived = study(**PRETRAINED_ONES).datasets(settings)
    assert {name: [choice.name for choice in dataset.transforms] for name, dataset in derived.items()} == {
        "digits-random-labels": ["half", "random-labels"],
        "digits-rotation": ["half", "rotation"],
        "digits-blur": ["half", "blur"],
        "digits-blur-rotation": ["half", "blur", "rotation"],
    }
    for name, task in study(**PRETRAINED_ONES).derived_tasks(settings).items():
        assert task == settings.tasks["small"].model_copy(update={"dataset": name.replace("small", "digits")})
    for dataset in derived.values():
        assert {choice.name for choice in dataset.transforms} <= set(registry.transform.names())


def test_dense_pretraining_is_the_ticket_on_the_weights_of_another_dense_run():
    branch = study(**PRETRAINED_ONES).branches(config(**PRETRAINED_ONES))["dense-pretraining-small-blur-80"]
    weights = StartingWeights(task="small-blur", step=80)
    assert branch == Branch(treatment=Choice(name="ticket"), weights=weights)


def test_sparse_pretraining_applies_the_tickets_mask_first():
    branches = study(**PRETRAINED_ONES).branches(config(**PRETRAINED_ONES))
    weights = StartingWeights(task="small-rotation", step=20, branch="subnetwork-of-small")
    assert branches["sparse-pretraining-small-rotation-20"].weights == weights
    assert branches["subnetwork-of-small"] == Branch(treatment=Choice(name="reset"), source="small")


def test_pretrained_tickets_are_trained_but_no_pretraining_to_its_end():
    runs = study(**PRETRAINED_ONES).runs(config(**PRETRAINED_ONES))
    assert {run.task for run in runs} == {"small"}
    pretrained = {run.branch for run in runs if run.branch and "pretraining" in run.branch}
    assert len(pretrained) == len(KINDS) * 2 * 2
    only = study(**PRETRAINED_ONES, pretraining=["blur"], pretrained_networks=["dense"])
    assert list(only.pretrainings("small")) == ["dense-pretraining-small-blur-20", "dense-pretraining-small-blur-80"]
    assert "subnetwork-of-small" not in only.branches(config(**PRETRAINED_ONES))


def test_noise_of_any_scale_has_a_name_of_its_own():
    names = [name for name in study(noise=[0.25, 0.5, 1, 10]).perturbations() if name.startswith("gaussian")]
    assert names == ["gaussian-noise-0-25", "gaussian-noise-0-5", "gaussian-noise-1", "gaussian-noise-10"]


def test_telemetry_lies_beside_the_dense_run():
    assert study().analyses(config()) == [f"results/small/{c}/dense/telemetry_40.csv" for c in ("0-1", "2-2")]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"rewind_steps": [20, 100]}, "rewind_steps: 100 must be less than 100, the training steps of task 'small'"),
        (
            {"pretraining_steps": [101]},
            "pretraining_steps: 101 must be at most 100, the training steps of task 'small'",
        ),
        ({"telemetry_steps": 101}, "telemetry_steps: 101 must be at most 100, the training steps of task 'small'"),
        ({"levels": [2, 7]}, "levels: 7 must be at most 6, the number of levels of method 'imp'"),
        ({"pretraining": ["rotations"]}, r"pretraining\[0\].*did you mean 'rotation'"),
        ({"rewind_steps": [50, 20]}, "rewind_steps.*must rise"),
        ({"noise": [1, 1]}, "noise.*must rise"),
        ({"noise": [0.5, 0.50000001]}, "noise.*0.5 and 0.50000001 are equal to six digits: remove one of them"),
        ({"pretraining": ["blur", "rotation", "blur"]}, "pretraining.*names 'blur' twice"),
        ({"pretrained_networks": ["dense", "dense"]}, "pretrained_networks.*names 'dense' twice"),
        ({"telemetry_steps": 5}, "telemetry_steps.*20"),
    ],
)
def test_what_cannot_be_done_is_one_line_before_anything_runs(tmp_path: Path, options, line):
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(sections(**options)))
    with pytest.raises(ConfigError, match=rf"studies\.early-phase.*{line}") as error:
        load([path])
    assert "\n" not in str(error.value).strip()


def test_a_good_config_is_read_with_all_that_is_derived(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(sections(**PRETRAINED_ONES)))
    assert load([path]).studies["early-phase"].pretraining_steps == [20, 80]


@pytest.mark.parametrize("options", [{"rewind_steps": []}, {"rewind_steps": [0, 20]}, {"levels": []}, {"noise": [0]}])
def test_options_that_leave_nothing_to_compare_are_refused(options):
    with pytest.raises(ValidationError):
        study(**options)


# ---------------------------------------------------------------- tables


def write_results(folder: Path) -> Config:
    """Every result of the study with known values; seed 1's ticket of k = 50 and level 6 diverged."""
    settings, the_study = config(str(folder), **PRETRAINED_ONES), study(**PRETRAINED_ONES)
    branches = sorted(the_study.branches(settings))
    for run in the_study.runs(settings):
        lines = ["seed,draw,step,split,loss,accuracy"]
        draws = range(2 if run.branch == "reinit" else 1)
        for seed in seeds_of(run.cohort):
            diverged = (seed, run.method, run.level, run.branch) == (1, "imp-rewind-50", 6, None)
            for draw in draws:
                accuracy = 0.9 + seed / 1000 + draw / 10000
                for split, value in (("train", 1.0), ("validation", accuracy - 0.1), ("test", accuracy)):
                    lines += [f"{seed},{draw},20,{split},0.7,0.1"]
                    lines += [f"{seed},{draw},100,{split},{'nan' if diverged else 0.5},{value}"]
        Path(run.folder(settings.results)).mkdir(parents=True)
        Path(run.history(settings.results)).write_text("\n".join(lines) + "\n")
        if run.level:
            header = {"density": 0.8**run.level}
            if run.branch:
                size = branches.index(run.branch) if run.branch in branches else 0
                pairs = [(seed, draw) for seed in seeds_of(run.cohort) for draw in draws]
                header["effective_std"] = [size + seed / 10 + draw / 100 for seed, draw in pairs]
            write_tensors(run.mask(settings.results), {"w": np.ones((1, 1), bool)}, header)
    for cohort in ("0-1", "2-2"):
        rows = [f"{seed},{step},mean_magnitude,{seed + step}" for seed in seeds_of(cohort) for step in (0, 40)]
        path = f"{Run('small', cohort).folder(settings.results)}/telemetry_40.csv"
        write_text(path, "seed,step,quantity,value\n" + "\n".join(rows) + "\n")
    return settings


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    the_study = study(**PRETRAINED_ONES)
    made = the_study.tables(write_results(tmp_path_factory.mktemp("results")))
    assert tuple(made) == the_study.table_names
    return made


def test_one_row_per_replicate_of_every_perturbed_network(tables):
    table = tables["measurements"]
    assert list(table.columns) == list(MEASUREMENT_COLUMNS)
    assert not table.duplicated(["task", "k", "level", "network", "seed", "draw"]).any()
    counts = table.groupby("network").size()
    assert counts["dense"] == 3 and counts["ticket"] == 3 * 4 and counts["reinit"] == 2 * 3 * 4
    assert set(table["network"]) == {"dense", *REFERENCES, *study().perturbations()}
    families = table.drop_duplicates("network").set_index("network")["family"]
    assert families[["dense", *REFERENCES]].eq("reference").all()
    assert families["shuffle-layer-keep-signs"] == "shuffle" and families["gaussian-noise-2"] == "gaussian-noise"


def test_accuracies_and_effective_deviations_are_those_of_their_replicate(tables):
    table = tables["measurements"]
    row = table.query("network == 'reinit' and k == 20 and level == 6 and seed == 1 and draw == 1").iloc[0]
    assert (row["metric"], row["validation_metric"]) == pytest.approx((0.9011, 0.8011))
    draws = table.query("network == 'reinit' and k == 20 and level == 6 and seed < 2")["effective_std"]
    assert draws.to_list() == pytest.approx([0, 0.01, 0.1, 0.11]) and row["density"] == pytest.approx(0.8**6)
    noise = table.query("network == 'gaussian-noise-0-5' and seed == 2")["effective_std"].unique()
    assert noise == pytest.approx(
        [sorted(study(**PRETRAINED_ONES).branches(config())).index("gaussian-noise-0-5") + 0.2]
    )
    assert table.loc[table["network"].isin(["dense", "ticket"]), "effective_std"].isna().all()


def test_a_diverged_replicate_has_no_accuracy(tables):
    rows = tables["measurements"].query("network == 'ticket' and k == 50 and level == 6").set_index("seed")
    assert np.isnan(rows.loc[1, "metric"]) and rows.loc[[0, 2], "metric"].notna().all()


def test_one_row_per_replicate_of_every_pretrained_ticket(tables):
    table = tables["pretraining"]
    assert list(table.columns) == list(PRETRAINING_COLUMNS)
    assert len(table) == 3 * len(KS) * len(LEVELS) * len(KINDS) * 2 * 2
    assert not table.duplicated(list(PRETRAINING_COLUMNS[:9])).any()
    assert set(table["pretraining"]) == set(KINDS) and set(table["network"]) == {"dense", "sparse"}
    assert set(table["steps"]) == {20, 80} and set(table["k"]) == set(KS)


def test_telemetry_of_all_cohorts_is_one_table(tables):
    table = tables["telemetry"].set_index(["seed", "step"])["value"]
    assert len(table) == 6 and table[2, 40] == 42


# ---------------------------------------------------------------- what is made of the tables


def test_the_correlation_is_taken_over_perturbations_alone_seed_by_seed():
    stds, accuracies = np.arange(4.0), np.array([0.9, 0.8, 0.85, 0.5])
    rows = [
        (seed, f"p{index}", "shuffle", std * (seed + 1), accuracies[index] - seed / 10)
        for seed in range(2)
        for index, std in enumerate(stds)
    ]
    rows += [(seed, "reset", "reference", 100.0, 1.0) for seed in range(2)]
    table = pd.DataFrame(rows, columns=["seed", "network", "family", "effective_std", "metric"])
    wanted = np.corrcoef(stds, accuracies)[0, 1]
    assert correlation(table).to_list() == pytest.approx([wanted, wanted])
    table.loc[1, "metric"] = np.nan
    assert np.isnan(correlation(table)[0]) and correlation(table)[1] == pytest.approx(wanted)


def test_of_equally_accurate_networks_there_is_no_correlation():
    rows = [(0, f"p{index}", "shuffle", index, accuracy) for index, accuracy in enumerate([0.3, 0.1 + 0.2, 0.3, 0.3])]
    table = pd.DataFrame(rows, columns=["seed", "network", "family", "effective_std", "metric"])
    assert np.isnan(correlation(table)[0])


@pytest.mark.parametrize(("levels", "nearest"), [([2, 6], 6), ([2, 9], 9), ([6, 7], 6), ([3], 3)])
def test_the_correlation_is_taken_at_the_level_nearest_to_the_papers_density(levels: list[int], nearest: int):
    densities = [1.0, *(0.8**level for level in levels)]
    assert correlation_level(pd.DataFrame({"level": [0, *levels], "density": densities})) == nearest
