"""Shares: which examples of a minibatch are one process's, where several processes train a network together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Every `processes`-th example from that at position `rank` on. By default everything: the process is alone."""

    rank: int = 0
    processes: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes what all of them found."""
        return self.rank == 0

    @property
    def slice(self) -> slice:
        """The positions of its examples in a minibatch."""
        return slice(self.rank, None, self.processes)

    def position(self, index: int) -> int:
        """Where in the minibatch the example at `index` of the share stands."""
        return self.rank + self.processes * index


ALONE = Share()
"""That of a process that trains by itself."""
