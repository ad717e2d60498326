"""Divergence: what diverged, which chains ended because of it, and which layers were emptied.

Each replicate of each training has one of these kinds, or none:
`diverged`: the first evaluated step at which the loss, or a weight, is not finite;
`sampling diverged`: the training went well, but images that its network draws are not finite;
`no ticket`: nothing was trained, because the mask would come from a training of this replicate that diverged;
`layer collapse`: the mask leaves nothing of some layers. Such a network is trained all the same: its accuracy, often no
better than chance, is measured.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lth_core.config import seeds_of
from lth_core.storage.files import read_bytes
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import read_header


@dataclass(frozen=True)
class Divergence:
    """One row of a study's divergence.csv: of one replicate of a run."""

    task: str
    cohort: str
    method: str
    level: int
    branch: str
    """As in the studies' tables: `dense`, `ticket`, or the branch's name."""
    seed: int
    draw: int
    kind: str
    """`diverged`, `sampling diverged`, `no ticket` or `layer collapse`."""
    step: int | None = None
    """Of a divergence."""
    layers: str = ""
    """Names of collapsed layers, in network order, with spaces between them."""


def divergences(results: str, runs: Iterable[Run], sampled: Collection[Run] = ()) -> Iterator[Divergence]:
    """Read the divergences of all runs; the networks of some, `sampled`, draw images.

    Raises ArtifactError when a history, a mask or the images cannot be read.
    """
    for run in runs:
        branch = run.branch or ("ticket" if run.level else DENSE)
        named = (run.task, run.cohort, run.method, run.level, branch)
        seeds = seeds_of(run.cohort)
        header = read_header(run.mask(results)) if run.level else {}
        ended = _replicates(seeds, header.get("diverged", []))
        rows = csv.DictReader(io.StringIO(read_bytes(run.history(results)).decode()))
        steps = _diverged(rows)
        for replicate, step in steps.items():
            if not ended.get(replicate):
                yield Divergence(*named, *replicate, "diverged", step=step)
        for replicate in _without_images(results, run) if run in sampled else ():
            if replicate not in steps:
                yield Divergence(*named, *replicate, "sampling diverged")
        for replicate, has_ended in ended.items():
            if has_ended:
                yield Divergence(*named, *replicate, "no ticket")
        for replicate, layers in _collapsed(seeds, header).items():
            if not ended[replicate]:
                yield Divergence(*named, *replicate, "layer collapse", layers=" ".join(layers))


def _replicates(seeds: Sequence[int], values: Sequence[Any]) -> dict[tuple[int, int], Any]:
    """(seed, draw) -> its value, of a list with one value per replicate of a file."""
    draws = len(values) // len(seeds)
    return {(seeds[index // draws], index % draws): value for index, value in enumerate(values)}


def _diverged(rows: Iterable[Mapping[str, str]]) -> dict[tuple[int, int], int]:
    """(seed, draw) -> the first step of a history at which a loss is not finite, where there is one."""
    steps: dict[tuple[int, int], int] = {}
    for row in rows:
        if not math.isfinite(float(row["loss"])):
            steps.setdefault((int(row["seed"]), int(row["draw"])), int(row["step"]))
    return steps


def _without_images(results: str, run: Run) -> list[tuple[int, int]]:
    """(seed, draw) of the replicates that have no images, because training or sampling diverged."""
    lost = read_header(run.samples(results))["diverged"]
    return [replicate for replicate, is_lost in _replicates(seeds_of(run.cohort), lost).items() if is_lost]


def _collapsed(seeds: Sequence[int], header: Mapping[str, Any]) -> dict[tuple[int, int], list[str]]:
    """(seed, draw) -> the layers of which the masks of a header keep nothing, where there are any."""
    layers: dict[tuple[int, int], list[str]] = {}
    for layer, kept in header.get("kept", {}).items():
        for replicate, count in _replicates(seeds, kept).items():
            if count == 0:
                layers.setdefault(replicate, []).append(layer)
    return layers


# ---------------------------------------------------------------- in words


@dataclass(frozen=True)
class Line:
    """The divergences of one network of a cohort over all levels, in words."""

    task: str
    cohort: str
    method: str
    branch: str
    words: Sequence[str]


def lines(rows: Sequence[Mapping[str, str]]) -> list[Line]:
    """Put rows of divergence.csv, text by column, in words: one line per task, cohort, method and branch.

    Rows may be there more than once because studies share trainings.
    """
    groups: dict[tuple[str, str, str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["cohort"], row["method"], row["branch"]), []).append(row)
    return [Line(*group, _words(members)) for group, members in groups.items()]


def _words(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The divergences of one line: each kind by replicate, collapsed layers by name."""
    by_subject: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        replicate = f"seed {row['seed']}" + (f", draw {row['draw']}" if row["draw"] != "0" else "")
        for subject in row["layers"].split() or [replicate]:
            by_subject.setdefault((row["kind"], subject), []).append(row)
    sentences = []
    for (kind, subject), members in by_subject.items():
        levels = sorted({int(row["level"]) for row in members})
        where = f" at {_listed('level', levels)}" if levels != [0] else ""
        if kind == "diverged":
            steps = sorted({int(row["step"]) for row in members})
            sentences.append(f"{subject} diverged{where}, seen first at {_listed('step', steps)}")
        elif kind == "sampling diverged":
            sentences.append(f"the images of {subject} diverged{where}, its training did not")
        elif kind == "no ticket":
            sentences.append(f"{subject} has no ticket{where}: a training that its mask would come from diverged")
        else:
            seeds = sorted({int(row["seed"]) for row in members})
            sentences.append(f"layer collapse: nothing is left of {subject}{where} ({_listed('seed', seeds)})")
    return sentences


def _listed(noun: str, numbers: Sequence[int]) -> str:
    """Numbers in order, as a reader writes them: step 40; levels 3–5, 8."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    words = [f"{span[0]}–{span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans]
    return f"{noun}{'s' if len(numbers) > 1 else ''} {', '.join(words)}"
