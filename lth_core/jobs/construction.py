"""Measure how near pruned random networks come to a trained one: rule `construction`.

Input: the data file and the weights at the end of the dense run. Output, as CSV, one row per seed and network: seed,
pruned (`weights`; `neurons`, the control; `target`, the dense network itself), units (random ones for each weight of
the target), width (hidden units of the random network's first layer for each input), density, weight_error (the mean
distance of weights from those of the target), mean_error and largest_error (of outputs on test data, in proportion to
the largest output of the target), agreement (the fraction of test examples with the target's prediction), metric (on
test data); nan where the dense run diverged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from lth_core.analysis.construction import (
    Layer,
    construct,
    neuron_network,
    prune_neurons,
    pruned_network,
    random_layers,
    target_layers,
)
from lth_core.config import Construction
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.models.tensors import load_tensors
from lth_core.randomness import random_generator
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import read_header
from lth_core.tasks.base import Task

COLUMNS = (
    *("seed", "pruned", "units", "width", "density", "weight_error"),
    *("mean_error", "largest_error", "agreement", "metric"),
)
FITTED = 500
"""Training examples that neurons are chosen on."""
Row = tuple[int | float | str, ...]


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--trained", required=True, help="the weights at the end of the dense run")
    options = arguments.parse_args()
    spec, settings = options.spec, Construction(**options.spec["construction"])
    task = open_task(spec, options.data)
    target_layers(task.module)  # which refuses what cannot be approximated
    trained = unstack(read_weights_of(task.module, options.trained, len(spec["seeds"])))
    rows: list[Row] = []
    for seed, weights, lost in zip(spec["seeds"], trained, read_header(options.trained)["diverged"], strict=True):
        if lost:
            rows += [(seed, "target", 0, *[math.nan] * 7)]
            continue
        load_tensors(task.module, weights)
        rows += measured(task, target_layers(task.module), seed, settings.units)
    write_table(options.output, COLUMNS, rows)


def measured(task: Task, target: Sequence[Layer], seed: int, units: Sequence[int]) -> Iterator[Row]:
    """Yield the rows of a seed, for the target whose weights the task's module has."""
    examined = Comparison(task)
    yield seed, "target", 0, 1.0, 1.0, 0.0, *examined.compare(examined.target)
    inputs = next(task.sample_batches("train", FITTED, FITTED)).inputs.double().cpu()
    outputs = examined.target(inputs).numpy()
    count, classes = inputs[0].numel(), outputs.shape[-1]
    for number in units:
        gadgets = construct(target, number, random_generator(seed, "construction", number))
        kept, total = map(sum, zip(*(gadget.density for gadget in gadgets), strict=True))
        error = float(np.concatenate([gadget.errors for gadget in gadgets]).mean())
        width = len(gadgets[0].first) / count
        network = pruned_network(gadgets)
        yield seed, "weights", number, width, kept / total, error, *examined.compare(network)
        first, second = random_layers(count, classes, number, False, random_generator(seed, "neurons", number))
        neurons = prune_neurons(first, second, inputs.flatten(1).numpy(), outputs)
        features = neuron_network(first, second, neurons)
        yield seed, "neurons", number, width, float(neurons.mean()), math.nan, *examined.compare(features)


class Comparison:
    """The test examples of a task, and what the target makes of them."""

    def __init__(self, task: Task):
        self.task, self.batches = task, list(task.evaluation_batches("test"))
        self.network = deepcopy(task.module).double().cpu().eval()
        self.expected = [self.target(batch.inputs) for batch in self.batches]

    @torch.no_grad()
    def target(self, inputs: Tensor) -> Tensor:
        """Compute the target's outputs."""
        return self.network(inputs.double().cpu())

    @torch.no_grad()
    def compare(self, network: Callable[[Tensor], Tensor]) -> tuple[float, float, float, float]:
        """Return mean and largest error of the outputs, agreement and the metric of a network on test data."""
        outputs = [network(batch.inputs.double().cpu()) for batch in self.batches]
        errors = torch.cat([(made - wanted).abs() for made, wanted in zip(outputs, self.expected, strict=True)])
        largest = max(float(wanted.abs().max()) for wanted in self.expected)
        agreed = [made.argmax(-1) == wanted.argmax(-1) for made, wanted in zip(outputs, self.expected, strict=True)]
        name = self.task.metrics[0].name
        measures = [
            self.task.measures(made.to(self.task.device), batch)[name].double()
            for made, batch in zip(outputs, self.batches, strict=True)
        ]
        agreement, metric = torch.cat(agreed).double().mean(), torch.cat(measures).mean()
        return float(errors.mean() / largest), float(errors.max() / largest), float(agreement), float(metric)


if __name__ == "__main__":
    main()
