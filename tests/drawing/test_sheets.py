"""Sheets of images."""

from __future__ import annotations

import numpy as np

from lth_core.drawing.sheets import tiled


def test_images_stand_beside_one_another_and_then_below() -> None:
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 3), np.uint8)
    canvas = tiled(images)
    assert canvas.shape == (2 * 2 + 1, 8 * 3 + 7)
    assert (canvas[:2, :3] == 0).all() and (canvas[:2, 4:7] == 1).all() and (canvas[3:, 4:7] == 9).all()
    assert (canvas[2] == 255).all() and (canvas[3:, 7:] == 255).all()


def test_colours_come_last() -> None:
    images = np.zeros((2, 3, 4, 4), np.uint8)
    images[1, 2] = 200
    canvas = tiled(images)
    assert canvas.shape == (4, 9, 3) and canvas[0, 5].tolist() == [0, 0, 200]
