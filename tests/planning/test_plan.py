"""The plan: which file a ticket starts from, and which is its counterpart on its own data order."""

from __future__ import annotations

from typing import Any

import pytest

from lth_core.storage.runs import Run
from tests.support import example_plan

plan_of = example_plan.plan_of  # a fixture
WEIGHTS = {"task": "other", "step": 5}


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
    assert plan_of().chains.start_file("mini", "0-1", method, level) == f"results/mini/0-1/{start}"


def test_theta_0_is_made_from_weights_of_another_task_where_the_config_says_so(plan_of: Any) -> None:
    def inputs(source: dict[str, Any] | None) -> dict[str, str]:
        plan = plan_of(lambda config: config["tasks"]["mini"].update(initialization={"from": source}))
        assert plan.chains.initial_inputs("other", "0-1") == {}
        return plan.chains.initial_inputs("mini", "0-1")

    assert inputs(None) == {}
    assert inputs({"task": "other", "step": 7}) == {"weights": "results/other/0-1/dense/at_7.safetensors"}
    end = {"weights": "results/other/0-1/dense/trained.safetensors"}
    assert inputs({"task": "other"}) == inputs({"task": "other", "step": 40}) == end


def test_a_job_that_takes_weights_from_a_task_on_another_text_reads_its_characters(plan_of: Any) -> None:
    def texts(config: dict[str, Any]) -> None:
        config["datasets"] = {"short": {"source": {"name": "english", "context": 16}}}
        for name, dataset in (("mini", "english"), ("other", "short")):
            config["tasks"][name] |= {"dataset": dataset, "model": "lstm", "objective": "language"}
        config["tasks"]["mini"]["initialization"] = {"from": {"task": "other"}}
        config["branches"]["from-both"] = {"treatment": "ticket", "source": "other", "weights": WEIGHTS}

    chains, data = plan_of(texts).chains, "results/data/short.safetensors"
    assert chains.initial_inputs("mini", "0-1")["weights_data"] == data
    branch = chains.branch_inputs(Run("mini", "0-1", "reset", 1, "from-both"))
    assert (branch["source_data"], branch["weights_data"]) == (data, data)
    for name in ("twice", "from-mini"):  # a ticket of its own, and one of the same task
        assert not {"source_data", "weights_data"} & chains.branch_inputs(Run("mini", "0-1", "reset", 1, name)).keys()


def test_a_checkpoint_at_the_last_step_is_the_end_of_its_training(plan_of: Any) -> None:
    plan = plan_of()
    last = plan.config.tasks["mini"].train.steps
    dense = Run("mini", "0-1")
    assert plan.chains.checkpoint(dense, last) == dense.trained("results")
    assert plan.chains.checkpoint(dense, last - 1) == dense.checkpoint("results", last - 1)


@pytest.mark.parametrize(("method", "before"), [("reset", [0, 1, 2]), ("continued", [0, 1, 2]), ("at-once", [0, 0, 0])])
def test_a_mask_comes_from_the_level_before_or_straight_from_the_dense_run(
    plan_of: Any, method: str, before: list[int]
) -> None:
    runs = [plan_of().chains.level_before("mini", "0-1", method, level) for level in (1, 2, 3)]
    assert runs == [Run("mini", "0-1", method, level) for level in before]
    assert runs[0].trained("results") == "results/mini/0-1/dense/trained.safetensors"


@pytest.mark.parametrize(
    ("run", "start"),
    [
        (Run("mini", "0-1"), "init"),
        (Run("mini", "0-1", "reset", 2), "init"),
        (Run("mini", "0-1", "rewound", 2), "dense/at_7"),
        (Run("mini", "0-1", "treated", 2), "treated/level_2/start"),
    ],
)
def test_a_criterion_sees_what_the_last_training_began_with(plan_of: Any, run: Run, start: str) -> None:
    assert plan_of().chains.trained_from(run) == f"results/mini/0-1/{start}.safetensors"


@pytest.mark.parametrize(
    ("criterion", "first", "second"),
    [
        ("random", [], []),
        ("magnitude-at-init", [], []),
        ("magnitude", ["dense/trained"], ["reset/level_1/trained"]),
        ("large-init", ["init"], ["init"]),
        ("movement", ["init", "dense/trained"], ["init", "reset/level_1/trained"]),
    ],
)
def test_a_mask_waits_for_what_its_criterion_looks_at(
    plan_of: Any, criterion: str, first: list[str], second: list[str]
) -> None:
    chains = plan_of(lambda config: config["methods"]["reset"].update(criterion=criterion)).chains

    def inputs(level: int) -> list[str]:
        files = chains.prune_inputs("mini", "0-1", "reset", level)
        return [path.removeprefix("results/mini/0-1/").removesuffix(".safetensors") for path in files.values()]

    assert inputs(1) == ["init", *first]
    assert inputs(2) == ["init", *second, "reset/level_1/mask"]
    assert "mask" in chains.prune_inputs("mini", "0-1", "reset", 2)


def test_what_a_treated_ticket_started_from_is_looked_at_only_where_the_criterion_does(plan_of: Any) -> None:
    def inputs(criterion: str) -> dict[str, str]:
        plan = plan_of(lambda config: config["methods"]["treated"].update(criterion=criterion))
        return plan.chains.prune_inputs("mini", "0-1", "treated", 2)

    assert inputs("movement")["trained_from"] == "results/mini/0-1/treated/level_1/start.safetensors"
    assert inputs("random").keys() == {"initial", "mask"}


def test_a_ticket_is_treated_by_its_branch_or_else_by_its_method(plan_of: Any) -> None:
    plan = plan_of()
    assert plan.chains.treated(Run("mini", "0-1", "treated", 1)).treatment.name == "redraw-kept"
    assert plan.chains.treated(Run("mini", "0-1", "treated", 1, "twice")).treatment.name == "reinit"


MASK = "mini/reset/level_1/mask"


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (Run("mini", "0-1", "reset", 1, "twice"), ["mini/init", "mini/init", "mini/init", MASK]),
        (
            Run("mini", "0-1", "rewound", 2, "twice"),
            ["mini/init", "mini/init", "mini/dense/at_7", "mini/rewound/level_2/mask"],
        ),
        (Run("mini", "0-1", branch="elsewhere"), ["mini/init", "mini/init", "mini/init", None]),
        (
            Run("mini", "0-1", "rewound", 1, "from-other"),
            ["mini/init", "other/init", "other/dense/at_7", "other/rewound/level_1/mask"],
        ),
        (Run("mini", "0-1", "reset", 1, "pretrained"), ["mini/init", "mini/init", "other/dense/at_5", MASK]),
        (
            Run("mini", "0-1", "reset", 1, "pretrained-sparse"),
            ["mini/init", "mini/init", "other/reset/level_1/from-mini/at_5", MASK],
        ),
        (Run("other", "0-1", "reset", 1, "from-mini"), ["other/init", "mini/init", "mini/init", MASK]),
    ],
)
def test_a_branch_is_made_from_its_own_task_or_from_another_one(plan_of: Any, run: Run, expected: list[str]) -> None:
    files = plan_of().chains.branch_inputs(run)
    assert [files.get(key) for key in ("network", "initial", "start", "mask")] == [
        name and f"results/{name.replace('/', '/0-1/', 1)}.safetensors" for name in expected
    ]


# ---------------------------------------------------------------- counterparts on the ticket's own data order


@pytest.mark.parametrize(
    ("branch", "counterpart"),
    [("elsewhere", None), ("twice-elsewhere", "twice"), ("spawned", "twice"), ("mask-elsewhere", "random-mask")],
)
def test_the_counterpart_on_the_own_order_is_the_same_treatment(
    plan_of: Any, branch: str, counterpart: str | None
) -> None:
    run = Run("mini", "0-1", "reset", 2, branch)
    assert plan_of().chains.counterpart(run) == Run("mini", "0-1", "reset", 2, counterpart)


def test_a_branch_without_a_counterpart_is_an_error_that_names_its_treatment(plan_of: Any) -> None:
    with pytest.raises(ValueError, match="no branch of treatment 'redraw-kept' is trained on data order 0"):
        plan_of().chains.counterpart(Run("mini", "0-1", "reset", 2, "alone"))


# ---------------------------------------------------------------- names without an entry in the config


def test_a_registered_name_needs_no_entry(plan_of: Any) -> None:
    plan = plan_of()
    assert (
        plan.chains.branch("random-mask").treatment.name == "random-mask"
        and plan.chains.branch("random-mask").draws == 1
    )
    assert plan.chains.branch("twice").draws == 2
    assert plan.config.dataset("digits").source.name == "digits"
