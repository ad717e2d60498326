"""Specs: they hold exactly what a job's result depends on."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lth_core import registry
from lth_core.config import Method, Task
from lth_core.planning.canonical import canonical
from lth_core.planning.configfile import ConfigError
from lth_core.planning.plan import Plan
from lth_core.storage.runs import Run
from tests.support import example_plan
from tests.support.code import read_anew
from tests.support.example_plan import CONFIG, Change

ROOT = Path(__file__).parents[2]

plan_of = example_plan.plan_of  # a fixture


def specs(plan: Plan) -> dict[str, str]:
    """The spec of one job of every kind."""
    return {
        "data": plan.specs.data("digits"),
        "initialize": plan.specs.initialize("mini", "0-1"),
        "dense": plan.specs.dense("mini", "0-1"),
        "prune": plan.specs.prune("0-1", "reset", 2),
        "retrain": plan.specs.retrain("mini", "0-1", "reset", 2),
        "branch": plan.specs.branch(Run("mini", "0-1", "reset", 2, "twice")),
        "table": plan.specs.table("frankle2019"),
        "figures": plan.specs.figures("frankle2019"),
        "claims": plan.specs.claims(),
        "report": plan.specs.report(),
    }


def test_specs_are_one_line_of_canonical_json(plan_of: Any) -> None:
    for spec in specs(plan_of()).values():
        assert spec == json.dumps(json.loads(spec), sort_keys=True) and "\n" not in spec


def test_the_order_of_keys_does_not_matter(plan_of: Any) -> None:
    def reverse(value: Any) -> Any:
        return {key: reverse(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    def reorder(config: dict[str, Any]) -> None:
        reordered = reverse(copy.deepcopy(config))
        config.clear()
        config.update(reordered)

    assert specs(plan_of(reorder)) == specs(plan_of())


values = st.recursive(st.integers(), lambda held: st.dictionaries(st.text(max_size=2), held, max_size=3), max_leaves=6)


@given(spec=st.dictionaries(st.text(max_size=2), values, max_size=4))
def test_equal_specs_are_equal_texts(spec: dict[str, Any]) -> None:
    assert canonical(dict(reversed(spec.items()))) == canonical(spec)
    assert json.loads(canonical(spec)) == spec


STABILIZING = {"tasks": {"mini": "reset"}, "rewind_steps": [0, 5], "levels": [1]}
AFTER_TRAINING = {"table", "figures", "claims", "report"}
TRAININGS = {"dense", "retrain", "branch"}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        pytest.param(lambda c: c.update(device="cpu", data_root="elsewhere"), set(), id="device and data folder"),
        pytest.param(lambda c: c["tasks"]["mini"].update(processes=2), set(), id="processes"),
        pytest.param(lambda c: c.update(reports="pages"), {"figures", "report"}, id="folder of the reports"),
        pytest.param(lambda c: c["tasks"]["mini"]["cohorts"].append("5-9"), AFTER_TRAINING, id="another cohort"),
        pytest.param(lambda c: c["tasks"]["mini"]["train"].update(steps=50), TRAININGS | AFTER_TRAINING, id="recipe"),
        pytest.param(
            lambda c: c["tasks"]["mini"]["model"].update(hidden=[9]),
            TRAININGS | AFTER_TRAINING | {"initialize"},
            id="network",
        ),
        pytest.param(
            lambda c: c["tasks"]["mini"].update(initialization={"weights": "kaiming-normal"}),
            TRAININGS | AFTER_TRAINING | {"initialize"},
            id="initialization",
        ),
        pytest.param(
            lambda c: c["tasks"]["mini"].update(initialization={"from": {"task": "other"}}),
            TRAININGS | AFTER_TRAINING | {"initialize"},
            id="weights of another task",
        ),
        pytest.param(
            lambda c: c["tasks"]["mini"]["train"].update(clip_norm=1, label_smoothing=0.1, penalty=1e-4),
            TRAININGS | AFTER_TRAINING,
            id="clipping and smoothing",
        ),
        pytest.param(
            lambda c: c["tasks"]["mini"]["train"].update(test_folds=5),
            TRAININGS | AFTER_TRAINING,
            id="folds of the test examples",
        ),
        pytest.param(lambda c: c["methods"]["reset"].update(rate=0.5), {"prune"} | AFTER_TRAINING, id="pruning rate"),
        pytest.param(lambda c: c["methods"]["reset"].update(levels=9), AFTER_TRAINING, id="more levels"),
        pytest.param(
            lambda c: c["methods"]["reset"].update(rewind={"policy": "rewind", "step": 3}),
            {"retrain", "branch"} | AFTER_TRAINING,
            id="rewinding",
        ),
        pytest.param(lambda c: c["methods"]["rewound"].update(rate=0.5), AFTER_TRAINING, id="another method"),
        pytest.param(lambda c: c["branches"]["twice"].update(draws=3), {"branch"} | AFTER_TRAINING, id="branch"),
        pytest.param(
            lambda c: c["studies"].update(stabilizing2019=STABILIZING),
            {"claims", "report"},
            id="another study",
        ),
    ],
)  # fmt: skip
def test_a_spec_changes_with_what_its_job_depends_on(plan_of: Any, change: Change, changed: set[str]) -> None:
    before, after = specs(plan_of()), specs(plan_of(change))
    assert {job for job in before if before[job] != after[job]} == changed


def test_a_task_that_starts_from_another_one_is_read_from_its_spec_as_it_was_written(plan_of: Any) -> None:
    source = {"task": "other", "step": 5}
    plan = plan_of(lambda config: config["tasks"]["mini"].update(initialization={"from": source}))
    spec = json.loads(plan.specs.dense("mini", "0-1"))["task"]
    assert spec["initialization"]["from"] == source
    assert Task(**spec).initialization == plan.config.tasks["mini"].initialization


def test_jobs_of_other_seeds_and_levels_have_other_specs(plan_of: Any) -> None:
    plan = plan_of()
    assert plan.specs.dense("mini", "0-1") != plan.specs.dense("mini", "2-4")
    assert plan.specs.prune("0-1", "reset", 1) != plan.specs.prune("0-1", "reset", 2)
    assert json.loads(plan.specs.dense("mini", "2-4"))["seeds"] == [2, 3, 4]


def test_a_mask_depends_on_the_densities_of_its_level_and_those_before(plan_of: Any) -> None:
    def masks(*densities: float) -> list[str]:
        method = {"levels": len(densities), "densities": [*densities], "allocation": "erdos-renyi"}
        plan = plan_of(lambda config: config["methods"].update(reset=method))
        return [plan.specs.prune("0-1", "reset", level) for level in (1, 2)]

    one, other = masks(0.5, 0.2, 0.1), masks(0.5, 0.3)
    assert one[0] == other[0] and one[1] != other[1]
    assert Method(**json.loads(one[1])["method"]).densities == [0.5, 0.2]


def test_what_must_fit_a_network_is_known_where_it_is_initialized(plan_of: Any) -> None:
    for how in ({"scope": "global", "densities": [0.5, 0.2, 0.1]}, {"allocation": "lamp", "rate": 0.5}):
        plan = plan_of(lambda config, how=how: config["methods"].update(reset={"levels": 3} | how))
        assert json.loads(plan.pruned_weights)["mini"]["reset"] == {"levels": 3, "fractions": []} | how


PLUGIN = """
from lth_core.registry import criterion, study
from lth_core.studies.frankle2019 import Frankle2019

@criterion("mine")
def mine(trained, mask):
    return {name: trained[name] ** 2 for name in mask}

@study("mine2026")
class Mine(Frankle2019):
    '''A study of my own.'''
"""


def test_a_plugin_counts_where_its_functions_are_used_and_nowhere_else(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for known in (registry.criterion, registry.study):  # other tests list what is registered
        monkeypatch.setattr(known, "_functions", dict(known._functions))
    (tmp_path / "plan_plugin.py").write_text(PLUGIN)

    def use(config: dict[str, Any]) -> None:
        config["plugins"] = ["plan_plugin"]
        config["methods"]["reset"]["criterion"] = "mine"
        config["studies"]["mine2026"] = config["studies"]["frankle2019"]

    def all_specs() -> dict[str, str]:
        read_anew()
        plan = plan_of(use)
        return specs(plan) | {"own table": plan.specs.table("mine2026"), "own figures": plan.specs.figures("mine2026")}

    before = all_specs()

    def changed_with(old: str, new: str) -> set[str]:
        (tmp_path / "plan_plugin.py").write_text(PLUGIN.replace(old, new))
        after = all_specs()
        return {job for job in before if before[job] != after[job]}

    assert changed_with("** 2", "** 4") == {"prune"}
    assert changed_with("of my own.'''", "of mine.'''\n    rounds = 3") == {
        *("claims", "report", "own table", "own figures")
    }
    assert changed_with("of my own", "of mine") == set()
    assert json.loads(before["prune"])["modules"] == ["plan_plugin"]
    objective = "lth_core.tasks.objectives.classification"
    assert json.loads(before["dense"])["modules"] == ["lth_core.models.networks.lenet", objective]


READER = """
from lth_core.registry import criterion, model

@criterion("from-file", reads=lambda path="prior.csv": [path])
def from_file(trained, mask, path="prior.csv"):
    return trained

@model("from-weights", reads=["weights.npz"])
def from_weights(classes, input_shape): ...
"""


def test_a_file_that_a_plugin_says_it_reads_counts_with_its_content(
    plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for known in (registry.criterion, registry.model):
        monkeypatch.setattr(known, "_functions", dict(known._functions))
    (tmp_path / "reading_plugin.py").write_text(READER)
    files = {name: tmp_path / name for name in ("prior.csv", "other.csv", "weights.npz")}

    def use(config: dict[str, Any]) -> None:
        config["plugins"] = ["reading_plugin"]
        config["methods"]["reset"]["criterion"] = {"name": "from-file", "path": "other.csv"}
        config["tasks"]["mini"]["model"] = "from-weights"

    def all_specs() -> dict[str, str]:
        read_anew()
        return specs(plan_of(use))

    with pytest.raises(ConfigError) as missing:
        plan_of(use)
    assert str(missing.value).splitlines() == [
        "tasks.mini.model: model 'from-weights' reads 'weights.npz', which is no file here",
        "methods.reset.criterion: criterion 'from-file' reads 'other.csv', which is no file here",
    ]
    for file in files.values():
        file.write_text("1")
    before = all_specs()
    for name, changed in (("prior.csv", set()), ("other.csv", {"prune"}), ("weights.npz", NETWORKS)):
        files[name].write_text("2")
        after = all_specs()
        assert {job for job in before if before[job] != after[job]} == changed
        before = after


NETWORKS = {"initialize", "dense", "retrain", "branch"}


def test_a_folder_of_images_is_watched_by_names_and_content_of_its_files(plan_of: Any, tmp_path: Path) -> None:
    def spec(root: Path) -> str:
        source = {"name": "image-folder", "path": "pets", "size": 8}
        datasets = {"pets": {"source": source}}
        return plan_of(lambda c: c.update(datasets=datasets, data_root=str(root))).specs.data("pets")

    for folder in ("here", "moved"):
        (tmp_path / folder / "pets/train/cat").mkdir(parents=True)
        (tmp_path / folder / "pets/train/cat/1.png").write_text("")
    before = spec(tmp_path / "here")
    assert spec(tmp_path / "moved") == before
    (tmp_path / "here/pets/train/cat/2.png").write_text("")
    assert spec(tmp_path / "here") != before
    (tmp_path / "here/pets/train/cat/2.png").unlink()
    assert spec(tmp_path / "here") == before
    (tmp_path / "here/pets/train/cat/1.png").write_text("another")
    assert spec(tmp_path / "here") != before


def test_a_watched_function_that_fails_is_one_line(plan_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.dataset._facts["digits"], "watched", lambda root: ["a", None])
    with pytest.raises(ConfigError, match=r"^data set 'digits': its `watched` does not list files \(TypeError: .*\)$"):
        plan_of().specs.data("digits")


def test_a_config_that_no_job_could_be_told_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    """At 131,072 bytes, Linux refuses to start a job with it."""

    def read(tasks: int) -> Plan:
        config = yaml.safe_load(CONFIG)
        config["tasks"] |= {f"copy-{index}": config["tasks"]["mini"] for index in range(tasks)}
        (tmp_path / "large.yaml").write_text(yaml.safe_dump(config))
        return Plan.read([tmp_path / "large.yaml"])

    assert 100_000 < len(read(450).specs.report()) < 131_072
    with pytest.raises(ConfigError, match=r"^the config is too large for one run \(1\d\d,\d{3} bytes, .* by task$"):
        read(600)
