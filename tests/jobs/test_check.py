"""Mistakes that only a job would find are found before Snakemake removes what the job has made."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lth_core.jobs import check
from lth_core.metrics import ACCURACY
from lth_core.registry import criterion, model, objective, parametrization, treatment
from lth_core.tickets.rewinding import apply_mask
from lth_core.training.parametrization import Parametrization
from lth_core.training.parametrizations import bernoulli_gates, edge_popup, sampled_mask, soft_mask  # noqa: F401 (registered)
from lth_core.training.sparsifiers import gradual, rigged_lottery  # noqa: F401 (registered)

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 20, "evaluate_every": 5}
FACTS = {"classes": 3, "input_shape": [1, 6, 6]}


@model("test-check-crooked")
def crooked(classes, input_shape):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(7, classes))


@model("test-check-declaring")
def declaring(classes, input_shape, parameter="weight", kind="hidden"):
    from torch import nn

    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, classes))
    network[1].prunable = {parameter: kind}
    return network


@model("test-check-frozen")
def frozen(classes, input_shape):
    network = declaring(classes, input_shape)
    network.get_parameter("1.weight").requires_grad_(False)
    return network


@model("test-check-maps")
def maps(classes, input_shape):
    from torch import nn

    return nn.Conv2d(1, classes, 1)


@model("test-check-normed")
def normed(classes, input_shape):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(36), nn.Linear(36, classes))


@treatment("test-check-treating")
def treating(ticket, checkpoints, how):
    match how:
        case "float masks":
            return replace(ticket, mask={name: kept.astype(float) for name, kept in ticket.mask.items()})
        case "other masks":
            return replace(ticket, mask={name: ~kept for name, kept in ticket.mask.items()})
        case "no masks":
            return replace(ticket, mask={})
        case "raises":
            raise KeyError("noise.pt")
        case "fresh":
            return replace(ticket, weights=apply_mask(checkpoints.fresh(), ticket.mask))
        case "pruned":
            assert sum(kept.sum() for kept in ticket.mask.values()) < sum(kept.size for kept in ticket.mask.values())
    return ticket


@criterion("test-check-needy")
def needy(trained, mask, power=1):
    return {name: trained[name] ** (1 if power else [1, 2, 3]) for name in mask}


@parametrization("test-check-crooked")
@dataclass(frozen=True, kw_only=True)
class Crooked(Parametrization):
    def start(self, weights, rng):
        return {name: torch.zeros(3) for name in self.layers}

    def effective(self, weights, trained, draw):
        return {name: trained[name] for name in self.layers}


@pytest.fixture
def complaint(data_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """complaint(...) -> what the job says of a task on the synthetic images (90 training examples, 1x6x6)."""

    def run(
        data: bool = True,
        device: str = "auto",
        facts: dict | None = None,
        batch_size: int = 10,
        test_folds: int = 0,
        penalty: float = 0.0,
        batchnorm: str = "ones",
        network: Any = "lenet",
        objective: str = "classification",
        treated: Sequence[dict] = (),
        other: dict | None = None,
        configured: Sequence[str] = ("imp",),
        derived: dict[str, str] | None = None,
        others: dict[str, dict] | None = None,
        **method: Any,
    ) -> str:
        task = {
            "objective": objective,
            "dataset": "mine",
            "model": network,
            "cohorts": ["0-0"],
            "train": TRAIN | {"batch_size": batch_size, "penalty": penalty, "test_folds": test_folds},
            "initialization": {"batchnorm": batchnorm},
        }
        asked = {"task": task, "data": str(data_file) if data else None, "facts": facts or ({} if data else FACTS)}
        asked |= {
            "proved": ["0-0"],
            "methods": {"imp": {"rate": 0.2, "levels": 1} | method} | (others or {}),
            "treated": treated,
        }
        asked |= {"configured": configured, "derived": derived or {}}
        if other:
            exchanged = {"name": "other", "key": "branches.b.source", "data": None, "facts": FACTS}
            asked["exchanged"] = [exchanged | {"task": task | {"model": other}}]
        monkeypatch.setattr(
            sys, "stdin", io.StringIO(json.dumps({"modules": [], "tasks": {"mini": asked}, "device": device}))
        )
        try:
            check.main()
        except SystemExit as end:
            assert end.code == 1
        return capsys.readouterr().err

    return run


@model("test-check-hooked")
def hooked(classes, input_shape):
    from torch import nn

    module = nn.Sequential(nn.Flatten(), nn.Linear(36, classes))
    module[1].weight.register_hook(lambda gradient: gradient / 2)
    return module


@pytest.mark.parametrize("data", [True, False])
def test_a_network_is_proved_on_its_data_or_on_images_that_stand_in_for_them(complaint, data: bool) -> None:
    """Before a data set has been read, its shape and its classes are known."""
    said = complaint(network="test-check-hooked", data=data)
    assert said.startswith("error: tasks.mini.model: test-check-hooked: '1.weight' would be trained otherwise")


def test_a_data_file_of_another_data_set_than_the_config_tells_of_is_not_looked_at(complaint) -> None:
    """The run makes it anew first: `lth check` after an edit must say what the run would."""
    stored, other = {"classes": 3, "input_shape": [1, 6, 6]}, {"classes": 3, "input_shape": [1, 1, 7]}
    assert "fails on images" in complaint(network="test-check-crooked", facts=stored)
    assert complaint(network="test-check-crooked", facts=other) == ""
    assert "fails on images" in complaint(network="test-check-declaring", facts=other)
    assert "training examples" in complaint(batch_size=91, facts=stored)


def mean(outputs, batch):
    return {"loss": outputs.mean(), "accuracy": outputs.argmax(dim=-1) == batch.targets}


@pytest.mark.parametrize("data", [True, False])
def test_an_objective_is_called_with_its_data_or_what_stands_in_for_them(
    complaint: Callable[..., str], monkeypatch: pytest.MonkeyPatch, data: bool
) -> None:
    monkeypatch.setitem(objective._functions, "test-check-mean", mean)
    monkeypatch.setitem(objective._facts, "test-check-mean", {"data": "images", "metrics": (ACCURACY,)})
    assert complaint(objective="test-check-mean", data=data) == (
        "error: tasks.mini.objective: objective 'test-check-mean' returns a tensor of shape () as 'loss' for 8 "
        "examples: one tensor of shape (8,) is needed\n"
    )


def test_what_works_passes_in_silence(complaint: Callable[..., str]) -> None:
    for criterion_name in ("magnitude", "random", "magnitude-increase", "large-init-large-final"):
        assert complaint(criterion=criterion_name) == ""
    for allocation in ("uniform", "uniform-plus", "erdos-renyi", "erdos-renyi-kernel", "lamp"):
        assert complaint(allocation=allocation) == ""
    assert complaint(data=False) == ""
    assert (
        complaint(network={"name": "lenet", "hidden": [6, 4]}, granularity="filter", fractions={"fc1.weight": 0.5})
        == ""
    )


@pytest.mark.parametrize("name", ["snip", "grasp", "synflow", "taylor", "obd"])
def test_scores_of_a_network_are_looked_at_where_there_are_data(complaint: Callable[..., str], name: str) -> None:
    assert complaint(criterion=name) == complaint(criterion=name, data=False) == ""
    assert complaint(criterion=name, during={"name": "rigl"}) == ""  # of the mask that a sparse training starts with


@criterion("test-check-probing", prune_at=0)
def probing(mask, probe, part="weights"):
    return {name: getattr(probe, part)[name] for name in mask}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"criterion": {"name": "test-check-probing", "part": "wieghts"}},
            "methods.imp.criterion: 'test-check-probing' cannot score the weights of 'mini' (criterion",
        ),
        (
            {"criterion": {"name": "snip", "examples_per_class": 31}},
            "methods.imp.criterion: 'snip' cannot score the weights of 'mini' (examples_per_class: 31 must be at most",
        ),
        ({"batch_size": 91}, "tasks.mini.train.batch_size: 91 must be at most the 90 training examples"),
        ({"test_folds": 31}, "tasks.mini.train.test_folds: 31 must be at most the 30 test examples"),
        ({"penalty": 1e-4}, "tasks.mini.train.penalty: this network has no scales of batch norm to penalize"),
        (
            {"batchnorm": "uniform"},
            "tasks.mini.initialization.batchnorm: this network has no scales",
        ),
        (
            {"criterion": "batch-norm-scale", "granularity": "channel"},
            "methods.imp.criterion: 'batch-norm-scale' cannot score the weights of 'mini' (criterion: "
            "'batch-norm-scale' ranks channels by the scales of batch norm, and those that can be pruned have none",
        ),
        ({"network": {"name": "lenet", "hidden": [-5]}}, "tasks.mini.model: 'lenet' cannot be built ("),
        ({"network": {"name": "lenet", "dropout": 7}}, "tasks.mini.model: 'lenet' cannot be built ("),
        (
            {"network": "test-check-crooked"},
            "tasks.mini.model: test-check-crooked: its forward fails on images (",
        ),
        (
            {"network": "test-check-maps"},
            "tasks.mini.model: test-check-maps: its forward returns shape (2, 3, 6, 6)",
        ),
        (
            {"network": "test-check-normed", "batch_size": 1},
            "tasks.mini.train.batch_size: this network fails on batches of 1, as batch norm does: use 2 or more",
        ),
        (
            {"network": {"name": "test-check-declaring", "parameter": "wieght"}},
            "tasks.mini.model: test-check-declaring: `prunable` of 1: 'wieght' is no parameter of it; did you mean",
        ),
        (
            {"network": {"name": "test-check-declaring", "kind": "dense"}},
            "tasks.mini.model: test-check-declaring: `prunable` of 1: 'weight' must be one of",
        ),
        (
            {
                "network": {"name": "test-check-declaring", "kind": "recurrent"},
                "granularity": "filter",
                "fractions": {"1.weight": 0.5},
            },
            "methods.imp.fractions: '1.weight' is a weight of kind recurrent, which has no filters",
        ),
        ({"network": "test-check-crooked", "data": False}, "tasks.mini.model: test-check-crooked: its forward fails"),
        (
            {"criterion": {"name": "test-check-needy", "power": 0}},
            "methods.imp.criterion: 'test-check-needy' cannot score the weights of 'mini' (",
        ),
        ({"exclude": ["*.shorcut.*"]}, "methods.imp.exclude: '*.shorcut.*' matches no kind and no weight"),
        (
            {"levels": 60, "allocation": "erdos-renyi"},
            "methods.imp.allocation: 'erdos-renyi' keeps at least 3 of ",
        ),
        (
            {"criterion": "small-final", "allocation": "lamp"},
            "methods.imp.criterion: 'small-final' cannot score the weights of 'mini' (",
        ),
    ],
)
def test_a_mistake_is_one_line_that_begins_with_its_key(complaint: Callable[..., str], asked: dict, said: str) -> None:
    line = complaint(**asked)
    assert line.startswith(f"error: {said}") and line.count("\n") == 1


def ticket(how: str, method: str | None = "imp", keeps_mask: bool = False) -> dict[str, Any]:
    branch = {"treatment": {"name": "test-check-treating", "how": how}}
    return {"key": "branches.odd.treatment", "method": method, "branch": branch, "keeps_mask": keeps_mask}


def test_treatments_of_tickets_and_of_dense_networks_pass_in_silence(complaint: Callable[..., str]) -> None:
    for how in ("nothing", "pruned", "fresh", "other masks"):
        assert complaint(treated=[ticket(how)]) == ""
    assert complaint(treated=[ticket("nothing", None), ticket("fresh", keeps_mask=True)]) == ""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (ticket("raises"), "treatment 'test-check-treating' failed in test_check.py, line "),
        (ticket("raises", None), "treatment 'test-check-treating' failed in test_check.py, line "),
        (ticket("float masks"), "treatment 'test-check-treating': mask of 'fc1.weight' must be bool, not float64"),
        (ticket("other masks", keeps_mask=True), "treatment 'test-check-treating' changes the mask"),
        (ticket("no masks", keeps_mask=True), "treatment 'test-check-treating' changes the mask"),
    ],
)
def test_a_treatment_that_fails_is_one_line_that_begins_with_its_key(
    complaint: Callable[..., str], asked: dict, said: str
) -> None:
    line = complaint(treated=[asked])
    start = "error: branches.odd.treatment: 'test-check-treating' cannot treat a ticket of 'mini' ("
    assert line.startswith(start + said) and line.count("\n") == 1


def test_a_ticket_of_another_task_has_to_fit(complaint: Callable[..., str]) -> None:
    """Also where the data of neither have been prepared."""
    wide = {"name": "lenet", "hidden": [30, 20]}
    assert complaint(network=wide, other=wide) == complaint(data=False, network=wide, other=wide) == ""
    line = complaint(data=False, network=wide, other={"name": "lenet", "hidden": [30, 10]})
    said = "error: branches.b.source: the network of task 'other' does not fit that of 'mini' ("
    assert line.startswith(f"{said}weight 'fc2.") and line.count("\n") == 1


def test_another_tasks_network_that_does_not_fit_its_own_objective_is_named(complaint: Callable[..., str]) -> None:
    vae = {"name": "vae", "hidden": 4, "latents": 2}
    for data in (True, False):
        line = complaint(data=data, objective="vae", network=vae, other="lenet")
        said = "error: tasks.other.model: lenet: objective 'vae' needs an encoder and a decoder: choose a model like"
        assert line.startswith(said) and line.count("\n") == 1


def test_a_search_that_returns_weights_of_another_shape_is_refused_before_anything_runs(complaint) -> None:
    said = complaint(search={"parametrization": "test-check-crooked"}, iterative=False)
    assert "methods.imp.search.parametrization: 'test-check-crooked' cannot search 'mini'" in said
    assert "effective weights of 'fc1.weight' must be float32 of shape (300, 36), not float32 of (3,)" in said
    assert "sigma (0) must be above 0" in complaint(search={"parametrization": {"name": "bernoulli-gates", "sigma": 0}})
    assert complaint(search={"parametrization": "edge-popup"}) == ""


def test_a_batch_of_a_search_is_no_larger_than_the_data(complaint: Callable[..., str]) -> None:
    search = {"parametrization": "edge-popup", "train": {"batch_size": 91}}
    key = "error: methods.imp.search.train.batch_size"
    assert complaint(search=search) == f"{key}: 91 must be at most the 90 training examples of task 'mini'\n"
    assert complaint(search=search, data=False) == complaint(search=search | {"train": {"batch_size": 90}}) == ""


@pytest.mark.parametrize("name", ["soft-mask", "edge-popup", "sampled-mask", "bernoulli-gates"])
def test_searches_see_parameters_and_no_buffers_of_batch_norm(complaint: Callable[..., str], name: str) -> None:
    assert complaint(network={"name": "resnet-8", "width": 0.25}, search={"parametrization": name}) == ""


def test_weights_that_are_not_trained_cannot_grow_but_be_pruned(complaint: Callable[..., str]) -> None:
    rigl = {"network": "test-check-frozen", "during": "rigl", "iterative": False}
    said = (
        "methods.imp.during: 'rigl' grows weights from 0, and '1.weight' of 'mini', which is not trained, would stay 0"
    )
    assert complaint(**rigl) == f"error: {said}: exclude: [hidden]\n"
    assert complaint(**rigl, exclude=["hidden"]) == complaint(**rigl | {"during": "gradual"}) == ""


def test_penalties_of_what_has_no_mask_are_refused(complaint: Callable[..., str]) -> None:
    penalized = {"parametrization": {"name": "soft-mask", "edge_penalty": 0.1, "weight_penalty": 0.1}}
    key = "error: methods.imp.search.parametrization.edge_penalty"
    assert complaint(search=penalized) == f"{key}: no edges have masks in the network of 'mini': remove it\n"
    assert complaint(search=penalized, configured=()) == ""  # of a study's method, made from one that prunes edges
    del penalized["parametrization"]["edge_penalty"]
    assert complaint(search=penalized) == ""


def test_errors_of_derived_methods_name_what_the_config_has(complaint: Callable[..., str]) -> None:
    of_channels = {"criterion": "batch-norm-scale", "granularity": "channel"}
    key = "studies.you2020.tasks.mini: methods.channels"
    said = complaint(**of_channels, configured=(), derived={"imp": key})
    assert said.startswith(f"error: {key}.criterion: 'batch-norm-scale' cannot score the weights of 'mini'")


def test_a_gpu_that_is_wanted_here_has_to_be_there(complaint: Callable[..., str], monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = "error: device: cuda, but torch finds no GPU that it can use; use 'auto' or 'cpu'\n"
    assert complaint(device="cuda") == said and complaint(device="cpu") == ""


def test_all_mistakes_are_told_at_once(complaint: Callable[..., str]) -> None:
    """Also of methods; what cannot be looked at because of one, as tickets of a method without masks, is not."""
    wrong = {"rate": 0.5, "levels": 60}
    asked = {"batch_size": 91, "penalty": 1e-4, "treated": [ticket("raises"), ticket("raises", "other")]}
    said = complaint(**asked, criterion="no", others={"other": wrong}, configured=("imp", "other")).splitlines()
    assert [line.partition(" (")[0].partition(": 'no")[0] for line in said] == [
        "error: tasks.mini.train.batch_size: 91 must be at most the 90 training examples",
        "error: tasks.mini.train.penalty: this network has no scales of batch norm to penalize: remove penalty",
        "error: methods.imp.criterion",
        "error: methods.other.levels: level 15 prunes no weight of task 'mini' any more: set levels: 14",
    ]


def test_what_is_wrong_with_a_method_is_not_repeated_of_those_that_studies_derive(complaint) -> None:
    wrong, derived = {"rate": 0.5, "levels": 60}, {"imp-at-30": "studies.s.tasks.mini: methods.imp"}
    of_study = {"imp-at-30": wrong, "imp-at-60": wrong}
    assert complaint(**wrong, others=of_study, derived=derived).count("\n") == 1
    assert complaint(others=of_study, derived=derived).startswith("error: studies.s.tasks.mini: methods.imp.levels")
    assert complaint(others=of_study, derived=derived).count("\n") == 1


@model("test-check-fixed")
def fixed(classes, input_shape):
    from torch import nn

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(classes))

        def forward(self, images):
            return images.flatten(1)[:, : len(self.scale)] * self.scale

    return Scaled()


def test_a_network_without_weights_to_prune_is_named_and_no_exclusion(complaint: Callable[..., str]) -> None:
    assert complaint(network="test-check-fixed") == (
        "error: tasks.mini.model: its network has no weights that method 'imp' could prune: no convolution or linear "
        "layer is trained, and no module declares other weights `prunable`\n"
    )


LEVELS = "error: methods.imp.levels: level "


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"rate": 0.5, "levels": 60}, f"{LEVELS}15 prunes no weight of task 'mini' any more: set levels: 14"),
        (
            {"rate": 0.9, "levels": 9, "scope": "global"},
            f"{LEVELS}5 does not keep one weight of each of the 3 layers of",
        ),
        (
            {"rate": 0.99, "levels": 10},
            f"{LEVELS}2 does not keep one weight of 'fc3.weight' of task 'mini': set levels: 1",
        ),
        ({"rate": 0.99, "levels": 10, "iterative": False}, f"{LEVELS}2 does not keep one weight of 'fc3.weight'"),
        ({"rate": 1e-9, "levels": 3}, "error: methods.imp.rate: level 1 prunes no weight of task 'mini': set a higher"),
        ({"rate": 1e-9, "levels": 3, "iterative": False}, "error: methods.imp.rate: level 1 prunes no weight of task"),
        ({"rate": 0.9999, "levels": 1}, "error: methods.imp.rate: level 1 does not keep one weight of 'fc3.weight' of"),
        ({"rate": 1e-9, "levels": 2, "allocation": "uniform"}, "error: methods.imp.rate: level 1 prunes no weight of"),
        (
            {"rate": 0.5, "levels": 60, "granularity": "block", "block": {"height": 4, "width": 4}},
            f"{LEVELS}11 prunes no block of task 'mini' any more: set levels: 10",
        ),
    ],
)
def test_a_level_that_prunes_or_keeps_nothing_is_one_line(
    complaint: Callable[..., str], method: dict[str, Any], said: str
) -> None:
    line = complaint(**method)
    assert line.startswith(said) and line.count("\n") == 1


def test_layers_that_no_longer_fall_while_others_do_are_no_mistake(complaint: Callable[..., str]) -> None:
    tiny = {"name": "lenet", "hidden": [8, 2]}  # the output layer has 6 weights
    assert complaint(network=tiny, rate=0.2, levels=10) == ""
    assert complaint(rate=0.5, levels=14) == complaint(rate=0.9, levels=4, scope="global") == ""
    assert complaint(rate=0.001, rate_by_kind={"output": 0.0001}, levels=3) == ""
