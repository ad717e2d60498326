"""What studies that compare methods share: which methods a task has, and which it cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lth_core.config import Config, Method, Name
from lth_core.studies.base import Study
from lth_core.studies.contenders import Basis, Contender, candidate, contenders


class Comparing(Study):
    """A study that derives methods from those that its option `compare` names, for each of its tasks."""

    if TYPE_CHECKING:  # declared by each study, among its options
        compare: list[Name]

    def basis(self, config: Config, task: str) -> Basis:
        """Return what the compared methods of a task have in common. Raises ValueError where that is unknown."""
        raise NotImplementedError

    def besides(self, config: Config, task: str) -> list[Contender]:
        """List what is compared with them in any case."""
        return []

    def contenders(self, config: Config, task: str) -> list[Contender]:
        """Make the methods that are compared on a task. Raises ValueError as `contenders.contenders` does."""
        return self._contenders(config, task)[0]

    def left_out(self, config: Config, task: str) -> dict[str, str]:
        """Say why methods are not compared on a task, by name."""
        return self._contenders(config, task)[1]

    def _contenders(self, config: Config, task: str) -> tuple[list[Contender], dict[str, str]]:
        if not self.compare:
            return [], {}
        return contenders(config, task, self.basis(config, task), self.compare, self.besides(config, task))

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive every compared method at the densities."""
        return {one.method: one.settings for task in self.tasks for one in self.contenders(config, task)}

    def considered(self, config: Config) -> list[Method]:
        """List all methods that are named, those that a task cannot have, too."""
        return [
            candidate(name, config, self.basis(config, task)).settings for task in self.tasks for name in self.compare
        ]
