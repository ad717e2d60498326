"""Bits per character, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from lth_core.metrics import BITS_PER_CHARACTER
from lth_core.registry import objective
from lth_core.tasks.base import Examples
from lth_core.tasks.objectives.language import language

HALF, QUARTER = math.log(2.0), 0.0
"""Scores of three characters with probabilities 1/2, 1/4 and 1/4."""
OUTPUTS = torch.tensor([[[HALF, QUARTER, QUARTER]] * 4, [[0.0, 0.0, -math.inf]] * 4])
"""Of two windows of four characters; in the second, two characters are equally likely."""
BATCH = Examples(torch.zeros(2, 4, dtype=torch.int64), torch.tensor([[0, 1, 0, 2], [0, 1, 1, 0]]))


def test_the_metric_is_the_mean_number_of_bits_that_a_character_takes() -> None:
    """1 + 2 + 1 + 2 bits for four characters, and 1 bit for each."""
    assert language(OUTPUTS, BATCH)["bits_per_character"].tolist() == pytest.approx([1.5, 1.0])
    assert objective.facts("language")["metrics"] == (BITS_PER_CHARACTER,)


def test_the_loss_is_the_same_in_nats() -> None:
    assert language(OUTPUTS, BATCH)["loss"].tolist() == pytest.approx([1.5 * math.log(2), math.log(2)])


def test_to_know_nothing_takes_the_logarithm_of_the_vocabulary() -> None:
    batch = Examples(torch.zeros(3, 5, dtype=torch.int64), torch.arange(15).view(3, 5) % 8)
    assert language(torch.zeros(3, 5, 8), batch)["bits_per_character"].tolist() == pytest.approx([3.0] * 3)


def test_smoothing_spreads_a_part_of_the_target_over_the_vocabulary() -> None:
    """Of 0.3, a tenth goes to each of three characters: 0.8 + 0.1 of likely ones take 1 bit less than the others."""
    batch = Examples(BATCH.inputs[:1], torch.zeros(1, 4, dtype=torch.int64))
    loss = language(OUTPUTS[:1], batch, label_smoothing=0.3)["loss"]
    assert loss.item() == pytest.approx((0.8 * 1 + 0.2 * 2) * math.log(2))


def test_a_window_is_measured_by_itself() -> None:
    alone = language(OUTPUTS[1:], Examples(BATCH.inputs[1:], BATCH.targets[1:]))
    assert torch.equal(alone["loss"], language(OUTPUTS, BATCH)["loss"][1:])
