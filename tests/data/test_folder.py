"""Your own images: what becomes of a tree of image files, in memory and streamed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lth_core.data.files import decode
from lth_core.data.reading import open_data
from lth_core.data.sets.image_folder import image_folder, known_of_folder, look
from lth_core.data.splits import DataError
from lth_core.data.trees import below_root
from lth_core.jobs.prepare_data import prepare
from lth_core.storage.tensors import read_header, read_tensors, write_tensors

SIZE = 8


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes of pictures of several shapes, formats and colours: 18 to train with, 6 to test with."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 6), ("test", 2)):
        for name in ("ant", "bee", "cat"):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                shape = [(SIZE, SIZE, 3), (40, 24, 3), (SIZE, 11)][index % 3]
                picture = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
                picture.save(folder / f"{index}.{['png', 'jpg', 'bmp'][index % 3]}")
    return tmp_path


def prepared(root: Path, name: str = "pets", **options: Any) -> Path:
    """The data file of the tree, 6 of its 18 training images held out."""
    output = root / "results" / f"{name}.safetensors"
    source = {"name": "image-folder", "path": "pets", "size": SIZE, "validation": 6, **options}
    prepare(name, {"source": source}, str(root), str(output))
    return output


def test_a_tree_becomes_one_file_of_square_images(root: Path) -> None:
    output = prepared(root)
    arrays, header = read_tensors(output), read_header(output)
    assert {name: array.shape for name, array in arrays.items()} == {
        "train_images": (12, 3, SIZE, SIZE),
        "train_labels": (12,),
        "validation_images": (6, 3, SIZE, SIZE),
        "validation_labels": (6,),
        "test_images": (6, 3, SIZE, SIZE),
        "test_labels": (6,),
    }
    assert sorted(arrays["validation_labels"]) == [0, 0, 1, 1, 2, 2]
    assert list(arrays["test_labels"]) == [0, 0, 1, 1, 2, 2]
    assert (header["classes"], header["input_shape"]) == (3, [3, SIZE, SIZE])
    assert header["source"] == "pets: 24 8x8 images"
    assert header["mean"] == pytest.approx(arrays["train_images"].mean(axis=(0, 2, 3)))
    assert header["std"] == pytest.approx(arrays["train_images"].std(axis=(0, 2, 3)))
    assert header["provenance"]["spec"]["source"]["size"] == SIZE


def test_every_training_file_is_used_once(root: Path) -> None:
    arrays = read_tensors(prepared(root))
    both = np.concatenate([arrays["train_images"], arrays["validation_images"]])
    files = sorted((root / "pets" / "train").glob("*/*"))
    assert sorted(image.tobytes() for image in both) == sorted(decode(str(f), SIZE, False).tobytes() for f in files)


def test_grey_and_a_fraction_for_validation(root: Path) -> None:
    splits = image_folder(str(root), "pets", SIZE, validation=0.5, grey=True)
    assert splits.train.images.shape == splits.validation.images.shape == (9, 1, SIZE, SIZE)


def test_an_image_that_fits_is_not_touched(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "it.png")
    assert np.array_equal(decode(str(tmp_path / "it.png"), SIZE, grey=False), pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [(2 * SIZE, 6 * SIZE), (6 * SIZE, 2 * SIZE), (3 * SIZE, 3 * SIZE)])
def test_the_shorter_side_is_resized_and_the_centre_kept(shape: tuple[int, int], tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    picture.save(tmp_path / "it.png")
    height, width = (side * SIZE // min(shape) for side in shape)
    resized = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    top, left = (height - SIZE) // 2, (width - SIZE) // 2
    expected = resized[None, top : top + SIZE, left : left + SIZE]
    assert np.array_equal(decode(str(tmp_path / "it.png"), SIZE, grey=True), expected)


def test_a_jpeg_far_too_large_is_decoded_at_a_fraction_and_looks_the_same(tmp_path: Path) -> None:
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24), dtype=np.uint8))
    coarse.resize((100, 100), Image.Resampling.BICUBIC).save(tmp_path / "it.jpg", quality=95)
    whole = Image.open(tmp_path / "it.jpg").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    difference = decode(str(tmp_path / "it.jpg"), SIZE, grey=True)[0].astype(int) - np.asarray(whole)
    assert np.abs(difference).max() <= 4


def test_a_second_run_writes_the_same_bytes(root: Path) -> None:
    first = prepared(root).read_bytes()
    assert prepared(root).read_bytes() == first


def test_two_validation_images_a_class_are_the_same_streamed_or_stored(root: Path) -> None:
    stored, streamed = read_tensors(prepared(root)), read_tensors(prepared(root, "lazy", stream=True))
    for split in ("train", "validation", "test"):
        assert np.array_equal(stored[f"{split}_labels"], streamed[f"{split}_labels"])
    names = streamed["validation_files"].tobytes().decode().split("\0")
    assert len(names) == 6 and all((root / "pets" / name).is_file() for name in names)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_streamed_batches_equal_stored_ones(split: str, root: Path) -> None:
    stored, streamed = open_data(prepared(root)), open_data(prepared(root, "lazy", stream=True))
    assert (stored.classes, stored.input_shape, stored.source) == (3, (3, SIZE, SIZE), "pets: 24 8x8 images")
    assert (streamed.classes, streamed.input_shape, streamed.source) == (3, (3, SIZE, SIZE), "pets: 24 8x8 images")
    assert stored.size(split) == streamed.size(split)
    assert torch.equal(stored.black, streamed.black)
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, stored.size(split), shape) for shape in ((4,), (2, 3), (1, 1), (5,))]
    pairs = list(zip(stored.batches(split, batches), streamed.batches(split, iter(batches)), strict=True))
    assert len(pairs) == 4
    for (images, labels), (streamed_images, streamed_labels) in pairs:
        assert torch.equal(images, streamed_images) and torch.equal(labels, streamed_labels)


def test_streaming_leaves_the_global_random_state_alone(root: Path) -> None:
    data, before = open_data(prepared(root, stream=True)), torch.get_rng_state()
    list(data.batches("test", [np.arange(2)]))
    assert torch.equal(torch.get_rng_state(), before)


def test_streamed_statistics_come_from_a_stated_number_of_training_images(root: Path, monkeypatch) -> None:
    assert read_header(prepared(root, stream=True))["statistics_images"] == 12
    monkeypatch.setattr("lth_core.data.files.STATISTICS_IMAGES", 5)
    assert read_header(prepared(root, stream=True))["statistics_images"] == 5


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_truncated_image_is_named_and_nothing_is_written(root: Path) -> None:
    damage(root / "pets" / "train" / "bee" / "1.jpg")
    with pytest.raises(DataError, match=r"pets/train/bee/1\.jpg: cannot be decoded \(.*truncated"):
        prepared(root)
    assert not (root / "results").exists()


def test_a_file_that_is_no_image_is_named(root: Path) -> None:
    (root / "pets" / "test" / "ant" / "0.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"pets/test/ant/0\.png: cannot be decoded"):
        prepared(root)


def test_an_image_damaged_after_preparation_is_named_in_one_line_by_the_training_that_meets_it(root: Path) -> None:
    data = open_data(prepared(root, stream=True))
    damage(root / "pets" / "test" / "ant" / "1.jpg")
    with pytest.raises(DataError) as caught:
        list(data.batches("test", [np.arange(6)]))
    assert "pets/test/ant/1.jpg: cannot be decoded" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "train/../../secret.png"])
def test_streamed_names_do_not_leave_the_folder(name: str, root: Path) -> None:
    output = prepared(root, stream=True)
    arrays = read_tensors(output) | {
        "test_files": np.frombuffer(name.encode(), dtype=np.uint8),
        "test_labels": np.zeros(1, dtype=np.int64),
    }
    write_tensors(output, arrays, read_header(output))
    with pytest.raises(DataError, match="leads out of"):
        list(open_data(output).batches("test", [np.array([0])]))


@pytest.mark.parametrize("linked", ["test/ant/9.png", "train/ant", "train"])
@pytest.mark.parametrize("stream", [False, True])
def test_links_that_lead_out_of_the_folder_are_refused(linked: str, stream: bool, root: Path) -> None:
    outside, link = root / "elsewhere", root / "pets" / linked
    if link.exists():
        link.rename(outside)
    else:
        (root / "pets/test/ant/0.png").rename(outside)
    link.symlink_to(outside)
    with pytest.raises(DataError, match=r"leads out of .*/pets, to .*elsewhere.*: replace the link by a copy"):
        prepared(root, stream=stream)
    assert not (root / "results").exists()


def test_links_within_the_folder_and_the_folder_as_a_link_are_followed(root: Path) -> None:
    (root / "pets/train/ant/9.png").symlink_to("0.png")
    (root / "pets").rename(root / "mounted")
    (root / "pets").symlink_to("mounted")
    assert read_header(prepared(root))["source"] == "mounted: 25 8x8 images"


def test_a_file_that_became_a_link_after_preparation_is_refused(root: Path) -> None:
    data = open_data(prepared(root, stream=True))
    for path in sorted((root / "pets/test").glob("*/*")):
        path.rename(root / path.name)
        path.symlink_to(root / path.name)
    with pytest.raises(DataError, match="leads out of"):
        list(data.batches("test", [np.arange(6)]))


@pytest.mark.parametrize("path", ["/etc", "..", "../pets", "pets/../../x", "./.."])
def test_paths_out_of_the_root_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="leads out of data_root: give a folder below it"):
        below_root(path)


@pytest.mark.parametrize("path", ["pets", "a/b", "./pets", "a/../b", "..pets", "."])
def test_paths_below_the_root_are_taken(path: str) -> None:
    assert below_root(path) == path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "plants"}, "plants/train: must hold one folder of images per class"),
        ({"validation": 18}, "pets: validation 18 takes 18 of the 18 images in train/: set a number below that"),
        ({"validation": 1.5}, "pets: validation 1.5 takes 27 of the 18 images in train/"),
        ({"validation": float("nan")}, "pets: validation nan takes 0 of the 18 images in train/: set a number"),
        ({"validation": 0.001}, "pets: validation 0.001 takes 0 of the 18 images in train/"),
    ],
)
def test_bad_options_are_refused_in_one_line(options: dict[str, Any], message: str, root: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(root, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_classes_of_train_and_test_must_agree(root: Path) -> None:
    (root / "pets" / "test" / "cat").rename(root / "pets" / "test" / "cow")
    with pytest.raises(DataError, match="only in one of them: cat, cow"):
        prepared(root)


@pytest.mark.parametrize("validation", [float("nan"), float("inf"), 1.5, 0, -3, -0.5])
def test_numbers_that_hold_nothing_out_are_refused_before_anything_is_read(validation: float) -> None:
    with pytest.raises(DataError, match=r"validation \(.*\) must be a number of images, or a fraction between 0 and 1"):
        known_of_folder(SIZE, validation=validation)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"path": "pest"},
            "ROOT/pest is not there: name a folder in data_root (ROOT); it needs the folders ",
        ),
        (
            {"path": "NAME/pets/"},
            "ROOT/NAME/pets is not there: paths are relative to data_root (ROOT), so write 'pets",
        ),
        (
            {"path": "pets/train/ant/0.png"},
            "ROOT/pets/train/ant/0.png is no folder: name a folder in data_root (ROOT);",
        ),
        ({"path": "pets/train/"}, "ROOT/pets/train is a part of a data set: name the folder that it is in, 'pets'"),
        (
            {"path": "."},
            "has no folder train/: it needs the folders train/ and test/, each with a folder of images per",
        ),
        (
            {"path": "half"},
            "ROOT/half has no folder test/: it needs the folders train/ and test/, each with a folder of",
        ),
        ({"path": "flat"}, "ROOT/flat/train: must hold one folder of images per class, and has no folder"),
        ({"path": "empty"}, "ROOT/empty/test: must hold one folder of images per class (ant/ has none: .jpg, .jpeg, "),
        (
            {"path": "other"},
            "ROOT/other: train and test must have the same class folders; only in one of them: bee, cat",
        ),
        ({"validation": 18}, "ROOT/pets: validation 18 takes 18 of the 18 images in train/: set a number below that"),
        ({"validation": 5000}, "ROOT/pets: validation 5000 takes 5000 of the 18 images in train/"),
        ({"validation": 0.001}, "ROOT/pets: validation 0.001 takes 0 of the 18 images in train/"),
        ({"validation": 0.999}, "ROOT/pets: validation 0.999 takes 18 of the 18 images in train/"),
    ],
)
def test_what_is_not_there_is_found_before_jobs_start(options: dict[str, Any], message: str, root: Path) -> None:
    for folder in ("half/train/ant", "flat/train", "flat/test", "empty/train/ant", "empty/test/ant", "other/test"):
        (root / folder).mkdir(parents=True)
    shutil.copy(root / "pets/train/ant/0.png", root / "empty/train/ant/0.PNG")
    shutil.copytree(root / "pets/train", root / "other/train")
    shutil.copytree(root / "pets/test/ant", root / "other/test/ant")
    names = {"ROOT": str(root), "NAME": root.name}
    for name, value in names.items():
        options = {key: text.replace(name, value) if isinstance(text, str) else text for key, text in options.items()}
        message = message.replace(name, value)
    with pytest.raises(DataError) as caught:
        look(str(root), **{"path": "pets", "size": SIZE, "validation": 6, **options})
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("validation", [1, 17, 0.1, 0.5, 0.9])
def test_what_can_be_read_passes_the_look(validation: int | float, root: Path) -> None:
    (root / "pets/train/ant/deep").mkdir()
    for path in (root / "pets/train/ant").glob("*.*"):
        path.rename(path.parent / "deep" / path.name)
    look(str(root), "./pets/", validation)
    assert image_folder(str(root), "pets", SIZE, validation=validation).classes == 3


@pytest.mark.parametrize("stream", [False, True])
def test_images_left_out_are_counted_in_the_log_and_in_what_the_page_says(
    stream: bool, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(3):
        (root / f"pets/train/ant/{index}.gif").write_bytes(b"GIF89a")
    (root / "pets/test/notes.txt").write_text("mine")
    assert read_header(prepared(root, stream=stream))["source"] == (
        "pets: 24 8x8 images (4 files left out: 3 .gif, 1 in no class folder)"
    )
    said = capsys.readouterr().out
    assert "pets: 4 files left out: 3 .gif, 1 in no class folder; images have the extensions .jpg, " in said


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_split_whose_pixels_are_all_equal_is_refused(stream: bool, part: str, root: Path) -> None:
    for path in (root / "pets" / part).glob("*/*"):
        Image.new("L", (SIZE, SIZE), 255).save(path)
    with pytest.raises(DataError, match=f"the {part} split shows nothing: all its pixels are 255"):
        prepared(root, stream=stream)
    assert not (root / "results").exists()


def test_an_empty_class_is_refused(root: Path) -> None:
    (root / "pets" / "train" / "dog").mkdir()
    with pytest.raises(DataError, match=r"one folder of images per class .*dog"):
        prepared(root)


def test_a_folder_too_large_for_memory_asks_to_be_streamed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda _: 50)  # 2,500 bytes
    with pytest.raises(DataError, match="half of this machine's memory; set 'stream: true'"):
        prepared(root)
