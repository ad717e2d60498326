"""Random generators: keyed by (seed, purpose, index), independent of each other and of the order of use."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lth_core.randomness import kept_torch_generators, random_generator, seeded, torch_seed


@given(st.integers(0, 2**31), st.sampled_from(["init", "order", "mask"]), st.integers(0, 10**6))
def test_a_stream_is_a_pure_function_of_its_key(seed: int, purpose: str, index: int) -> None:
    first, second = random_generator(seed, purpose, index), random_generator(seed, purpose, index)
    assert np.array_equal(first.random(5), second.random(5))
    assert torch_seed(seed, purpose, index) == torch_seed(seed, purpose, index)


def test_streams_of_different_keys_differ() -> None:
    orders = [(0, "order", *index) for index in ((), (1,), (2,), (1, 2), (12,))]
    keys = [(0, "init"), (1, "init"), *orders]
    draws = [tuple(random_generator(*key).random(4)) for key in keys]
    assert all(a != b for a, b in combinations(draws, 2))
    assert len({torch_seed(*key) for key in keys}) == len(keys)


def test_torch_seeds_fit_a_signed_64_bit_integer() -> None:
    assert all(0 <= torch_seed(seed, "noise", 3) < 2**63 for seed in range(100))


def test_global_generators_are_seeded_for_users_and_left_as_they_were() -> None:
    before = np.random.get_state()[1].tolist(), random.getstate()
    drawn = []
    for seed in (3, 3, 4):
        with seeded(seed, "criterion", "mine", 1):
            drawn.append((np.random.rand(), random.random()))
    assert drawn[0] == drawn[1] != drawn[2]
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before


def test_torchs_generators_are_left_as_they_were() -> None:
    before = torch.get_rng_state()
    with kept_torch_generators():
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("device, kept", [("cpu", []), ("cuda", ["cuda"]), ("cuda:1", ["cuda:1"])])
def test_of_several_gpus_the_one_that_is_used_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, device: str, kept: list[str]
) -> None:
    """Looking at one starts CUDA; torch warns before it looks at all of them."""
    restored = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", str)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: restored.append((state, str(device))))
    with kept_torch_generators(torch.device(device)):
        assert not restored
    assert restored == [(name, name) for name in kept]
