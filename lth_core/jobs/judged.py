"""Let a classifier judge the images that networks have drawn: rules `judged`, `branch_judged`, `dense_judged`.

Input: the data file, the images (--samples) and the trained weights of a classification task on the same data, whose
first network is the judge. Output: a CSV with one row per replicate: seed, draw, frechet_distance (of the judge's
penultimate features of the images to those of all test images), frechet_floor (that of as many real images), coverage
and entropy (how the images spread over the classes that it sees in them), nan where the replicate diverged;
judge_accuracy, on validation images; nan where the judge itself diverged; and floor_images, which real images the floor
is of: validation images or, where there are fewer of these than were drawn, training images, which the judge has seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lth_core.analysis.frechet import Moments, frechet_distance, moments, spread
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.models.features import features_and_scores, output_layer
from lth_core.models.tensors import load_tensors
from lth_core.randomness import random_generator
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header, read_tensors
from lth_core.tasks.base import Task, TaskError
from lth_core.tasks.generative import GenerativeTask

COLUMNS = (
    *("seed", "draw", "frechet_distance", "frechet_floor", "coverage", "entropy"),
    *("judge_accuracy", "floor_images"),
)
HELD_OUT, SEEN = "validation", "training"
"""The images that a floor is of, as sentences have them."""


@dataclass(frozen=True)
class Judge:
    """A trained classifier, and the task whose images it looks at."""

    classifier: Task
    task: GenerativeTask

    def seen(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the penultimate features (N, features) and the classes (N,) of images of pixels in [0, 1]."""
        images = torch.from_numpy(pixels.reshape(-1, *self.task.data.input_shape).astype(np.float32))
        module = self.classifier.module.to(self.classifier.device)
        layer = output_layer(module, self.classifier.input_shape)
        features, scores = features_and_scores(module, layer, self.task.images_of(images.to(self.task.device)))
        return features.double().cpu().numpy(), scores.argmax(dim=1).cpu().numpy()

    def real(self, split: str, rng: np.random.Generator | None = None, count: int | None = None) -> Moments:
        """Return the moments of the features of real images: of all, or of `count` that are drawn by `rng`."""
        return moments(self.seen(self.task.real(split, count or self.task.data.size(split), rng))[0])

    def floor_images(self, count: int) -> str:
        """Say which images there are `count` of, to be compared with test images: HELD_OUT or else SEEN."""
        return HELD_OUT if self.task.data.size("validation") >= count else SEEN

    def floor(self, seed: int, count: int, real: Moments) -> float:
        """Return the distance of `count` real images, which the seed draws, to `real` ones."""
        split = "validation" if self.floor_images(count) == HELD_OUT else "train"
        return frechet_distance(self.real(split, random_generator(seed, "real images"), count), real)

    def accuracy(self) -> float:
        """Return the part of validation images whose class it sees."""
        split = "validation"
        classes = self.seen(self.task.real(split, self.task.data.size(split)))[1]
        return float(np.mean(classes == self.task.data.labels_of(split)))


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--samples", required=True, help="the images, as rule samples writes them")
    arguments.add_argument("--judge", required=True, help="trained weights of the judge's task")
    options = arguments.parse_args()
    spec = options.spec
    task, classifier = open_task(spec, options.data), open_task(spec["judge"], options.data)
    if not isinstance(task, GenerativeTask):
        raise TaskError(f"objective '{spec['task']['objective']['name']}' makes no images, so none can be judged")
    weights = unstack(read_weights_of(classifier.module, options.judge, len(spec["judge"]["seeds"])))
    load_tensors(classifier.module, weights[0])
    images, header = read_tensors(options.samples)["samples"], read_header(options.samples)
    judge = Judge(classifier, task)
    is_none = read_header(options.judge)["diverged"][0]
    diverged = [lost or is_none for lost in header["diverged"]]
    accuracy = math.nan if is_none else judge.accuracy()
    print(f"the judge has a validation accuracy of {accuracy:.1%}", flush=True)
    draws = len(images) // len(spec["seeds"])
    seeds = [(seed, draw) for seed in spec["seeds"] for draw in range(draws)]
    said = accuracy, judge.floor_images(images.shape[1])
    write_table(options.output, COLUMNS, ((*row, *said) for row in rows(judge, seeds, images, diverged)))


def rows(
    judge: Judge, seeds: list[tuple[int, int]], images: np.ndarray, diverged: list[bool]
) -> Iterator[tuple[Any, ...]]:
    """Yield COLUMNS, but for the last two, of every replicate, given its images (R, count, C, H, W), uint8."""
    if all(diverged):
        yield from ((*seed, *[math.nan] * 4) for seed in seeds)
        return
    real, classes = judge.real("test"), judge.task.data.classes
    for (seed, draw), drawn, lost in zip(seeds, images, diverged, strict=True):
        floor = judge.floor(seed, len(drawn), real)
        if lost:
            yield seed, draw, math.nan, floor, math.nan, math.nan
            continue
        features, labels = judge.seen(drawn / 255)
        yield seed, draw, frechet_distance(moments(features), real), floor, *spread(labels, classes)


if __name__ == "__main__":
    main()
