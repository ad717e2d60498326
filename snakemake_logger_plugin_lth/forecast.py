"""How long a run will go on: nothing is said before finished jobs tell of those that are left.

A job that is left takes as long as the finished jobs of its rule, of which the last ones count more: at lower densities
jobs take less time, and so they do once nothing else runs on the machine. What few jobs say of their rule is mixed with
the mean of all, which stands for rules that nothing is known of, too. As many jobs go on at once as did so far. The
forecast that is shown counts down with the clock and goes only a part of the way to every new one, so that it does not
jump.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST_JOBS = 3
"""Finished jobs before anything is said."""
KNOWN = 0.5
"""Least part of the jobs that are left whose rule has finished jobs."""
WEIGHT = 0.2
"""Of a new forecast against the one that is shown."""
LATEST = 0.1
"""Least weight of the latest job in the mean of its rule."""
MIXED = 2
"""Jobs of the mean of all that are mixed with the finished jobs of a rule."""


@dataclass
class RecentMean:
    """A mean of which old values fade once there are many."""

    count: int = 0
    value: float = 0.0

    def add(self, value: float) -> None:
        """Take in one more value."""
        self.count += 1
        self.value += max(LATEST, 1 / self.count) * (value - self.value)

    def mixed_with(self, typical: float) -> float:
        """Return the mean of its values and some that are `typical`, which matter as long as there are few."""
        return (self.count * self.value + MIXED * typical) / (self.count + MIXED)


class Forecast:
    """Seconds that are left of a run of `counts` jobs by rule, which begins at the time `began`."""

    def __init__(self, counts: Mapping[str, int], began: float):
        self._left = dict(counts)
        self._began = began
        self._of_rule: dict[str, RecentMean] = defaultdict(RecentMean)
        self._of_all, self._busy = RecentMean(), 0.0
        self._shown: tuple[float, float] | None = None

    def finish(self, rule: str, seconds: float) -> None:
        """Count a finished job, which took some seconds."""
        self._left[rule] = max(self._left.get(rule, 0) - 1, 0)
        self._of_rule[rule].add(seconds)
        self._of_all.add(seconds)
        self._busy += seconds

    def update(self, now: float, running: Iterable[tuple[str, float]], jobs_left: int) -> None:
        """Forecast anew; `running` are rule and seconds so far of each job that runs, `jobs_left` counts these, too."""
        fresh = self._forecast(now, [*running], jobs_left)
        if fresh is None:
            return
        shown = self.seconds(now)
        self._shown = (now, fresh if shown is None else shown + WEIGHT * (fresh - shown))

    def seconds(self, now: float) -> float | None:
        """Return the seconds that are left, or None as long as they are not known."""
        if self._shown is None:
            return None
        when, seconds = self._shown
        return max(seconds - (now - when), 0.0)

    def _forecast(self, now: float, running: list[tuple[str, float]], jobs_left: int) -> float | None:
        left = sum(self._left.values())
        known = sum(count for rule, count in self._left.items() if rule in self._of_rule)
        if self._of_all.count < LEAST_JOBS or not left or known < KNOWN * left or now <= self._began:
            return None
        work = sum(count * self._expected(rule) for rule, count in self._left.items())
        work -= sum(min(seconds, self._expected(rule)) for rule, seconds in running)
        at_once = (self._busy + sum(seconds for _, seconds in running)) / (now - self._began)
        # Jobs whose inputs came back as they were are not run, nor counted here: `jobs_left` knows.
        return max(work, 0.0) * min(jobs_left / left, 1.0) / max(at_once, 1e-3)

    def _expected(self, rule: str) -> float:
        """Seconds that a job of a rule takes."""
        return self._of_rule.get(rule, RecentMean()).mixed_with(self._of_all.value)


def in_words(seconds: float) -> str:
    """Write what is left as coarsely as it is known: `less than a minute`, `about 4 min`, `about 2 h 10 min`."""
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {round(minutes)} min left"
    tens = round(minutes / 10) * 10
    return f"about {tens // 60} h {tens % 60:02d} min left" if minutes < 600 else f"about {round(minutes / 60)} h left"
