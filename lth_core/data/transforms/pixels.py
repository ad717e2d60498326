"""Transforms to other pixels: images that are turned or blurred."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lth_core.data.splits import DataError, Images, Splits
from lth_core.data.variants import AnySplits, Facts, each_split, need_pixels, with_pixels
from lth_core.registry import transform


def _rotation_facts(facts: Facts) -> Facts:
    need_pixels("rotation", facts.get("streamed", False))
    _, height, width = facts.get("input_shape", (1, 1, 1))
    if height != width:
        raise DataError(f"rotation: images of {height}x{width} pixels must be square to be turned by 90 degrees")
    return facts | {"classes": 4}


@transform("rotation", changes=_rotation_facts)
def rotation(splits: AnySplits, rng: np.random.Generator) -> Splits:
    """Every image turned by 0, 90, 180 or 270 degrees, drawn once; its label is the number of quarter turns."""
    splits = with_pixels("rotation", splits)
    _rotation_facts({"input_shape": splits.train.images.shape[1:]})

    def turned(piece: Images) -> Images:
        turns = rng.integers(0, 4, len(piece.labels))
        images = piece.images.copy()
        for turn in (1, 2, 3):
            images[turns == turn] = np.rot90(images[turns == turn], turn, axes=(2, 3))
        return Images(images, turns)

    return replace(splits, **each_split(splits, turned), classes=4, source=f"{splits.source}, rotation as the class")


def _blur_facts(facts: Facts, **options: Any) -> Facts:
    need_pixels("blur", facts.get("streamed", False))
    return facts


@transform("blur", changes=_blur_facts)
def blur(splits: AnySplits, factor: Annotated[int, Field(ge=2)] = 4) -> Splits:
    """Images averaged over blocks of `factor` x `factor` pixels, then enlarged bilinearly to their old size.

    Where `factor` does not divide a side, its last block is smaller.
    """
    splits = with_pixels("blur", splits)
    rows, columns = (_blurring(side, factor) for side in splits.train.images.shape[2:])

    def blurred(piece: Images) -> Images:
        images = np.empty_like(piece.images)
        for first in range(0, len(images), 1000):
            exact = rows @ piece.images[first : first + 1000].astype(np.float64) @ columns.T
            images[first : first + 1000] = np.rint(exact) if images.dtype == np.uint8 else exact
        return replace(piece, images=images)

    return replace(splits, **each_split(splits, blurred), source=f"{splits.source}, blurred by a factor of {factor}")


def _blurring(side: int, factor: int) -> np.ndarray:
    """The matrix (side, side) that averages a line of pixels over blocks and interpolates between their centres."""
    pixels = np.arange(side)
    blocks = pixels[::factor, None] // factor == pixels // factor  # (blocks, pixels)
    averages = blocks / blocks.sum(axis=1, keepdims=True)
    centres = averages @ pixels
    return np.stack([np.interp(pixels, centres, block) for block in np.eye(len(centres))], axis=1) @ averages
