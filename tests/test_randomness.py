"""Random generators: keyed by (seed, purpose, index), independent of each other and of the order of use."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lth_core.randomness import random_generator, seeded, torch_seed


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
