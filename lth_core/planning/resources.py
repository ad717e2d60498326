"""What jobs ask of a cluster: memory, time and GPUs, from what the task costs.

What one example costs a network (an image, a window of text, a row, a transition) stands in the header of theta_0, so
these numbers are known once a cohort is initialized. Any number of nodes of a graph costs one pass over it, and counts
as one example.
They are upper bounds with a margin: a job that asks for too much waits longer, one that asks for too little is killed.
`--set-resources` overrides them; no result depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lth_core import registry
from lth_core.config import Recipe, seeds_of
from lth_core.data.facts import known_facts
from lth_core.data.kinds import kind_of_data
from lth_core.planning.canonical import canonical
from lth_core.planning.plan import Plan
from lth_core.pruning.moments import rounds_per_level
from lth_core.storage.errors import ArtifactError
from lth_core.storage.paths import data_file, initial_file
from lth_core.storage.runs import Run
from lth_core.storage.tensors import read_header
from lth_core.tasks.options import option_of_episodes

BYTES = 4
"""Of a number: float32."""
MEGABYTE = 10**6
EXAMPLES_AT_ONCE = 1000
"""In an evaluation (lth_core.tasks.base.PIECE)."""
ENVIRONMENT_STEP = 1e-4
"""Seconds of one episode: those of classic control take a fifth of it, those with a physics engine about this."""
COPIES = 16
"""Of the weights: start, mask, gradients, the optimizer's, and those of a file that is being written."""
EVOLVED_DECISION = 4e-6
"""Seconds that an evolved network takes for an example, or a step of an episode."""
MARGIN = 1.5
DECODERS = 4
"""Cores that decode image files for one GPU: one does 480 JPEGs of 500x375 pixels a second where that was measured."""


@dataclass(frozen=True)
class Machine:
    """What a job needs besides its arrays, and how fast it computes at the least."""

    mem_mb: int
    """PyTorch with its libraries, and the snakemakes that start a job on a cluster's node."""
    flops: float
    """Per second."""
    latency: float
    """Seconds of a training step of one replicate, however small."""
    decision: float
    """Seconds of what a policy decides at one step of its episodes, however few."""


CPU = Machine(mem_mb=1500, flops=2e10, latency=0.002, decision=2e-4)
"""One core."""
GPU = Machine(mem_mb=4000, flops=1e12, latency=0.02, decision=1e-3)


@dataclass(frozen=True)
class Need:
    """What a job asks for; of several nodes, each."""

    mem_mb: int
    runtime: int
    """Minutes."""


class Needs:
    """The needs of a plan's jobs. Raises ArtifactError while the theta_0 of a run is not there."""

    def __init__(self, plan: Plan, on_slurm: Callable[[], bool] = lambda: False):
        """`on_slurm`: whether jobs are SLURM's, of which one may be given several nodes."""
        self.plan, self.on_slurm = plan, on_slurm
        self.gpus = 0 if plan.config.device == "cpu" else 1
        """GPUs of a job that trains or evaluates networks."""
        self.machine = GPU if self.gpus else CPU

    def training(self, run: Run) -> Need:
        """Of a training to its last step, with its evaluations."""
        return self._trained(run, self.plan.config.tasks[run.task].train)

    def search(self, run: Run) -> Need:
        """Of a search for masks, whose recipe may be another than its task's."""
        search = self.plan.methods[run.method].search
        recipe = self.plan.config.tasks[run.task].train
        return self._trained(run, search.train.applied(recipe) if search else recipe)

    def _trained(self, run: Run, recipe: Recipe) -> Need:
        examples = self._examples(run)
        evaluations = recipe.steps // recipe.evaluate_every + 2
        evaluated = 2 * examples["validation"] + examples["test"]
        return self._need(run, recipe.steps, evaluations * evaluated, shared=True)

    def scoring(self, run: Run) -> Need:
        """Of scores that are computed with the network: each round costs about a training step, at most four."""
        return self._need(run, 4 * rounds_per_level(self.plan.methods[run.method]), 0)

    def collapse(self, run: Run) -> Need:
        """Of masks at up to 40 compressions, each in as many rounds as any method has."""
        rounds = max(rounds_per_level(method) for method in self.plan.methods.values())
        return self._need(run, 40 * 4 * rounds, 0)

    def saliency(self, run: Run) -> Need:
        """Of a few backward passes."""
        return self._need(run, 10, 0)

    def nodes(self, task: str) -> int:
        """Nodes that a training is spread over."""
        nodes = self.plan.config.tasks[task].nodes
        return nodes if nodes > 1 and self.on_slurm() else 1

    def processes(self, task: str) -> int:
        """Processes of a training on each of its nodes."""
        return self.plan.config.tasks[task].processes // self.nodes(task)

    def threads(self, task: str) -> int:
        """Cores for each process of a job: one, as on a CPU the numbers depend on how many there are."""
        dataset = self.plan.config.dataset(self.plan.config.tasks[task].dataset)
        streamed = known_facts(dataset.source, dataset.transforms).get("streamed", False)
        return DECODERS if streamed and self.plan.config.device == "cuda" else 1

    def telemetry(self, run: Run) -> Need:
        """Of the first steps of a training, each of which is evaluated."""
        steps = min(self.plan.config.tasks[run.task].train.steps, 1000)
        return self._need(run, steps, steps * sum(self._examples(run).values()))

    def connectivity(self, run: Run) -> Need:
        """Of evaluations along a line, with and without alignment and batch statistics."""
        settings, examples = self.plan.config.connectivity, self._examples(run)
        counts = (min(examples[split], settings.examples or examples[split]) for split in ("train", "test"))
        return self._need(run, 0, 4 * settings.points * sum(counts))

    def supermasks(self, run: Run) -> Need:
        """Of evaluating masks of every density: at most 200 evaluations."""
        examples = self._examples(run)
        return self._need(run, 0, 200 * (examples["validation"] + examples["test"]))

    def samples(self, run: Run) -> Need:
        """Of drawing images in at most 200 steps, and of their distances."""
        return self._need(run, 0, 200 * self.plan.config.samples.count)

    def judged(self, run: Run) -> Need:
        """Of a judge that looks at the images of every replicate, and at all real ones."""
        judge, examples = self.plan.chains.judge(run.task), sum(self._examples(run).values())
        return self._need(judge, 0, self._replicates(run) * self.plan.config.samples.count + examples)

    def evolution(self, run: Run) -> Need:
        """Of networks, each a few hundred connections, that are measured on examples or in episodes, on one core."""
        settings, limit = self.plan.config.evolution, self._longest_episode(run)
        measured = settings.population * len(settings.weights) * (limit * settings.episodes or settings.examples)
        seconds = self._replicates(run) * settings.generations * measured * EVOLVED_DECISION
        memory = MARGIN * (BYTES * 100 * measured / MEGABYTE + self._data_mb(run)) + CPU.mem_mb
        return Need(math.ceil(memory), 10 + math.ceil(MARGIN * seconds / 60))

    def weights(self, run: Run) -> Need:
        """Of jobs that look at weights and masks: pruning, distances, histograms."""
        cost, _ = self._measured(run)
        numbers = self._replicates(run) * cost["parameters"]
        return Need(CPU.mem_mb + math.ceil(MARGIN * COPIES * BYTES * numbers / MEGABYTE), 10 + numbers // 10**7)

    # ------------------------------------------------------------ parts

    def _need(self, run: Run, steps: int, evaluated: int, shared: bool = False) -> Need:
        """Of `steps` training steps and `evaluated` examples in evaluations, for every replicate and process."""
        processes = self.processes(run.task) if shared else 1
        everywhere = self.plan.config.tasks[run.task].processes if shared else 1
        cost, _ = self._measured(run)
        replicates, batch = self._replicates(run), self._batch(run)
        # Backward passes keep all activations, with their gradients; evaluations only those at hand.
        at_once = 1 if self._kind(run) == "graph" else EXAMPLES_AT_ONCE
        kept = max(2 * cost["activations"] * batch, 4 * cost["largest_activation"] * at_once)
        numbers = COPIES * processes * replicates * cost["parameters"] + (0 if self.gpus else kept)
        flops = cost["flops"] * (3 * steps * batch + evaluated)  # a backward pass costs two forward passes
        seconds = flops / everywhere / self.machine.flops + steps * self.machine.latency
        if limit := self._longest_episode(run):
            made = steps * batch + evaluated
            decisions = limit * (steps + math.ceil(evaluated / self._transitions(run)))
            seconds += made * (cost["flops"] / self.machine.flops + ENVIRONMENT_STEP)
            seconds += decisions * self.machine.decision
            # What was seen, what the network made of it, and copies of both.
            numbers += 4 * replicates * cost["largest_activation"] * max(batch, self._transitions(run))
        memory = MARGIN * (BYTES * numbers / MEGABYTE + self._data_mb(run)) + processes * self.machine.mem_mb
        return Need(math.ceil(memory), 10 + math.ceil(MARGIN * replicates * seconds / 60))

    def _batch(self, run: Run) -> int:
        """Examples of a training step; of an environment, the transitions of episodes that reach the time limit."""
        if self._kind(run) == "graph":
            return 1
        return self.plan.config.tasks[run.task].train.batch_size * (self._longest_episode(run) or 1)

    def _examples(self, run: Run) -> Mapping[str, int]:
        """Examples of every split; of an environment, the transitions of as many episodes as are evaluated."""
        _, examples = self._measured(run)
        if self._kind(run) == "graph":
            return dict.fromkeys(examples, 1)
        return dict.fromkeys(examples, self._transitions(run)) if self._longest_episode(run) else examples

    def _transitions(self, run: Run) -> int:
        """Transitions of an evaluation's episodes, where all reach the time limit."""
        objective = self.plan.config.tasks[run.task].objective
        return self._longest_episode(run) * option_of_episodes(objective, "evaluation_episodes")

    def _longest_episode(self, run: Run) -> int:
        """Steps of a longest episode; 0 where the data are no environment."""
        return self._measured(run)[1]["train"] if self._kind(run) == "environment" else 0

    def _kind(self, run: Run) -> str:
        """The kind of data of a run's task."""
        source = self.plan.config.dataset(self.plan.config.tasks[run.task].dataset).source
        return kind_of_data(registry.dataset.facts(source.name))

    def _replicates(self, run: Run) -> int:
        draws = self.plan.chains.treated(run).draws if run.branch else 1
        return draws * len(seeds_of(run.cohort))

    def _measured(self, run: Run) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """What an example costs the run's network, and how many there are by split, as headers have it."""
        path = Path(initial_file(self.plan.config.results, run.task, run.cohort))
        if not path.exists():
            raise ArtifactError(f"{path}: is not there yet")
        header = _header(str(path), path.stat().st_mtime_ns)
        if header["spec"] != self._initialize_spec(run.task, run.cohort):
            raise ArtifactError(f"{path}: is of another network, and will be made anew")
        return header["cost"], header["examples"]

    @cache  # noqa: B019 (there is one for a run)
    def _initialize_spec(self, task: str, cohort: str) -> str:
        return self.plan.specs.initialize(task, cohort)

    def _data_mb(self, run: Run) -> float:
        try:
            path = Path(data_file(self.plan.config.results, self.plan.config.tasks[run.task].dataset))
            return path.stat().st_size / MEGABYTE
        except FileNotFoundError:
            raise ArtifactError(f"{path}: is not there yet") from None


@cache
def _header(path: str, time: int) -> dict[str, Any]:
    """`cost`, `examples` and `spec` of theta_0 as it was written at that time."""
    header = read_header(path)
    if "cost" not in header:
        raise ArtifactError(f"{path}: does not say what its network costs")
    return header | {"spec": canonical(header["provenance"]["spec"])}
