"""The plan: which file a ticket starts from, and specs that hold exactly what a job's result depends on."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lth_core import codedigest, registry
from lth_core.cells import Cell
from lth_core.configfile import ConfigError
from lth_core.plan import Plan, canonical

CONFIG = """
tasks:
  mini: &mini
    dataset: digits
    model: {name: lenet, hidden: [20, 10]}
    train:
      optimizer: {name: adam, learning_rate: 1.2e-3}
      batch_size: 60
      steps: 40
      evaluate_every: 20
    cohorts: ["0-1", "2-4"]
  other: {<<: *mini, dataset: digits}
methods:
  reset: {levels: 3, rate_by_kind: {output: 0.1, hidden: 0.3}}
  rewound: {levels: 3, rewind: {policy: rewind, step: 7}}
  from-zero: {levels: 3, rewind: {policy: rewind, step: 0}}
  continued: {levels: 3, rewind: {policy: continue}}
  at-once: {levels: 3, iterative: false}
  fine-tuned: {levels: 3, rewind: {policy: fine-tune, step: 30}}
  fine-tuned-at-once: {levels: 3, iterative: false, rewind: {policy: fine-tune, step: 30}}
  low-rate: {levels: 3, rewind: {policy: rewind-low-rate, step: 7}}
  treated: {levels: 3, treatment: redraw-kept}
branches:
  twice: {treatment: reinit, draws: 2}
  twice-elsewhere: {treatment: reinit, draws: 2, order: 1}
  elsewhere: {treatment: ticket, order: 1}
  mask-elsewhere: {treatment: random-mask, order: 3}
  alone: {treatment: redraw-kept, draws: 5, order: 1}
  spawned: {treatment: reinit, draws: 2, order: 2, order_from: 9}
  from-other: {treatment: ticket, source: other}
  pretrained: {treatment: ticket, weights: {task: other, step: 5}}
  pretrained-sparse: {treatment: ticket, weights: {task: other, step: 5, branch: from-mini}}
  from-mini: {treatment: reset, source: mini}
studies:
  frankle2019: {tasks: {mini: reset}, controls: [twice], one_shot: false, continued: false}
"""
ROOT = Path(__file__).parents[1]
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """plan_of(change) -> the plan of the config above after a change of its keys."""

    def read(change: Change = lambda config: None) -> Plan:
        config = yaml.safe_load(CONFIG.replace("1.2e-3", "0.0012"))
        change(config)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        return Plan.read([tmp_path / "config.yaml"])

    return read


def specs(plan: Plan) -> dict[str, str]:
    """The spec of one job of every kind."""
    return {
        "data": plan.data_spec("digits"),
        "initialize": plan.initialize_spec("mini", "0-1"),
        "dense": plan.dense_spec("mini", "0-1"),
        "checkpoint": plan.checkpoint_spec("mini", "0-1", 7),
        "prune": plan.prune_spec("0-1", "reset", 2),
        "retrain": plan.retrain_spec("mini", "0-1", "reset", 2),
        "branch": plan.branch_spec(Cell("mini", "0-1", "reset", 2, "twice")),
        "table": plan.table_spec("frankle2019"),
        "figures": plan.figures_spec("frankle2019"),
        "claims": plan.claims_spec(),
        "report": plan.report_spec(ROOT / "reports" / "templates"),
    }


# ---------------------------------------------------------------- where a ticket starts


@pytest.mark.parametrize(
    ("method", "level", "start"),
    [
        ("reset", 0, "init.safetensors"),
        ("reset", 2, "init.safetensors"),
        ("rewound", 0, "init.safetensors"),
        ("rewound", 1, "dense/at_7.safetensors"),
        ("rewound", 3, "dense/at_7.safetensors"),
        ("from-zero", 2, "init.safetensors"),
        ("continued", 0, "init.safetensors"),
        ("continued", 1, "dense/trained.safetensors"),
        ("continued", 3, "continued/level_2/trained.safetensors"),
        ("at-once", 3, "init.safetensors"),
        ("fine-tuned", 2, "fine-tuned/level_1/trained.safetensors"),
        ("fine-tuned-at-once", 3, "dense/trained.safetensors"),
        ("low-rate", 2, "dense/at_7.safetensors"),
    ],
)
def test_a_training_starts_where_its_method_rewinds_to(plan_of: Any, method: str, level: int, start: str) -> None:
    assert plan_of().start_file("mini", "0-1", method, level) == f"results/mini/0-1/{start}"


@pytest.mark.parametrize(("method", "before"), [("reset", [0, 1, 2]), ("continued", [0, 1, 2]), ("at-once", [0, 0, 0])])
def test_a_mask_comes_from_the_level_before_or_straight_from_the_dense_run(
    plan_of: Any, method: str, before: list[int]
) -> None:
    found = [plan_of().level_before("mini", "0-1", method, level) for level in (1, 2, 3)]
    assert found == [Cell("mini", "0-1", method, level) for level in before]
    assert found[0].trained("results") == "results/mini/0-1/dense/trained.safetensors"


@pytest.mark.parametrize(
    ("cell", "start"),
    [
        (Cell("mini", "0-1"), "init"),
        (Cell("mini", "0-1", "reset", 2), "init"),
        (Cell("mini", "0-1", "rewound", 2), "dense/at_7"),
        (Cell("mini", "0-1", "treated", 2), "treated/level_2/start"),
    ],
)
def test_a_criterion_sees_what_the_last_training_began_with(plan_of: Any, cell: Cell, start: str) -> None:
    assert plan_of().started_from(cell) == f"results/mini/0-1/{start}.safetensors"


def test_a_ticket_is_treated_by_its_branch_or_else_by_its_method(plan_of: Any) -> None:
    plan = plan_of()
    assert plan.treated(Cell("mini", "0-1", "treated", 1)).treatment.name == "redraw-kept"
    assert plan.treated(Cell("mini", "0-1", "treated", 1, "twice")).treatment.name == "reinit"


MASK = "mini/reset/level_1/mask"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (Cell("mini", "0-1", "reset", 1, "twice"), ["mini/init", "mini/init", "mini/init", MASK]),
        (
            Cell("mini", "0-1", "rewound", 2, "twice"),
            ["mini/init", "mini/init", "mini/dense/at_7", "mini/rewound/level_2/mask"],
        ),
        (Cell("mini", "0-1", branch="elsewhere"), ["mini/init", "mini/init", "mini/init", None]),
        (
            Cell("mini", "0-1", "rewound", 1, "from-other"),
            ["mini/init", "other/init", "other/dense/at_7", "other/rewound/level_1/mask"],
        ),
        (Cell("mini", "0-1", "reset", 1, "pretrained"), ["mini/init", "mini/init", "other/dense/at_5", MASK]),
        (
            Cell("mini", "0-1", "reset", 1, "pretrained-sparse"),
            ["mini/init", "mini/init", "other/reset/level_1/from-mini/at_5", MASK],
        ),
        (Cell("other", "0-1", "reset", 1, "from-mini"), ["other/init", "mini/init", "mini/init", MASK]),
    ],
)
def test_a_branch_is_made_from_its_own_task_or_from_another_one(plan_of: Any, cell: Cell, expected: list[str]) -> None:
    files = plan_of().branch_inputs(cell)
    found = [files.get(key) for key in ("network", "initial", "start", "mask")]
    assert found == [name and f"results/{name.replace('/', '/0-1/', 1)}.safetensors" for name in expected]


# ---------------------------------------------------------------- counterparts on the ticket's own data order


@pytest.mark.parametrize(
    ("branch", "counterpart"),
    [("elsewhere", None), ("twice-elsewhere", "twice"), ("spawned", "twice"), ("mask-elsewhere", "random-mask")],
)
def test_the_counterpart_on_the_own_order_is_the_same_treatment(
    plan_of: Any, branch: str, counterpart: str | None
) -> None:
    cell = Cell("mini", "0-1", "reset", 2, branch)
    assert plan_of().on_own_order(cell) == Cell("mini", "0-1", "reset", 2, counterpart)


def test_a_branch_without_a_counterpart_is_an_error_that_names_its_treatment(plan_of: Any) -> None:
    with pytest.raises(ValueError, match="no branch of treatment 'redraw-kept' is trained on data order 0"):
        plan_of().on_own_order(Cell("mini", "0-1", "reset", 2, "alone"))


# ---------------------------------------------------------------- specs


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
TRAININGS = {"dense", "checkpoint", "retrain", "branch"}


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


def test_jobs_of_other_seeds_levels_and_steps_have_other_specs(plan_of: Any) -> None:
    plan = plan_of()
    assert plan.dense_spec("mini", "0-1") != plan.dense_spec("mini", "2-4")
    assert plan.checkpoint_spec("mini", "0-1", 7) != plan.checkpoint_spec("mini", "0-1", 8)
    assert plan.prune_spec("0-1", "reset", 1) != plan.prune_spec("0-1", "reset", 2)
    assert json.loads(plan.dense_spec("mini", "2-4"))["seeds"] == [2, 3, 4]


# ---------------------------------------------------------------- names without an entry in the config, and plugins


def test_a_registered_name_needs_no_entry(plan_of: Any) -> None:
    plan = plan_of()
    assert plan.branch("random-mask").treatment.name == "random-mask" and plan.branch("random-mask").draws == 1
    assert plan.branch("twice").draws == 2
    assert plan.config.dataset("digits").source.name == "digits"


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
    for room in (registry.criterion, registry.study):  # other tests list what is registered
        monkeypatch.setattr(room, "_functions", dict(room._functions))
    (tmp_path / "plan_plugin.py").write_text(PLUGIN)

    def use(config: dict[str, Any]) -> None:
        config["plugins"] = ["plan_plugin"]
        config["methods"]["reset"]["criterion"] = "mine"
        config["studies"]["mine2026"] = config["studies"]["frankle2019"]

    def all_specs() -> dict[str, str]:
        forget()
        plan = plan_of(use)
        return specs(plan) | {"own table": plan.table_spec("mine2026"), "own figures": plan.figures_spec("mine2026")}

    before = all_specs()
    (tmp_path / "plan_plugin.py").write_text(PLUGIN.replace("** 2", "** 4").replace("my own", "mine"))
    after = all_specs()
    changed = {job for job in before if before[job] != after[job]}
    assert changed == {"prune", "claims", "report", "own table", "own figures"}
    assert json.loads(before["prune"])["plugins"] == ["plan_plugin"] and json.loads(before["dense"])["plugins"] == []


def forget() -> None:
    """Read the files of the code anew, as a new process does."""
    codedigest._parsed.cache_clear()
    codedigest.closure.cache_clear()


def test_a_folder_of_images_is_watched_by_the_names_of_its_files(plan_of: Any, tmp_path: Path) -> None:
    def spec(root: Path) -> str:
        source = {"name": "image-folder", "path": "pets", "size": 8}
        datasets = {"pets": {"source": source}}
        return plan_of(lambda c: c.update(datasets=datasets, data_root=str(root))).data_spec("pets")

    for place in ("here", "moved"):
        (tmp_path / place / "pets/train/cat").mkdir(parents=True)
        (tmp_path / place / "pets/train/cat/1.png").write_text("")
    before = spec(tmp_path / "here")
    assert spec(tmp_path / "moved") == before
    (tmp_path / "here/pets/train/cat/2.png").write_text("")
    assert spec(tmp_path / "here") != before


def test_a_config_that_no_job_could_be_told_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    """At 131,072 bytes, Linux refuses to start a job with it."""

    def read(tasks: int) -> Plan:
        config = yaml.safe_load(CONFIG)
        config["tasks"] |= {f"copy-{index}": config["tasks"]["mini"] for index in range(tasks)}
        (tmp_path / "large.yaml").write_text(yaml.safe_dump(config))
        return Plan.read([tmp_path / "large.yaml"])

    assert 100_000 < len(read(230).report_spec(ROOT / "reports/templates")) < 131_072
    with pytest.raises(ConfigError, match=r"^the config is too large for one run \(1\d\d,\d{3} bytes, .* by task$"):
        read(280)
