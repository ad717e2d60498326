"""Sheets of images: a few of each network, block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from lth_core.drawing.colours import DIVERGED
from lth_core.drawing.figures import panels

GAP = 1
"""Pixels between two images."""
ACROSS = 8
"""Images in a row."""
WIDTH = 3.2
"""Inches of a block."""


def sheet(rows: Sequence[Sequence[tuple[str, np.ndarray | None]]]) -> Figure:
    """Draw blocks of images, uint8 (N, C, H, W) with one channel or three, each below its title.

    A block without images says that nothing could be drawn: the network diverged.
    """
    columns = max(map(len, rows))
    tiles = [tiled(images) for row in rows for _, images in row if images is not None]
    ratio = tiles[0].shape[0] / tiles[0].shape[1] if tiles else 0.3
    figure, axes = panels(columns, len(rows), width=WIDTH, height=WIDTH * ratio + 0.3)
    for panel in axes.flat:
        panel.set_axis_off()
    for blocks, of_row in zip(rows, axes, strict=True):
        for (title, images), panel in zip(blocks, of_row, strict=False):
            panel.set_title(title)
            if images is None:
                panel.text(0.5, 0.5, "diverged", ha="center", va="center", color=DIVERGED, transform=panel.transAxes)
            else:
                panel.imshow(tiled(images), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    return figure


def tiled(images: np.ndarray) -> np.ndarray:
    """Put images (N, C, H, W) beside and below one another: (height, width) of one channel, or (height, width, 3)."""
    count, channels, height, width = images.shape
    across = min(ACROSS, count)
    down = -(-count // across)
    canvas = np.full((channels, down * (height + GAP) - GAP, across * (width + GAP) - GAP), 255, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, across)
        top, left = row * (height + GAP), column * (width + GAP)
        canvas[:, top : top + height, left : left + width] = image
    return canvas[0] if channels == 1 else np.moveaxis(canvas[:3], 0, -1)
