"""Randomness: every draw comes from a random generator keyed by (seed, purpose, index).

Two purposes never share numbers, so the data order can change while the initialization stays, and the draw for
step t needs no draw for step t - 1.
"""

from __future__ import annotations

import hashlib

import numpy as np


def _key(seed: int, purpose: str, index: tuple[int | str, ...]) -> int:
    text = "\0".join(["lth", str(seed), purpose, *map(str, index)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def random_generator(seed: int, purpose: str, *index: int | str) -> np.random.Generator:
    """Return a new NumPy generator for the key (seed, purpose, index)."""
    return np.random.Generator(np.random.Philox(key=_key(seed, purpose, index)))


def torch_seed(seed: int, purpose: str, *index: int | str) -> int:
    """Return a 63-bit seed for the key (seed, purpose, index), for draws that only torch can make."""
    return _key(seed, purpose, index) >> 65
