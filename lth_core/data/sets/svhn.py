"""SVHN: house numbers."""

from __future__ import annotations

from pathlib import Path

from lth_core.data.downloads import find_or_download, published
from lth_core.data.splits import Images, Splits
from lth_core.registry import dataset


@dataset("svhn", classes=10, train_examples=68257, input_shape=(3, 32, 32))
def svhn(root: str) -> Splits:
    """SVHN: 99,289 house numbers cropped to one digit, 32x32 colour; read from ROOT/{train,test}_32x32.mat."""
    from torchvision.datasets import SVHN

    files = [(name, md5) for _, name, md5 in (SVHN.split_list["train"], SVHN.split_list["test"])]

    def read(split: str, download: bool) -> Images:
        loaded = SVHN(root, split=split, download=download)
        return Images(loaded.data, loaded.labels)

    return published("svhn", "SVHN", 10, *find_or_download(read, ("train", "test"), Path(root), files))
