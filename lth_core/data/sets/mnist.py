"""MNIST, and the sets in its file format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lth_core.data.downloads import find_or_download, published
from lth_core.data.idx import read_idx
from lth_core.data.splits import Images, Splits
from lth_core.registry import dataset


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


def _idx(class_name: str, name: str, root: str) -> Splits:
    """Read a data set in MNIST's file format. Only its archives have published checksums, so files need only exist."""
    folder = Path(root, class_name, "raw")
    files = {part: (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")}

    def read(part: str, download: bool) -> Images:
        if download:
            from torchvision import datasets  # seconds, which only a download is worth

            getattr(datasets, class_name)(root, train=part == "train", download=True)
        images, labels = (read_idx(folder / file) for file in files[part])
        return Images(images[:, None], labels.astype(np.int64))

    needed = [(file, None) for names in files.values() for file in names]
    return published(name, class_name, 10, *find_or_download(read, ("train", "t10k"), folder, needed))
