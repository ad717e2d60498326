"""Randomness: every draw comes from a random generator keyed by (seed, purpose, index).

Two purposes never share numbers, so the data order can change while the initialization stays, and the draw for
step t needs no draw for step t - 1.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

Value = TypeVar("Value")


def _key(seed: int, purpose: str, index: tuple[int | str, ...]) -> int:
    text = "\0".join(["lth", str(seed), purpose, *map(str, index)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def random_generator(seed: int, purpose: str, *index: int | str) -> np.random.Generator:
    """Return a new NumPy generator for the key (seed, purpose, index)."""
    return np.random.Generator(np.random.Philox(key=_key(seed, purpose, index)))


def torch_seed(seed: int, purpose: str, *index: int | str) -> int:
    """Return a 63-bit seed for the key (seed, purpose, index), for draws that only torch can make."""
    return _key(seed, purpose, index) >> 65


@contextmanager
def kept_generators() -> Iterator[None]:
    """Leave the global generators of NumPy and Python as they are; those of torch: `kept_torch_generators`."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def kept_torch_generators(device: torch.device | str = "cpu") -> Iterator[None]:
    """Leave torch's global generators as they are: the CPU's and, where `device` is a GPU, that of this GPU.

    By default torch would look at every GPU of the machine: it starts CUDA in jobs that compute on a CPU, and where
    there are several GPUs it warns of that.
    """
    import torch  # here, for the jobs that do without

    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def seed_generators(seed: int) -> None:
    """Seed the global generators of NumPy and Python, which code of users may draw from; torch's are seeded beside."""
    random.seed(seed)
    np.random.seed(seed % 2**32)


@contextmanager
def seeded(seed: int, purpose: str, *index: int | str) -> Iterator[None]:
    """Seed the global generators of NumPy and Python for a user's function; they are as before when it returns."""
    with kept_generators():
        seed_generators(torch_seed(seed, purpose, *index))
        yield


def draws_from_generators(work: Callable[[], Value]) -> tuple[Value, bool]:
    """Return what a function returns, and whether it draws from the global generators of NumPy or Python.

    They are as before when it returns.
    """
    with kept_generators():
        seed_generators(0)
        expected = random.random(), np.random.random()
        seed_generators(0)
        value = work()
        return value, (random.random(), np.random.random()) != expected
