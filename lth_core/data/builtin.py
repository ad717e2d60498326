"""Built-in data sets: scikit-learn's digits, and the classic sets that torchvision reads and downloads.

The test split is the published one (digits has none: 20% of it, stratified); validation is held out of the published
training split: 5,000 images as in Frankle & Carbin 2019, App. G.1 and H.1.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lth_core.data.splits import DataError, Images, Splits, hold_out
from lth_core.randomness import random_generator
from lth_core.registry import dataset

VALIDATION = 5000


@dataset("digits", classes=10, train_examples=1257, input_shape=(1, 8, 8))
def digits() -> Splits:
    """scikit-learn's handwritten digits: 1,797 images of 8x8 pixels, 0..16, in 10 classes; bundled, no download."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    everything = Images(bunch.images[:, None].astype(np.uint8), bunch.target.astype(np.int64))
    rest, test = hold_out(everything.labels, 360, random_generator(0, "split", "digits", "test"), stratified=True)
    kept, held = hold_out(
        everything.labels[rest], 180, random_generator(0, "split", "digits", "validation"), stratified=True
    )
    return Splits(
        train=everything.take(rest[kept]),
        validation=everything.take(rest[held]),
        test=everything.take(test),
        classes=10,
        source="scikit-learn digits: 1,797 8x8 images",
    )


@dataset("mnist", classes=10, train_examples=55000, input_shape=(1, 28, 28))
def mnist(root: str) -> Splits:
    """MNIST: 70,000 handwritten digits, 28x28 grey; read from ROOT/MNIST/raw."""
    return _idx("MNIST", "mnist", root)


@dataset("fashion-mnist", classes=10, train_examples=55000, input_shape=(1, 28, 28))
def fashion_mnist(root: str) -> Splits:
    """Fashion-MNIST: 70,000 articles of clothing, 28x28 grey; read from ROOT/FashionMNIST/raw."""
    return _idx("FashionMNIST", "fashion-mnist", root)


@dataset("kmnist", classes=10, train_examples=55000, input_shape=(1, 28, 28))
def kmnist(root: str) -> Splits:
    """Kuzushiji-MNIST: 70,000 cursive Japanese characters, 28x28 grey; read from ROOT/KMNIST/raw."""
    return _idx("KMNIST", "kmnist", root)


@dataset("cifar10", classes=10, train_examples=45000, input_shape=(3, 32, 32))
def cifar10(root: str) -> Splits:
    """CIFAR-10: 60,000 colour photographs, 32x32, in 10 classes; read from ROOT/cifar-10-batches-py."""
    return _cifar("CIFAR10", "cifar10", root)


@dataset("cifar100", classes=100, train_examples=45000, input_shape=(3, 32, 32))
def cifar100(root: str) -> Splits:
    """CIFAR-100: 60,000 colour photographs, 32x32, in 100 classes; read from ROOT/cifar-100-python."""
    return _cifar("CIFAR100", "cifar100", root)


@dataset("svhn", classes=10, train_examples=68257, input_shape=(3, 32, 32))
def svhn(root: str) -> Splits:
    """SVHN: 99,289 house numbers cropped to one digit, 32x32 colour; read from ROOT/{train,test}_32x32.mat."""
    from torchvision.datasets import SVHN

    files = [(name, md5) for _, name, md5 in (SVHN.split_list["train"], SVHN.split_list["test"])]

    def read(split: str, download: bool) -> Images:
        loaded = SVHN(root, split=split, download=download)
        return Images(loaded.data, loaded.labels)

    return _published("svhn", "SVHN", 10, *_find(read, ("train", "test"), Path(root), files))


def _idx(class_name: str, name: str, root: str) -> Splits:
    """A data set in MNIST's file format. torchvision has checksums of the archives only, so files need only exist."""
    from torchvision import datasets

    source = getattr(datasets, class_name)
    files = [(archive.removesuffix(".gz"), None) for archive, _ in source.resources]

    def read(train: bool, download: bool) -> Images:
        loaded = source(root, train=train, download=download)
        return Images(loaded.data.numpy()[:, None], loaded.targets.numpy())

    return _published(name, class_name, 10, *_find(read, (True, False), Path(root, class_name, "raw"), files))


def _cifar(class_name: str, name: str, root: str) -> Splits:
    """A CIFAR data set; torchvision compares checksums before it opens the pickled batches."""
    from torchvision import datasets

    source = getattr(datasets, class_name)
    files = [*map(tuple, source.train_list + source.test_list), (source.meta["filename"], source.meta["md5"])]

    def read(train: bool, download: bool) -> Images:
        loaded = source(root, train=train, download=download)
        return Images(np.moveaxis(loaded.data, 3, 1), np.array(loaded.targets))

    classes = 100 if class_name == "CIFAR100" else 10
    return _published(name, class_name, classes, *_find(read, (True, False), Path(root, source.base_folder), files))


def _published(name: str, title: str, classes: int, train: Images, test: Images) -> Splits:
    """The published test split, and the published training split less the validation images."""
    kept, held = hold_out(train.labels, VALIDATION, random_generator(0, "split", name))
    height, width = train.images.shape[2:]
    source = f"{title}: {len(train.labels) + len(test.labels):,} {height}x{width} images"
    return Splits(train.take(kept), train.take(held), test, classes, source)


def _find(
    read: Callable[[Any, bool], Images], parts: tuple[Any, Any], folder: Path, files: Sequence[tuple[str, str | None]]
) -> list[Images]:
    """Read the training and the test part from `files` (name, MD5 sum) of `folder`; download when some are missing.

    Raises DataError naming the files that are missing or damaged.
    """
    from torchvision.datasets.utils import check_integrity

    def missing() -> str:
        return ", ".join(name for name, md5 in files if not check_integrity(folder / name, md5))

    download = bool(missing())
    if download:
        print(f"{folder}: {missing()} missing, downloading", flush=True)
    try:
        with _network_timeout(seconds=30):
            return [read(part, download) for part in parts]
    except Exception as error:  # torchvision raises whatever its downloads and parsers raise
        reason = " ".join(str(error).split()) or type(error).__name__
        if missing():
            problem = f"missing or damaged: {missing()}; put them there, as the download failed ({reason})"
        else:
            problem = f"one of {', '.join(name for name, _ in files)} is damaged ({reason}); replace or delete it"
        raise DataError(f"{folder}: {problem}") from error


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    """torchvision sets no timeout: a network that swallows packets would hang the job for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
