"""CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lth_core.data.downloads import find_or_download, published
from lth_core.data.splits import Images, Splits
from lth_core.registry import dataset


@dataset("cifar10", classes=10, train_examples=45000, input_shape=(3, 32, 32))
def cifar10(root: str) -> Splits:
    """CIFAR-10: 60,000 colour photographs, 32x32, in 10 classes; read from ROOT/cifar-10-batches-py."""
    return _cifar("CIFAR10", "cifar10", root)


@dataset("cifar100", classes=100, train_examples=45000, input_shape=(3, 32, 32))
def cifar100(root: str) -> Splits:
    """CIFAR-100: 60,000 colour photographs, 32x32, in 100 classes; read from ROOT/cifar-100-python."""
    return _cifar("CIFAR100", "cifar100", root)


def _cifar(class_name: str, name: str, root: str) -> Splits:
    """A CIFAR data set; torchvision compares checksums before it opens the pickled batches."""
    from torchvision import datasets

    source = getattr(datasets, class_name)
    files = [*map(tuple, source.train_list + source.test_list), (source.meta["filename"], source.meta["md5"])]

    def read(train: bool, download: bool) -> Images:
        loaded = source(root, train=train, download=download)
        return Images(np.moveaxis(loaded.data, 3, 1), np.array(loaded.targets))

    classes = 100 if class_name == "CIFAR100" else 10
    parts = find_or_download(read, (True, False), Path(root, source.base_folder), files)
    return published(name, class_name, classes, *parts)
