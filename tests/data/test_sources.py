"""torchvision's data sets: found under the root, downloaded only when missing, refused in one line when damaged."""

from __future__ import annotations

import hashlib
import pickle  # noqa: TID251 (writes files as the CIFAR authors do)
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import scipy.io
from torchvision import datasets

from lth_core.data.sets.cifar import cifar10, cifar100
from lth_core.data.sets.mnist import fashion_mnist, kmnist, mnist
from lth_core.data.sets.svhn import svhn
from lth_core.data.splits import DataError, Splits

TRAIN, TEST = 5040, 30


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network")

    for source in (datasets.MNIST, datasets.CIFAR10, datasets.SVHN):
        monkeypatch.setattr(source, "download", fail)


def idx(array: np.ndarray) -> bytes:
    """The bytes of an idx file: magic number, sizes (big-endian), data."""
    return b"".join([bytes([0, 0, 8, array.ndim]), *(n.to_bytes(4, "big") for n in array.shape), array.tobytes()])


def write_idx(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A small data set in MNIST's format: 4x4 images that tell their own index."""
    folder.mkdir(parents=True)
    made = {}
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        images = np.arange(count * 16, dtype=np.uint32).astype(np.uint8).reshape(count, 4, 4)
        images[:, 0, 0], images[:, 0, 1] = np.arange(count) // 256, np.arange(count) % 256
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
        made[part] = images, labels
    return made


@pytest.mark.parametrize(("read", "name"), [(mnist, "MNIST"), (fashion_mnist, "FashionMNIST"), (kmnist, "KMNIST")])
def test_5000_images_are_held_out_of_train_and_test_is_as_published(read, name: str, tmp_path: Path) -> None:
    made = write_idx(tmp_path / name / "raw")
    splits = read(str(tmp_path))
    assert splits.train.images.shape == (TRAIN - 5000, 1, 4, 4)
    assert splits.validation.images.shape == (5000, 1, 4, 4)
    assert np.array_equal(splits.test.images[:, 0], made["t10k"][0])
    assert np.array_equal(splits.test.labels, made["t10k"][1])
    assert splits.source == f"{name}: 5,070 4x4 images"
    origin = [images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 0, 1] for images in both_images(splits)]
    assert sorted(np.concatenate(origin)) == list(range(TRAIN))
    assert np.array_equal(splits.validation.labels, origin[1] % 10)


def both_images(splits: Splits) -> tuple[np.ndarray, np.ndarray]:
    return splits.train.images, splits.validation.images


def test_the_validation_images_of_two_data_sets_are_drawn_independently(tmp_path: Path) -> None:
    for name in ("MNIST", "KMNIST"):
        write_idx(tmp_path / name / "raw")
    one, same, other = (read(str(tmp_path)).validation.images for read in (mnist, mnist, kmnist))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_missing_files_are_named_with_the_folder_that_they_belong_in(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError) as caught:
        mnist(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path}/MNIST/raw: missing or damaged: t10k-labels-idx1-ubyte; "
        "put them there, as the download failed (<urlopen error no network>)"
    )


def test_a_missing_data_set_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(self: datasets.MNIST) -> None:
        if not self._check_exists():
            write_idx(Path(self.raw_folder))

    monkeypatch.setattr(datasets.MNIST, "download", download)
    assert len(mnist(str(tmp_path)).test.labels) == TEST


@pytest.mark.parametrize("damaged", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_truncated_files_are_refused_in_one_line(damaged: str, length: int, tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / damaged
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError) as caught:
        mnist(str(tmp_path))
    assert f"{tmp_path}/MNIST/raw: one of" in str(caught.value) and damaged in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fewer_labels_than_images_are_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(TEST - 1, dtype=np.uint8)))
    with pytest.raises(DataError, match="MNIST: 5,069 4x4 images: the test split needs one integer label for each"):
        mnist(str(tmp_path))


def write_cifar(source: type[datasets.CIFAR10], root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Pickled batches as the authors publish them, with checksums for torchvision. Returns the test images."""
    rng = np.random.default_rng(0)
    classes = 100 if source is datasets.CIFAR100 else 10
    folder = root / source.base_folder
    folder.mkdir()

    def write(name: str, content: dict[str, object]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def batch(count: int) -> dict[str, object]:
        images = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        return {"data": images, "fine_labels" if classes == 100 else "labels": [i % classes for i in range(count)]}

    test = batch(TEST)
    monkeypatch.setattr(source, "train_list", [write("one", batch(TRAIN - 10)), write("two", batch(10))])
    monkeypatch.setattr(source, "test_list", [write("three", test)])
    name, md5 = write("names", {source.meta["key"]: [str(label) for label in range(classes)]})
    monkeypatch.setattr(source, "meta", {**source.meta, "filename": name, "md5": md5})
    return test["data"].reshape(-1, 3, 32, 32)


@pytest.mark.parametrize(
    ("read", "source", "classes"), [(cifar10, datasets.CIFAR10, 10), (cifar100, datasets.CIFAR100, 100)]
)
def test_cifar_images_are_channels_first(read, source, classes: int, tmp_path: Path, monkeypatch) -> None:
    test = write_cifar(source, tmp_path, monkeypatch)
    splits = read(str(tmp_path))
    assert (len(splits.train.labels), len(splits.validation.labels), splits.classes) == (TRAIN - 5000, 5000, classes)
    assert np.array_equal(splits.test.images, test)


def test_a_damaged_cifar_batch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(datasets.CIFAR10, tmp_path, monkeypatch)
    batch = tmp_path / "cifar-10-batches-py" / "two"
    batch.write_bytes(batch.read_bytes()[:-1])
    with pytest.raises(DataError, match="cifar-10-batches-py: missing or damaged: two; put them there"):
        cifar10(str(tmp_path))


def test_svhn_calls_the_digit_zero_class_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, files = np.random.default_rng(0), {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        images = rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8)[:, None] % 10 + 1  # the authors write 10 for the digit 0
        path = tmp_path / f"{part}_32x32.mat"
        scipy.io.savemat(path, {"X": images, "y": labels})
        files[part] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(datasets.SVHN, "split_list", files)
    splits = svhn(str(tmp_path))
    assert (len(splits.train.labels), len(splits.validation.labels), splits.classes) == (TRAIN - 5000, 5000, 10)
    assert np.array_equal(splits.test.images, images.transpose(3, 2, 0, 1))
    assert list(splits.test.labels[:10]) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


def test_mnist_is_read_without_importing_torchvision(tmp_path: Path) -> None:
    """The import takes longer than everything else that preparing the data does."""
    write_idx(tmp_path / "MNIST" / "raw")
    script = (
        "import sys\nfrom lth_core.data.sets.mnist import mnist\n"
        f"mnist({str(tmp_path)!r})\nassert not {{'torch', 'torchvision'}} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True)
