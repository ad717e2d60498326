"""Evolve weight-agnostic networks, and compare them with the task's own network: rule `evolution`.

Input: the data file, theta_0 and the weights at the end of the dense run. Output, as CSV:
- --output, several rows per seed: seed, network (`evolved`, or `fixed`: the topology of the task's network), weights
  (`shared`: one of those of the evolution; `tuned`: the shared weight that is best on validation data; `random`:
  theta_0; `trained`: the dense run), weight (the shared one), connections, validation_metric, metric (on test data).
  Actions and classes are those of the highest output. nan where the dense run diverged.
- --generations, one row per seed and generation: seed, generation, mean (over weights) and best (of the weights)
  performance on the training data that were drawn for it, of the topology with the highest mean; connections, nodes.
- --topologies, one row per seed and node of the evolved network that is no input: seed, node, depth, function, sources.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from lth_core.analysis.decisions import Deciding, Decisions, Modules, decisions_of
from lth_core.analysis.evolution import Search, champion, first_generation, next_generation
from lth_core.analysis.shared_weights import SharedWeights
from lth_core.analysis.topologies import FUNCTIONS, Topology
from lth_core.config import Evolution
from lth_core.jobs.support.command import command
from lth_core.jobs.support.networks import read_weights_of
from lth_core.jobs.support.stacking import unstack
from lth_core.jobs.support.trainings import open_task, parser
from lth_core.models.tensors import stored_tensors
from lth_core.runtime.progress import Progress
from lth_core.storage.tables import write_table
from lth_core.storage.tensors import Tensors, read_header
from lth_core.tasks.base import Task
from lth_core.training.resume import Resume, fingerprint

COLUMNS = ("seed", "network", "weights", "weight", "connections", "validation_metric", "metric")
GENERATION_COLUMNS = ("seed", "generation", "mean", "best", "connections", "nodes")
TOPOLOGY_COLUMNS = ("seed", "node", "depth", "function", "sources")
TUNED = [round(0.1 * tenths, 1) for tenths in range(-30, 31) if tenths]
"""The shared weights of which the best on validation data is chosen."""
Row = tuple[Any, ...]


@command
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--initial", required=True, help="theta_0")
    arguments.add_argument("--trained", required=True, help="the weights at the end of the dense run")
    arguments.add_argument("--generations", required=True, help="the file of all generations")
    arguments.add_argument("--topologies", required=True, help="the file of the evolved topologies")
    options = arguments.parse_args()
    spec, settings = options.spec, Evolution(**options.spec["evolution"])
    seeds, task = spec["seeds"], open_task(spec, options.data)
    decisions = decisions_of(task, settings.examples, settings.episodes)
    files = (options.initial, options.trained)
    initial, trained = (unstack(read_weights_of(task.module, path, len(seeds))) for path in files)
    diverged = read_header(options.trained)["diverged"]
    search, resume = Search(), Resume(options.output, fingerprint(spec, options.data, *initial, *trained))
    if resume.restore(search):
        print(f"resumed at generation {search.step % settings.generations}", flush=True)
    progress = Progress(len(seeds) * settings.generations)
    while search.step < len(seeds) * settings.generations:
        index, generation = divmod(search.step, settings.generations)
        evolve(search, decisions, settings, seeds[index], generation)
        if generation + 1 == settings.generations:
            best = chosen(search.topologies, decisions, settings)
            fixed = {"random": initial[index], "trained": None if diverged[index] else trained[index]}
            rows = [*evolved(best, decisions, settings), *of_fixed(task, decisions, settings, fixed)]
            search.measured = [*search.measured, [seeds[index], rows, best.as_json()]]
        search.step += 1
        progress.report(search.step)
        resume.save_when_due(search)
    write_table(options.generations, GENERATION_COLUMNS, search.history)
    nodes = (row for seed, _, best in search.measured for row in nodes_of(seed, Topology.from_json(best)))
    write_table(options.topologies, TOPOLOGY_COLUMNS, nodes)
    write_table(options.output, COLUMNS, ((seed, *row) for seed, rows, _ in search.measured for row in rows))
    resume.forget()


def evolve(search: Search, decisions: Decisions, settings: Evolution, seed: int, generation: int) -> None:
    """Make one generation of a seed, and measure it."""
    if generation == 0:
        search.topologies = first_generation(decisions.features, decisions.choices, settings, seed)
    topologies = search.topologies
    measured = decisions.train(SharedWeights(topologies, settings.weights), seed, generation)
    performances = measured.reshape(len(topologies), -1)
    means = performances.mean(axis=1)
    best = int(means.argmax())
    size = (len(topologies[best].connections), topologies[best].nodes)
    row = (seed, generation, float(means[best]), float(performances[best].max()), *size)
    search.history = [*search.history, row]
    if generation + 1 < settings.generations:
        search.topologies = next_generation(topologies, performances, seed, generation)


def chosen(topologies: Sequence[Topology], decisions: Decisions, settings: Evolution) -> Topology:
    """Choose the topology that is best on validation data, on average over the weights."""
    networks = SharedWeights(topologies, settings.weights)
    validation = decisions.evaluate(networks, "validation").reshape(len(topologies), -1)
    return topologies[champion(topologies, {"validation": validation})]


def evolved(topology: Topology, decisions: Decisions, settings: Evolution) -> Iterator[Row]:
    """Yield the rows of a topology: with each of the weights, and with the tuned one."""
    size = len(topology.connections)
    for weights, rows in shared(lambda values: SharedWeights([topology], values), decisions, settings):
        yield from (("evolved", weights, weight, size, *measures) for weight, *measures in rows)


def of_fixed(
    task: Task, decisions: Decisions, settings: Evolution, files: Mapping[str, Tensors | None]
) -> Iterator[Row]:
    """Yield the rows of the topology of the task's network: also with theta_0 and with trained weights."""
    module, like = task.module.cpu().eval(), stored_tensors(task.module)
    shape = tuple(task.input_shape)
    size = sum(tensor.numel() for tensor in like.values())

    def filled(values: Sequence[float]) -> Deciding:
        return Modules(module, [{n: torch.full_like(t, value) for n, t in like.items()} for value in values], shape)

    for weights, rows in shared(filled, decisions, settings):
        yield from (("fixed", weights, weight, size, *measures) for weight, *measures in rows)
    for name, values in files.items():
        measures = [math.nan] * 2
        if values is not None:
            tensors = {key: torch.from_numpy(np.array(value)) for key, value in values.items()}
            networks = Modules(module, [tensors], shape)
            measures = [float(decisions.evaluate(networks, split)[0]) for split in ("validation", "test")]
        yield "fixed", name, math.nan, size, *measures


def shared(networks_of: Any, decisions: Decisions, settings: Evolution) -> Iterator[tuple[str, list[Row]]]:
    """Measure networks whose connections share a weight: `shared` and `tuned`, each with rows (weight, metrics)."""
    networks = networks_of(settings.weights)
    measured = [decisions.evaluate(networks, split).tolist() for split in ("validation", "test")]
    yield "shared", list(zip(settings.weights, *measured, strict=True))
    validation = decisions.evaluate(networks_of(TUNED), "validation")
    best = int(validation.argmax())
    test = decisions.evaluate(networks_of([TUNED[best]]), "test")
    yield "tuned", [(TUNED[best], float(validation[best]), float(test[0]))]


def nodes_of(seed: int, topology: Topology) -> Iterator[Row]:
    """Yield the rows of a topology's nodes; sources are separated by spaces."""
    for node in range(topology.fixed, topology.nodes):
        function = FUNCTIONS[topology.functions[node - topology.fixed]]
        sources = sorted(source for source, target in topology.connections if target == node)
        yield seed, node, topology.depth(node), function, " ".join(map(str, sources))


if __name__ == "__main__":
    main()
