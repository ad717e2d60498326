"""Channels: tickets without whole channels are timed as the smaller networks that they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import channels, conv_step


def test_a_row_per_network_and_part_of_the_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [replace(channels.CONTESTS[0], batch_size=16, steps=1, targets={0.5: 0.45})]
    monkeypatch.setattr(channels, "CONTESTS", few)
    monkeypatch.setattr(channels, "EXAMPLES", 100)
    monkeypatch.setattr(conv_step, "WARM_UP", 1)
    (row,) = channels.measure(str(tmp_path), repetitions=1)
    assert row.name == "ResNet-20, batch 16, 50% of the channels / dense"
    assert (row.at_most, len(row.values)) == (0.45, 1) and row.median > 0


def test_masks_keep_the_part_in_every_group() -> None:
    """Half of the rows and half of the columns: a quarter of the weights between two groups."""
    mask = channels.mask_of(conv_step.network(channels.CONTESTS[0]), 0.5)
    inside = [kept for name, kept in mask.items() if name.startswith("stages") and kept.shape[-1] == 3]
    assert len(inside) == 18 and all(np.mean(kept) == 0.25 for kept in inside)
