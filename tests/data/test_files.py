"""How image files of each kind become pixels of 8 bits: what is white in a file is white, and nothing is clipped."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lth_core.data.files import decode, decode_crop
from lth_core.data.sets.image_folder import image_folder
from lth_core.data.splits import DataError

SIZE = 8
RAMP = np.linspace(0, 65535, SIZE * SIZE).round().astype(np.uint16).reshape(SIZE, SIZE)
"""Grey values of 16 bits from black to white."""


def in_8_bits(values: np.ndarray, highest: int) -> np.ndarray:
    return np.floor(values.astype(np.float64) * 255 / highest + 0.5).astype(np.uint8)


def twelve_bit_tiff(values: np.ndarray) -> bytes:
    """A TIFF with two grey values in three bytes, as microscopes write it; Pillow reads it, but does not write it."""
    pairs = values.reshape(-1, 2).tolist()
    data = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)
    height, width = values.shape
    short, long = 3, 4
    tags = [(256, short, width), (257, short, height), (258, short, 12), (259, short, 1), (262, short, 1)]
    tags += [(273, long, 8), (277, short, 1), (278, short, height), (279, long, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.pgm"])
@pytest.mark.parametrize("grey", [True, False])
def test_grey_images_of_16_bits_are_scaled_to_8(name: str, grey: bool, tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / name)
    pixels = decode(str(tmp_path / name), SIZE, grey)
    assert all(np.array_equal(channel, in_8_bits(RAMP, 65535)) for channel in pixels)
    assert len(pixels) == (1 if grey else 3)


def test_big_endian_files_of_16_bits_are_scaled_too(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(">u2")).save(tmp_path / "grey.tif")
    assert np.array_equal(decode(str(tmp_path / "grey.tif"), SIZE, grey=True)[0], in_8_bits(RAMP, 65535))


def test_the_range_of_a_file_of_12_bits_is_its_own(tmp_path: Path) -> None:
    values = RAMP >> 4
    (tmp_path / "grey.tif").write_bytes(twelve_bit_tiff(values))
    assert np.array_equal(decode(str(tmp_path / "grey.tif"), SIZE, grey=True)[0], in_8_bits(values, 4095))


def test_parts_of_pictures_are_scaled_alike(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 32768, np.uint16)).save(tmp_path / "grey.png")
    part = decode_crop(str(tmp_path / "grey.png"), SIZE, grey=False, rng=np.random.default_rng(0))
    assert np.array_equal(part, np.full((3, SIZE, SIZE), 128))


@pytest.mark.parametrize(
    ("kind", "mode"), [(np.float32, "fractions of 32 bits .*mode F"), (np.int32, "whole numbers of 32 bits .*mode I")]
)
def test_pixels_without_a_fixed_range_are_refused_by_mode_in_one_line(kind: type, mode: str, tmp_path: Path) -> None:
    Image.fromarray((RAMP / 65535).astype(kind)).save(tmp_path / "it.tif")
    with pytest.raises(DataError, match=rf"it\.tif: its pixels are {mode}.*: save it with 8 or 16 bits") as caught:
        decode(str(tmp_path / "it.tif"), SIZE, grey=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_images_of_8_bits_and_less_are_converted_as_pillow_does(mode: str, tmp_path: Path) -> None:
    picture = Image.fromarray((RAMP >> 8).astype(np.uint8)).convert(mode)
    picture.save(tmp_path / "it.tif")
    assert np.array_equal(decode(str(tmp_path / "it.tif"), SIZE, grey=True)[0], np.asarray(picture.convert("L")))


def tree_of(folder: Path, *pictures: Image.Image) -> None:
    for part in ("train", "test"):
        for name in ("ant", "bee"):
            (folder / part / name).mkdir(parents=True)
            for index, picture in enumerate(pictures):
                picture.save(folder / part / name / f"{index}.png")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("highest", "brightest"), [(4095, 16), (255, 1), (65535, None)])
def test_a_folder_whose_images_are_almost_black_says_so(
    highest: int, brightest: int | None, stream: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [Image.fromarray((RAMP.T.astype(float) / 65535 * highest).astype(np.uint16))] * 3
    tree_of(tmp_path / "scans", *pictures)
    source = image_folder(str(tmp_path), "scans", SIZE, validation=2, grey=True, stream=stream).facts()["source"]
    note = f"no pixel brighter than {brightest} of 255"
    assert source == "scans: 12 8x8 images" + (f" ({note})" if brightest else "")
    said = capsys.readouterr().out
    assert (f"scans: no pixel is brighter than {brightest} of 255: images of 12 bits" in said) == bool(brightest)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_pictures_in_alpha_alone_are_refused_with_that_reason(mode: str, stream: bool, tmp_path: Path) -> None:
    picture = Image.new(mode, (SIZE, SIZE))
    picture.putalpha(Image.fromarray((RAMP // 257).astype(np.uint8)))
    tree_of(tmp_path / "icons", picture, picture)
    with pytest.raises(
        DataError, match=r"shows nothing: all its pixels are 0; .*; their alpha is dropped: draw them on"
    ):
        image_folder(str(tmp_path), "icons", SIZE, validation=2, stream=stream).facts()
    tree_of(tmp_path / "black", Image.new("L", (SIZE, SIZE)), Image.new("L", (SIZE, SIZE)))
    with pytest.raises(DataError, match=r"at how they are read$"):
        image_folder(str(tmp_path), "black", SIZE, validation=2, stream=stream).facts()
