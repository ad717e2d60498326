"""The random part of a picture that a network is trained on at a step."""

from __future__ import annotations

import math

import numpy as np

AREA = (0.08, 1.0)
"""Bounds of the part's fraction of the picture's area."""
ASPECT = (3 / 4, 4 / 3)
"""Bounds of its width divided by its height."""
TRIES = 10

Box = tuple[int, int, int, int]


def random_box(width: int, height: int, rng: np.random.Generator) -> Box:
    """Draw a random part of a picture: (left, top, right, bottom), in pixels.

    Area and aspect ratio are uniform within AREA and, on a logarithmic scale, ASPECT (Szegedy et al. 2015, section 6).
    Where none of TRIES draws fits into the picture, it is the largest part in the middle with such an aspect ratio.
    """
    for _ in range(TRIES):
        area = width * height * rng.uniform(*AREA)
        aspect = math.exp(rng.uniform(*np.log(ASPECT)))
        across, down = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < across <= width and 0 < down <= height:
            left, top = rng.integers(0, (width - across + 1, height - down + 1))
            return int(left), int(top), int(left) + across, int(top) + down
    across, down = min(width, round(height * ASPECT[1])), min(height, round(width / ASPECT[0]))
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down
