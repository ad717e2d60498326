"""The configs of early birds: what their comments say of each other, and how channels of residual sums are ranked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CONFIGS = Path(__file__).parents[2] / "config"


def read(name: str) -> dict:
    return yaml.safe_load((CONFIGS / name).read_text())


def test_the_task_of_structured_tickets_is_that_of_early_birds() -> None:
    here, there = (read(name)["tasks"]["digits-resnet"] for name in ("structured-tickets.yaml", "early-bird.yaml"))
    assert here == there


@pytest.mark.parametrize("name", ["early-bird.yaml", "structured-tickets.yaml", "everything.yaml"])
def test_scales_of_residual_sums_are_ranked_by_their_mean(name: str) -> None:
    methods = read(name)["methods"].values()
    ranked = [method for method in methods if method.get("criterion") == "batch-norm-scale"]
    assert ranked
    assert all(method["channel_score"] == "mean" for method in ranked)
