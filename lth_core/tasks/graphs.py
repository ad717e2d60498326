"""Tasks on a graph, which a network goes through as a whole, however few nodes it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lth_core.data.stored import StoredGraph
from lth_core.tasks.base import PIECE, Examples, TaskError
from lth_core.tasks.examples import ExamplesTask


@dataclass(frozen=True)
class GraphTask(ExamplesTask):
    """Nodes of one graph under an objective: a split is evaluated in one piece."""

    data: StoredGraph

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.share.processes > 1:
            raise TaskError(f"processes: {self.share.processes} cannot share a graph: set 1")

    def evaluation_batches(self, split: str, size: int = PIECE) -> Iterator[Examples]:
        yield from super().evaluation_batches(split, self.data.size(split))

    def sample_batches(self, split: str, examples: int | None = None, size: int = PIECE) -> Iterator[Examples]:
        yield from super().sample_batches(split, examples, self.data.size(split))
