"""Layer collapse: a mask that leaves nothing of a layer is pruned, treated, trained and measured like any other."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core import registry
from lth_core.analysis.overlap import jaccard, overlaps
from lth_core.analysis.weights import Bin, weight_histograms
from lth_core.config import Initialization, Method
from lth_core.models.initialization import initialize_cohort
from lth_core.models.shrinking import shrink
from lth_core.pruning.prune import prune
from lth_core.pruning.rounds import next_mask
from lth_core.tickets.checkpoints import BranchCheckpoints
from lth_core.tickets.rewinding import Ticket, apply_mask
from tests.support.small_trainings import run

LAYERS = {"a": "hidden", "b": "output"}
OPTIONS = {
    "sign-magnitude": {"signs": "initial", "magnitudes": "fresh"},
    "shuffle": {"within": "filter"},
    "gaussian-noise": {"scale": 1.0},
    "part-from": {"part": "a", "weights": "fresh"},
}
"""Of treatments that have options without a default."""
CRITERIA = [
    name
    for name in registry.criterion.names()
    if not any(registry.criterion.uses(name, what) for what in ("probe", "channels"))
]
TREATMENTS = [
    name
    for name in registry.treatment.names()
    if not (name.startswith("test-") or registry.treatment.uses(name, "channels"))
]
"""Without those of masks of whole channels, which refuse others."""


def weights(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed).standard_normal
    return {"a": draw((4, 5)).astype(np.float32), "b": draw((3, 4)).astype(np.float32), "bias": np.ones(3, np.float32)}


def without(*layers: str) -> dict[str, np.ndarray]:
    return {name: np.full(weights(0)[name].shape, name not in layers) for name in LAYERS}


def test_a_global_ranking_empties_a_layer_of_small_scores_exactly() -> None:
    scores = {"a": np.full((4, 5), 0.1), "b": np.full((3, 4), 1.0)}
    left = prune(scores, without(), dict.fromkeys(LAYERS, 0.7), "global")
    assert {name: int(kept.sum()) for name, kept in left.items()} == {"a": 0, "b": 32 - round(0.7 * 32)}


@pytest.mark.parametrize("mask", [without("a"), without("a", "b")], ids=["one", "all"])
@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_pruning_goes_on(criterion: str, scope: str, mask: dict[str, np.ndarray]) -> None:
    looked_at = {"initial": weights(0), "trained_from": weights(1), "trained": weights(2)}
    method = Method(levels=2, rate=0.25, scope=scope, criterion=criterion)
    smaller = next_mask(method, LAYERS, 2, 0, mask, **looked_at, consumers={})
    assert not smaller["a"].any() and smaller["b"].sum() == mask["b"].sum() * 0.75


@pytest.mark.parametrize("mask", [without("a"), without("a", "b")], ids=["one", "all"])
@pytest.mark.parametrize("treatment", TREATMENTS)
def test_every_treatment_takes_such_a_ticket(treatment: str, mask: dict[str, np.ndarray]) -> None:
    checkpoints = BranchCheckpoints(weights(0), weights(1), weights(2), weights(1), lambda: weights(3))
    ticket = Ticket(apply_mask(weights(1), mask), mask)
    offered = {"ticket": ticket, "checkpoints": checkpoints, "layers": LAYERS, "rng": np.random.default_rng(0)}
    treated = registry.treatment.call(treatment, offered, OPTIONS.get(treatment, {}))
    assert all(np.isfinite(value).all() for value in treated.weights.values())
    assert sum(kept.sum() for kept in treated.mask.values()) == mask["b"].sum()


@pytest.mark.parametrize("layer", ["1.weight", "3.weight"])
def test_what_it_is_worth_is_measured(make_task: Any, layer: str) -> None:
    """Only biases are left to train behind the empty layer: every image is of the same class."""

    def network() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Linear(12, 3))

    task, seeds = make_task(network(), steps=10, evaluate_every=5), [0, 1]
    start = initialize_cohort(network, Initialization(), seeds)
    mask = {layer: np.zeros(start[layer].shape, bool)}
    trained = run(task, start, mask, seeds)
    share = max(float((task.data.labels["test"] == label).float().mean()) for label in range(3))
    ends = [row for row in trained.history if row["step"] == 10 and row["split"] == "test"]
    assert len(ends) == 2 and all(np.isfinite(row["loss"]) and row["accuracy"] <= share + 1e-9 for row in ends)


@pytest.mark.parametrize("position", [0, 2, 5])
def test_it_can_be_shrunk(position: int) -> None:
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.ReLU(), nn.Flatten(), nn.Linear(20, 3)
    module = nn.Sequential(*copy.deepcopy(layers)).eval()
    nn.init.zeros_(module[position].weight)
    images = torch.randn(6, 1, 4, 4)
    assert torch.allclose(shrink(module, (1, 4, 4))(images), module(images), atol=1e-6)


def test_overlap_of_nothing_is_not_a_number_and_histograms_have_nothing_in_them() -> None:
    mask = {name: kept[None] for name, kept in without("a").items()}
    first, second = overlaps(mask, mask, LAYERS, [0])
    with np.errstate(invalid="ignore"):
        assert np.isnan(jaccard(*first[3:])) and jaccard(*second[3:]) == 1
    initial, trained = ({name: value[None] for name, value in weights(seed).items()} for seed in (0, 1))
    rows = [Bin(*row) for row in weight_histograms(initial, trained, mask, LAYERS, [0])]
    assert sum(row.count for row in rows if row.layer == "a" and row.group == "kept") == 0
    assert sum(row.count for row in rows if row.layer == "a" and row.group == "pruned") == 2 * 20
