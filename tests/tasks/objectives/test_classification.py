"""Cross-entropy, worked out by hand; its gradient by hand is that of autograd."""

from __future__ import annotations

import math

import pytest
import torch

from lth_core.metrics import ACCURACY
from lth_core.registry import objective
from lth_core.tasks.base import Examples
from lth_core.tasks.objective import gradient_of
from lth_core.tasks.objectives.classification import classification, gradient

OUTPUTS = torch.tensor([[math.log(2.0), 0.0, 0.0], [0.0, 0.0, math.log(6.0)]])
"""Probabilities 1/2, 1/4, 1/4 and 1/8, 1/8, 3/4."""
BATCH = Examples(torch.zeros(2, 1), torch.tensor([1, 2]))


def test_the_loss_is_the_surprise_at_the_label_in_nats() -> None:
    assert classification(OUTPUTS, BATCH)["loss"].tolist() == pytest.approx([math.log(4), math.log(4 / 3)])


def test_the_label_is_guessed_by_the_highest_score() -> None:
    assert classification(OUTPUTS, BATCH)["accuracy"].tolist() == [False, True]
    assert objective.facts("classification")["metrics"] == (ACCURACY,)


def test_smoothing_spreads_a_part_of_the_target_over_all_classes() -> None:
    """Of 0.3, a tenth goes to each of three classes (Szegedy et al. 2016, section 7)."""
    expected = 0.8 * math.log(4) + 0.1 * math.log(2) + 0.1 * math.log(4)
    assert classification(OUTPUTS, BATCH, label_smoothing=0.3)["loss"][0].item() == pytest.approx(expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scores", [3, 5])
def test_the_gradient_by_hand_is_that_of_autograd(smoothing: float, scores: int) -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = 3 * torch.randn(4, 6, scores, generator=generator)
    batch = Examples(torch.zeros(4, 6, 1), torch.randint(3, (4, 6), generator=generator))
    by_hand = gradient(outputs.clone(), batch, smoothing)
    expected = gradient_of(lambda values, of: classification(values, of, smoothing)["loss"], outputs, batch)
    torch.testing.assert_close(by_hand, expected, rtol=1e-5, atol=1e-7)


def test_the_gradient_leaves_its_outputs_alone() -> None:
    outputs = OUTPUTS[None].clone()
    gradient(outputs, Examples(BATCH.inputs[None], BATCH.targets[None]), 0.1)
    assert torch.equal(outputs[0], OUTPUTS)
