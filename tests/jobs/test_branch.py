"""The branch job: what a ticket is made of before it is treated, and what its treatment may do."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core import registry
from lth_core.config import Branch, Choice, Initialization, StartingWeights
from lth_core.jobs.branch import Replicate, effective_std, replicates, treat
from lth_core.models.initialization import initialize
from lth_core.randomness import random_generator
from lth_core.registry import PluginError
from lth_core.storage.tensors import Tensors, write_tensors
from lth_core.tickets.rewinding import Ticket, apply_mask
from lth_core.tickets.treated import TreatmentError

LAYERS = {"conv.weight": "conv", "fc.weight": "output"}


def network(channels: int, classes: int) -> Tensors:
    """Two replicates with random weights."""
    draw = np.random.default_rng(channels + classes).standard_normal
    shapes = {"conv.weight": (2, 4, channels, 3, 3), "fc.weight": (2, classes, 4)}
    return {name: draw(shape).astype(np.float32) for name, shape in shapes.items()}


def parts(tmp_path: Path, target: Tensors, source: Tensors, mask: Tensors) -> list[Replicate]:
    for name, tensors in (("target", target), ("source", source), ("mask", mask)):
        write_tensors(tmp_path / name, tensors, {"layers": LAYERS, "diverged": [False, False]})
    target_file, source_file, mask_file = (str(tmp_path / name) for name in ("target", "source", "mask"))
    spec = {"method": {"levels": 1}}
    options = {"network": target_file, "initial": source_file, "start": source_file, "mask": mask_file, "spec": spec}
    return replicates(Namespace(**options, trained=source_file, trained_from=source_file))


def test_from_colour_to_grey_only_kept_weights_are_summed(tmp_path: Path) -> None:
    source = network(channels=3, classes=5)
    mask = {"conv.weight": np.random.default_rng(0).random((2, 4, 3, 3, 3)) < 0.4}
    for index, replicate in enumerate(parts(tmp_path, network(1, 5), source, mask)):
        ticket = replicate.ticket
        kept = mask["conv.weight"][index]
        expected = (source["conv.weight"][index] * kept).sum(axis=1, keepdims=True)
        assert np.allclose(ticket.weights["conv.weight"], expected)
        assert np.array_equal(ticket.mask["conv.weight"], kept.any(axis=1, keepdims=True))


def test_an_output_layer_for_other_classes_is_that_of_the_target_and_unpruned(tmp_path: Path) -> None:
    target, source = network(1, 3), network(1, 5)
    mask = {name: np.random.default_rng(0).random(value.shape) < 0.5 for name, value in source.items()}
    for index, replicate in enumerate(parts(tmp_path, target, source, mask)):
        ticket, initial, start = replicate.ticket, replicate.initial, replicate.start
        assert np.array_equal(ticket.weights["fc.weight"], target["fc.weight"][index])
        assert ticket.mask["fc.weight"].all()
        kept = mask["conv.weight"][index]
        assert np.array_equal(ticket.weights["conv.weight"], source["conv.weight"][index] * kept)
        assert np.array_equal(start["conv.weight"], source["conv.weight"][index])  # unmasked, for treatments
        assert initial.keys() == target.keys()


def test_the_effective_deviation_is_that_of_the_change_over_kept_weights() -> None:
    mask = {"a": np.array([True, True, False, True]), "b": np.array([True])}
    before = Ticket({"a": np.array([1.0, 2, 0, 3]), "b": np.array([5.0])}, mask)
    after = Ticket({"a": np.array([1.0, 4, 0, 3]), "b": np.array([3.0])}, mask)
    assert effective_std(before, after) == np.std([0, 2, 0, -2])
    assert effective_std(before, before) == 0


# ---------------------------------------------------------------- what a treatment is given


SPEC = {
    "task": {
        "dataset": "digits",
        "model": "none",
        "initialization": {"weights": "as-built"},
        "train": {
            "optimizer": {"name": "adam", "learning_rate": 0.1},
            "batch_size": 1,
            "steps": 1,
            "evaluate_every": 1,
        },
        "cohorts": ["0-0"],
    },
    "level": 1,
}


def treated_by(
    treatment: Callable[..., Any],
    factory: Callable[[], nn.Module],
    monkeypatch: Any,
    starting: StartingWeights | None = None,
) -> Ticket:
    """What a treatment makes of the network that the factory builds; it must leave that alone."""
    monkeypatch.setitem(registry.treatment._functions, "mine", treatment)
    weights = initialize(factory, Initialization(weights="as-built"), seed=0)
    before = {name: value.copy() for name, value in weights.items()}
    mask = {"weight": np.array([[True, False], [True, True]])}
    replicate = Replicate(
        Ticket(apply_mask(weights, mask), mask), False, *[weights] * 4, {"bias": "hidden", "weight": "output"}
    )
    branch = Branch(treatment=Choice(name="mine"), weights=starting)
    try:
        return treat(SPEC, factory, branch, seed=0, draw=0, replicate=replicate)
    finally:
        assert all(np.array_equal(weights[name], before[name]) for name in before)


def drawn() -> nn.Module:
    return nn.Linear(2, 2)


def pretrained() -> nn.Module:
    layer = nn.Linear(2, 2)
    nn.init.constant_(layer.weight, 0.5)
    return layer


def with_head() -> nn.Module:
    network = pretrained()
    network.head = nn.Linear(2, 2)
    return network


def test_a_treatment_may_ask_for_the_masked_layers_and_their_kinds(monkeypatch: Any) -> None:
    asked = []
    treated_by(lambda ticket, layers: asked.append(layers) or ticket, drawn, monkeypatch)
    assert asked == [{"weight": "output"}]


@pytest.mark.parametrize("source", ["ticket.weights", "ticket.mask", "checkpoints.initial", "checkpoints.trained"])
def test_what_a_treatment_is_given_cannot_be_written_to(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(ticket, checkpoints):
        getattr(ticket if source.startswith("ticket") else checkpoints, source.split(".")[1])["weight"][0] = 1
        return ticket

    with pytest.raises(PluginError, match=r"^treatment 'mine' failed in test_branch.py, .*: change a copy$"):
        treated_by(writes, drawn, monkeypatch)


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_what_a_treatment_writes_to_through_torch_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(ticket, checkpoints):
        torch.from_numpy(checkpoints.start["weight"]).zero_()
        return ticket

    assert treated_by(writes, drawn, monkeypatch).weights["weight"].any()


def test_a_network_of_another_type_is_refused_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubles(ticket):
        return replace(ticket, weights={name: 2.0 * value.astype(float) for name, value in ticket.weights.items()})

    with pytest.raises(TreatmentError, match=r"must be float32, not float64"):
        treated_by(doubles, drawn, monkeypatch)


def test_a_fresh_initialization_that_is_theta_0_again_is_no_control(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh(ticket, checkpoints):
        return replace(ticket, weights=apply_mask(checkpoints.fresh(), ticket.mask))

    says = r"^treatment 'mine': a fresh initialization equals theta_0, .* returns these weights: "
    monkeypatch.setitem(registry.model._functions, "none", drawn)
    monkeypatch.setitem(registry.model._facts, "none", {})
    assert treated_by(fresh, drawn, monkeypatch).weights["weight"].any()
    with pytest.raises(TreatmentError, match=f"{says}choose another `initialization.weights`, or leave this branch"):
        treated_by(fresh, pretrained, monkeypatch)
    # Others are refused for a model that always has its weights; a head that is drawn makes it no control.
    monkeypatch.setitem(registry.model._facts, "none", {"pretrained": True})
    with pytest.raises(TreatmentError, match=f"{says}leave this branch out$"):
        treated_by(fresh, with_head, monkeypatch)


def test_random_draws_differ_between_the_steps_of_a_branch_whose_weights_are_its_own(monkeypatch: Any) -> None:
    drawn_numbers: list[float] = []

    def draws(ticket: Ticket, rng: np.random.Generator) -> Ticket:
        drawn_numbers.append(rng.random())
        return ticket

    for starting in (None, StartingWeights(task="other", step=40), StartingWeights(task="other", step=120)):
        treated_by(draws, drawn, monkeypatch, starting)
    assert drawn_numbers[0] == random_generator(0, "branch", "mine", 1, 0).random()
    assert len(set(drawn_numbers)) == 3
