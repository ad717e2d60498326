"""How the page describes methods: when masks are made and by what, what is ranked, and how much is left."""

from __future__ import annotations

import pytest

from lth_core.config import Method
from lth_core.config.patterns import Block, NOfM
from lth_core.report.methods import method_words


def test_a_method_that_prunes_channels_says_how_they_are_ranked_and_how_many_go():
    for options, expected in (
        ({"rate": 0.2}, "per group, by the sum over the layers that compute them; 3 levels at 20% of the surviving"),
        ({"scope": "global", "channel_score": "mean", "rate": 0.5}, "together, by the mean over the layers that"),
        ({"densities": [0.5, 0.3, 0.1]}, "3 levels keeping 50%, 30%, 10% of the channels"),
        ({"fractions": {"conv*": 0.5}}, "each pruning a fraction of the remaining channels: 50% in conv*"),
    ):
        described = method_words(Method(granularity="channel", levels=3, **options))
        assert "whole channels ranked" in described and expected in described
        assert "weights per round" not in described


def test_a_method_that_prunes_filters_says_which_fraction_of_each_layer_goes():
    method = Method(granularity="filter", fractions={"conv1.*": 0.5, "conv2.*": 0.25}, levels=3)
    described = method_words(method)
    assert (
        "whole filters (neurons) ranked per layer; 3 levels, each pruning a fraction of the remaining filters: "
        "50% in conv1.*, 25% in conv2.*; other layers keep their own"
    ) in described
    assert "20%" not in described and "weights per round" not in described


def test_a_method_says_what_is_left_of_layers_that_it_excludes():
    weights = method_words(Method(exclude=["output"], levels=1))
    assert weights.endswith("; never pruned: output")
    filters = Method(granularity="filter", fractions={"fc1.*": 0.5}, exclude=["fc2.*", "output"], levels=1)
    left = "; excluded: fc2.*, output (filters there stay; only their inputs from removed filters go)"
    assert method_words(filters).endswith(left)


def test_a_method_says_which_groups_or_blocks_it_ranks():
    groups = method_words(Method(granularity="n-of-m", n_of_m=NOfM(n=[3, 2], m=4), levels=2))
    assert "every 4 consecutive inputs of an output ranked; 2 levels keeping 3, 2 of them" in groups
    blocks = method_words(Method(granularity="block", block=Block(height=4, width=8), densities=[0.5], levels=1))
    assert "blocks of 4 x 8 weights by their mean score: one ranking per layer; 1 level keeping 50% of" in blocks


@pytest.mark.parametrize(
    ("settings", "begin"),
    [
        ({}, "iterative, magnitude, "),
        ({"prune_at": 0}, "iterative, magnitude of theta_0, "),
        ({"prune_at": 30, "iterative": False}, "one-shot, magnitude of the dense network at step 30, "),
        ({"criterion": "synflow"}, "iterative, synflow of theta_0 in 100 rounds (exponential), "),
        (
            {"criterion": "synflow", "iterations": 1, "keep": "lowest"},
            "iterative, synflow of theta_0, the lowest kept, ",
        ),
        ({"during": "gradual"}, "while training from the dense network: gradual, "),
        ({"during": {"name": "rigl", "every": 20}}, "while training from masks by random: rigl (every 20), "),
        (
            {"search": {"parametrization": "edge-popup"}},
            "masks learned over the initial weights, then trained: edge-popup, ",
        ),
    ],
)
def test_the_page_says_when_masks_are_made_and_by_what(settings: dict, begin: str) -> None:
    assert method_words(Method.model_validate({"levels": 1, **settings})).startswith(begin)


def test_a_method_that_prunes_weights_says_its_rates():
    described = method_words(Method(rate=0.2, rate_by_kind={"output": 0.1}, levels=1))
    assert "one ranking per layer; 1 level at 20% of the surviving weights per round, output 10%" in described


@pytest.mark.parametrize(
    ("allocation", "ranking"),
    [
        (
            "erdos-renyi-kernel",
            "one ranking per layer, each of which keeps its Erdos-Renyi-kernel share (Evci et al. 2020)",
        ),
        ("lamp", "one global ranking of scores relative to their layer's (LAMP, Lee et al. 2021)"),
    ],
)
def test_a_method_says_how_layers_share_what_is_kept_and_its_densities(allocation: str, ranking: str):
    shared = {"levels": 2, "allocation": allocation}
    described = method_words(Method.model_validate(shared | {"densities": [0.5, 0.0123]}))
    assert f"{ranking}; 2 levels keeping 50%, 1.23% of the weights; reset" in described
    assert "20%" not in described
    assert f"{ranking}; 2 levels at 20% of the surviving weights" in method_words(Method.model_validate(shared))


def test_a_global_ranking_says_its_densities():
    described = method_words(Method(levels=1, densities=[0.25], scope="global"))
    assert "one global ranking; 1 level keeping 25% of the weights" in described
