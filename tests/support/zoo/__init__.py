"""A zoo of small networks as users write them, for images 1x6x6 of 3 classes. All of them can be trained here."""

from tests.support.zoo import buffers, declared, layers, randomness, weights  # noqa: F401 (each lists its own in ZOO)
from tests.support.zoo.written import ZOO, Written, sequential

__all__ = ["ZOO", "Written", "sequential"]
