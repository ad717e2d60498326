"""MNIST, and the sets in its file format."""

from __future__ import annotations

from pathlib import Path

from lth_core.data.downloads import find_or_download, published
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
    """A data set in MNIST's file format. torchvision has checksums of the archives only, so files need only exist."""
    from torchvision import datasets

    source = getattr(datasets, class_name)
    files = [(archive.removesuffix(".gz"), None) for archive, _ in source.resources]

    def read(train: bool, download: bool) -> Images:
        loaded = source(root, train=train, download=download)
        return Images(loaded.data.numpy()[:, None], loaded.targets.numpy())

    return published(name, class_name, 10, *find_or_download(read, (True, False), Path(root, class_name, "raw"), files))
