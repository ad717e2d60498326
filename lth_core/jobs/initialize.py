"""Draw the initial weights theta_0 of a cohort: rule `initialize`.

Input: the data file, of which only the facts matter. Output: theta_0. Its header has the network's prunable layers,
what the network costs, and for filters that can be removed the layer that reads them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from typing import Any

import torch

from lth_core.config import Method, Task
from lth_core.data.reading import open_data
from lth_core.data.splits import SPLITS
from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.trainings import model_factory
from lth_core.models.cost import network_cost
from lth_core.models.initialization import initialize_cohort
from lth_core.models.layers import prunable_layers
from lth_core.models.shrinking import consumers_of
from lth_core.pruning.exclusions import ExclusionError, prunable
from lth_core.pruning.filters import FilterError, check_filters
from lth_core.storage.provenance import provenance
from lth_core.storage.tensors import Tensors, write_tensors


def check_methods(
    layers: Mapping[str, str],
    weights: Tensors,
    methods: Mapping[str, Mapping[str, Any]],
    removable: Collection[str] | None = None,
) -> None:
    """Find mistakes before hours of training; the plan cannot, because it does not know the names of weights.

    `removable` are the layers whose filters can be taken out, None where that is not known. Raises ExclusionError or
    FilterError with the key of the config.
    """
    sizes = {name: weights[name].shape[1] for name in layers}
    for name, settings in methods.items():
        method = Method(**settings)
        try:
            left = prunable(layers, method.exclude)
            if method.granularity == "filter":
                check_filters(method, left, sizes, removable)
        except (ExclusionError, FilterError) as error:
            raise type(error)(f"methods.{name}.{error}") from None


@command
def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spec", type=json.loads, required=True)
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--output", required=True)
    arguments.add_argument("--task", required=True, help="whose methods to look at")
    arguments.add_argument("--methods", type=json.loads, required=True, help="JSON: task -> method -> what it prunes")
    options = arguments.parse_args()
    spec = options.spec
    import_modules(spec["modules"])
    settings, images = Task(**spec["task"]), open_data(options.data)
    factory = model_factory(settings, images.classes, images.input_shape)
    weights = initialize_cohort(factory, settings.initialization, spec["seeds"])
    with torch.random.fork_rng():
        module = factory()
        layers, cost = prunable_layers(module, images.input_shape), network_cost(module, images.input_shape)
    consumers = consumers_of(module, images.input_shape)
    check_methods(layers, weights, options.methods[options.task], consumers)
    examples = {split: images.size(split) for split in SPLITS}
    header = {"layers": layers, "consumers": consumers or {}, "cost": cost, "examples": examples}
    header |= {"provenance": provenance(spec)}
    write_tensors(options.output, weights, header)


if __name__ == "__main__":
    main()
