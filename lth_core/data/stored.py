"""Readers of data files other than images: windows of texts, texts with labels, points, environments, and graphs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lth_core.data.environments import Environment
from lth_core.data.kinds import kind_of_data
from lth_core.data.splits import SPLITS
from lth_core.data.text import examples_of
from lth_core.runtime.shares import Share


class Stored:
    """What all readers know: the facts of the header, the device, and this process's share of every batch."""

    def __init__(self, header: Mapping[str, Any], device: torch.device, share: Share):
        self.facts = {name: value for name, value in header.items() if name != "provenance"}
        self.kind = kind_of_data(header)
        self.source: str = header["source"]
        self.device, self.share = device, share

    def labels_of(self, split: str) -> np.ndarray | None:
        """Return the class of every example, where examples have classes."""
        return None

    def sent(self, values: Tensor) -> Tensor:
        """Send values to the device without waiting for it."""
        return values.to(self.device, non_blocking=True)

    def shared(self, index_batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Go through what this process gets of the batches of indices."""
        parts = (batch[..., self.share.slice] for batch in index_batches)
        return (part for part in parts if part.size)


class StoredText(Stored):
    """Windows of a text's tokens: each is `context` inputs, and the token after each of these as its target."""

    def __init__(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any], device: torch.device, share: Share):
        super().__init__(header, device, share)
        self.context: int = header["context"]
        self.tokens = {split: tensors[f"{split}_tokens"].to(device, torch.int64) for split in SPLITS}
        self._window = torch.arange(self.context + 1, device=device)

    def size(self, split: str) -> int:
        """Count the windows of the split: the last target of one is the first input of the next."""
        return examples_of(len(self.tokens[split]), self.context)

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        """Read tokens and the tokens after them, int64 (..., T), for every batch of indices (B,) or (R, B)."""
        for batch in self.shared(index_batches):
            first = self.sent(torch.from_numpy(batch * self.context))
            windows = self.tokens[split][first[..., None] + self._window]
            yield windows[..., :-1], windows[..., 1:]


class StoredLabelledTexts(Stored):
    """Texts of equally many tokens, some of them padding, and their labels."""

    def __init__(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any], device: torch.device, share: Share):
        super().__init__(header, device, share)
        self.tokens = {split: tensors[f"{split}_tokens"].to(device, torch.int64) for split in SPLITS}
        self.labels = {split: tensors[f"{split}_labels"].to(device) for split in SPLITS}

    def size(self, split: str) -> int:
        """Count the texts of the split."""
        return len(self.labels[split])

    def labels_of(self, split: str) -> np.ndarray:
        """Return the class of every text."""
        return self.labels[split].cpu().numpy()

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        """Read tokens (..., T) and labels (...), int64, for every batch of indices (B,) or (R, B)."""
        for batch in self.shared(index_batches):
            index = self.sent(torch.from_numpy(batch))
            yield self.tokens[split][index], self.labels[split][index]


class StoredPoints(Stored):
    """Rows of numbers, and their targets."""

    def __init__(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any], device: torch.device, share: Share):
        super().__init__(header, device, share)
        self.features = {split: tensors[f"{split}_features"].to(device) for split in SPLITS}
        self.targets = {split: tensors[f"{split}_targets"].to(device) for split in SPLITS}

    def size(self, split: str) -> int:
        """Count the rows of the split."""
        return len(self.targets[split])

    def labels_of(self, split: str) -> np.ndarray | None:
        """Return the class of every row, where rows have classes."""
        return self.targets[split].cpu().numpy() if self.facts.get("classes") else None

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        """Read features (..., D) and targets (...) for every batch of indices (B,) or (R, B)."""
        for batch in self.shared(index_batches):
            index = self.sent(torch.from_numpy(batch))
            yield self.features[split][index], self.targets[split][index]


class StoredEnvironment(Stored):
    """An environment: its file holds facts alone, and what is trained makes the examples."""

    def __init__(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any], device: torch.device, share: Share):
        super().__init__(header, device, share)
        self.environment = Environment.from_facts(header)

    def size(self, split: str) -> int:
        """Count the steps of the longest possible episode: there is no limit to the number of episodes."""
        return self.environment.max_episode_steps


class GraphTensors(NamedTuple):
    """What networks are built of on a graph: all its nodes and edges, without labels."""

    features: Tensor
    """(N, D), float32."""
    edges: Tensor
    """(E, 2), int64: every undirected edge between two nodes once, the lower one first."""


class StoredGraph(Stored):
    """Nodes of one graph. What models are offered, `facts`, holds the graph itself."""

    def __init__(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any], device: torch.device, share: Share):
        super().__init__(header, device, share)
        self.facts["graph"] = GraphTensors(tensors["features"], tensors["edges"])  # networks are built on the CPU
        self.nodes = {split: tensors[f"{split}_nodes"].to(device) for split in SPLITS}
        self.labels = tensors["labels"].to(device)

    def size(self, split: str) -> int:
        """Count the nodes of the split."""
        return len(self.nodes[split])

    def batches(self, split: str, index_batches: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        """Read numbers of nodes and their labels, int64 (...), for every batch of indices (B,) or (R, B)."""
        for batch in self.shared(index_batches):
            nodes = self.nodes[split][self.sent(torch.from_numpy(batch))]
            yield nodes, self.labels[nodes]
