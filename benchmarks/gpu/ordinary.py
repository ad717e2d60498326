"""The loop of an ordinary PyTorch script, with its data in memory or on the device."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms

from benchmarks.gpu.contests import Contest

WORKERS = 4
"""Processes that augment images for the loop, at most."""
WARM_UP = 10


class Augmented(Dataset):
    """Images in memory, each cropped and flipped at random when it is asked for."""

    def __init__(self, images: Tensor, labels: Tensor):
        self.images, self.labels = images, labels
        self.transform = transforms.Compose(
            [transforms.RandomCrop(images.shape[-1], padding=4), transforms.RandomHorizontalFlip()]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(self.images[index]), self.labels[index]


def from_memory(
    contest: Contest, images: Tensor, labels: Tensor, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches from a DataLoader, epoch after epoch."""
    augment = contest.augment != "none"
    workers = min(WORKERS, max(1, (os.cpu_count() or 1) - 1)) if augment else 0
    loader = DataLoader(
        Augmented(images, labels) if augment else TensorDataset(images, labels),
        batch_size=contest.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    while True:
        for inputs, targets in loader:
            yield inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)


def from_device(
    contest: Contest, images: Tensor, labels: Tensor, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of images that all lie on the device, augmented there."""
    images, labels = images.to(device), labels.to(device)
    while True:
        order = torch.randperm(len(labels), device=device)
        for chosen in order.split(contest.batch_size)[: len(labels) // contest.batch_size]:
            inputs = images[chosen]
            yield cropped_and_flipped(inputs) if contest.augment != "none" else inputs, labels[chosen]


def cropped_and_flipped(images: Tensor, padding: int = 4) -> Tensor:
    """Pad images, crop each at random to its old size, and flip half of them."""
    count, _, height, width = images.shape
    windows = nn.functional.pad(images, [padding] * 4).unfold(2, height, 1).unfold(3, width, 1)
    rows, columns = torch.randint(0, 2 * padding + 1, (2, count), device=images.device)
    crops = windows[torch.arange(count, device=images.device), :, rows, columns]
    return torch.where(torch.rand(count, 1, 1, 1, device=images.device) < 0.5, crops.flip(-1), crops)


Batches = Callable[[Contest, Tensor, Tensor, torch.device], Iterator[tuple[Tensor, Tensor]]]


class OrdinaryLoop:
    """A script that trains one network. `bf16`: with torch.autocast."""

    replicates = 1

    def __init__(
        self, contest: Contest, images: Tensor, labels: Tensor, device: torch.device, *, batches: Batches, bf16: bool
    ):
        self.device, self.bf16 = device, bf16
        self.module = contest.network().to(device)
        options = dict(contest.optimizer)
        kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[options.pop("name")]
        self.optimizer = kind(self.module.parameters(), lr=options.pop("learning_rate"), **options)
        self.batches = batches(contest, images, labels, device)

    def seconds(self, steps: int) -> float:
        """Do some steps, and then `steps` more, whose seconds are returned."""
        with usual_settings():
            self._run(WARM_UP)
            synchronize(self.device)
            start = time.perf_counter()
            self._run(steps)
            synchronize(self.device)
            return time.perf_counter() - start

    def _run(self, steps: int) -> None:
        for inputs, labels in islice(self.batches, steps):
            self.optimizer.zero_grad()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                loss = nn.functional.cross_entropy(self.module(inputs), labels)
            loss.backward()
            self.optimizer.step()


@contextmanager
def usual_settings() -> Iterator[None]:
    """cuDNN as such scripts set it: it tries its kernels, may round to TF32, and need not repeat its bits."""
    flags = torch.backends.cudnn
    before = flags.benchmark, flags.deterministic, flags.allow_tf32
    flags.benchmark, flags.deterministic, flags.allow_tf32 = True, False, True
    try:
        yield
    finally:
        flags.benchmark, flags.deterministic, flags.allow_tf32 = before


def synchronize(device: torch.device) -> None:
    """Wait for all that the device has been asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()
