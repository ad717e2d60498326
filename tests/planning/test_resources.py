"""What jobs ask of a cluster follows from what their task costs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lth_core import registry
from lth_core.config import Choice
from lth_core.models.cost import network_cost
from lth_core.models.inputs import TokenShape
from lth_core.planning import resources
from lth_core.planning.plan import Plan
from lth_core.planning.resources import Needs
from lth_core.storage.errors import ArtifactError
from lth_core.storage.paths import data_file, initial_file
from lth_core.storage.runs import Run
from lth_core.storage.tensors import write_tensors
from lth_core.tasks import base

CONFIG = """\
results: {results}
device: {device}
tasks:
  mini:
    dataset: digits
    model: lenet
    train: {{optimizer: {{name: sgd, learning_rate: 0.1}}, batch_size: 50, steps: {steps}, evaluate_every: 100}}
    cohorts: ["0-1", "2-5"]
    processes: {processes}
    nodes: {nodes}
methods: {{imp: {{levels: 2}}}}
branches: {{reinit: {{treatment: reinit, draws: 3}}}}
studies: {{frankle2019: {{tasks: {{mini: imp}}}}}}
"""
COST = {"parameters": 2_000_000, "flops": 10**9, "activations": 10**5, "largest_activation": 10**4}
EXAMPLES = {"train": 1000, "validation": 100, "test": 200}


@pytest.fixture
def needs_of(tmp_path: Path):
    """needs_of(steps=..., device=...): needs of a plan whose data (8 MB) and cohorts are there."""

    def make(
        steps: int = 1000,
        device: str = "cpu",
        cost: dict[str, int] = COST,
        processes: int = 1,
        nodes: int = 1,
        on_slurm: bool = False,
        over: str = "{}",
        examples: dict[str, int] = EXAMPLES,
    ) -> Needs:
        results = str(tmp_path / f"results-{len(list(tmp_path.iterdir()))}")
        file = tmp_path / f"{Path(results).name}.yaml"
        values = {"results": results, "device": device, "steps": steps, "processes": processes, "nodes": nodes}
        file.write_text(CONFIG.format(**values))
        changed = tmp_path / "changed.yaml"
        changed.write_text(over)
        plan = Plan.read([file, changed])
        dataset = plan.config.tasks["mini"].dataset
        write_tensors(data_file(results, dataset), {"x": np.zeros(2_000_000, np.float32)}, {})
        for cohort in ("0-1", "2-5"):
            made = {"spec": json.loads(plan.specs.initialize("mini", cohort))}
            header = {"cost": cost, "examples": examples, "provenance": made}
            write_tensors(initial_file(results, "mini", cohort), {"w": np.zeros(1, np.float32)}, header)
        return Needs(plan, lambda: on_slurm)

    return make


DENSE, LARGER = Run("mini", "0-1"), Run("mini", "2-5")


def test_of_a_training_as_computed_by_hand(needs_of) -> None:
    need = needs_of().training(DENSE)
    # 2 seeds x 2e6 weights x 16 copies x 4 bytes = 256 MB; 2 x 1e5 x 50 activations = 40 MB, but evaluating 1000 images
    # holds 4 x 1e4 x 1000 numbers = 160 MB; data 8 MB.
    assert need.mem_mb == pytest.approx(1500 + 1.5 * (256 + 160 + 8), abs=1)
    # 3 x 1000 steps x 50 images + 12 evaluations x 400 images, each 1e9 operations at 2e10 per second; 2 ms a step.
    seconds = 2 * ((150_000 + 4_800) * 1e9 / 2e10 + 1000 * 0.002)
    assert need.runtime == 10 + math.ceil(1.5 * seconds / 60)


def test_what_another_network_costs_says_nothing(needs_of) -> None:
    needs = needs_of()
    needs.plan.config.tasks["mini"] = needs.plan.config.tasks["mini"].model_copy(
        update={"model": Choice.of("lenet", hidden=[7, 7])}
    )
    with pytest.raises(ArtifactError, match="is of another network, and will be made anew"):
        needs.training(DENSE)


def test_grows_with_steps_seeds_and_draws(needs_of) -> None:
    short, long = needs_of(), needs_of(steps=2000)
    assert long.training(DENSE).runtime > 1.9 * (short.training(DENSE).runtime - 10)
    assert long.training(DENSE).mem_mb == short.training(DENSE).mem_mb
    assert short.training(LARGER).runtime - 10 == pytest.approx(2 * (short.training(DENSE).runtime - 10), abs=1)
    ticket, branch = Run("mini", "0-1", "imp", 1), Run("mini", "0-1", "imp", 1, "reinit")
    assert short.training(ticket) == short.training(DENSE)
    assert short.training(branch).runtime > 2.9 * (short.training(ticket).runtime - 10)
    assert short.training(branch).mem_mb > short.training(ticket).mem_mb
    assert short.weights(LARGER).mem_mb > short.weights(DENSE).mem_mb


def test_processes_share_the_time_and_each_has_its_own_weights(needs_of) -> None:
    one, five = needs_of(steps=20_000).training(DENSE), needs_of(steps=20_000, processes=5).training(DENSE)
    latency = 1.5 * 2 * 20_000 * 0.002 / 60  # of the steps, which are as many
    assert five.runtime - 10 == pytest.approx((one.runtime - 10 - latency) / 5 + latency, abs=1)
    assert five.mem_mb - one.mem_mb == pytest.approx(4 * (resources.CPU.mem_mb + 1.5 * 256), abs=2)


def test_nodes_share_the_processes_and_each_has_its_own_data(needs_of) -> None:
    settings = {"steps": 20_000, "processes": 10}
    one, five = needs_of(**settings), needs_of(**settings, nodes=5, on_slurm=True)
    assert (one.nodes("mini"), one.processes("mini")) == (1, 10)
    assert (five.nodes("mini"), five.processes("mini")) == (5, 2)
    assert five.training(DENSE).mem_mb == needs_of(steps=20_000, processes=2).training(DENSE).mem_mb
    assert five.training(DENSE).runtime == one.training(DENSE).runtime
    assert five.telemetry(DENSE) == one.telemetry(DENSE)  # of one process


def test_on_one_machine_there_are_no_nodes(needs_of) -> None:
    needs = needs_of(processes=10, nodes=5)
    assert (needs.nodes("mini"), needs.processes("mini")) == (1, 10)
    assert needs.training(DENSE) == needs_of(processes=10).training(DENSE)


@pytest.mark.parametrize(
    ("device", "stream", "threads"), [("cuda", True, 4), ("cuda", False, 1), ("cpu", True, 1), ("auto", True, 1)]
)
def test_images_in_files_are_decoded_by_more_cores_for_a_gpu(
    needs_of, tmp_path: Path, device: str, stream: bool, threads: int
) -> None:
    images = {"name": "image-folder", "path": "x", "size": 32, "stream": stream}
    over = tmp_path / "over.yaml"
    over.write_text(f"datasets: {{digits: {{source: {json.dumps(images)}}}}}\n")
    needs_of(device=device)
    [config] = tmp_path.glob("results-*.yaml")
    assert Needs(Plan.read([config, over])).threads("mini") == threads


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("auto", 1), ("cuda", 1)])
def test_gpus_are_asked_for_unless_training_is_on_cpus(needs_of, device: str, gpus: int) -> None:
    needs = needs_of(device=device)
    assert needs.gpus == gpus
    slow = needs_of().training(DENSE).runtime
    assert (needs.training(DENSE).runtime < slow) == bool(gpus)


@pytest.mark.parametrize(
    "kind", ["training", "telemetry", "connectivity", "supermasks", "collapse", "saliency", "weights"]
)
def test_nothing_is_asked_for_before_the_cohort_is_initialized(needs_of, kind: str) -> None:
    needs = needs_of()
    need = getattr(needs, kind)(DENSE)
    assert need.mem_mb > 0 and need.runtime >= 10 and isinstance(need.mem_mb, int) and isinstance(need.runtime, int)
    with pytest.raises(ArtifactError):
        getattr(needs, kind)(Run("mini", "6-9"))


def test_as_many_examples_are_evaluated_at_once_as_tasks_do() -> None:
    assert resources.EXAMPLES_AT_ONCE == base.PIECE


# ---------------------------------------------------------------- environments

POLE = """\
tasks:
  mini:
    dataset: cartpole
    model: mlp
    objective: {name: actor-critic, evaluation_episodes: 10}
    train: {batch_size: 4}
"""


def test_a_step_in_an_environment_is_of_whole_episodes_as_computed_by_hand(needs_of, monkeypatch) -> None:
    cost = {"parameters": 1000, "flops": 2 * 10**6, "activations": 500, "largest_activation": 100}
    monkeypatch.setattr(resources, "CPU", replace(resources.CPU, mem_mb=0))
    needs = needs_of(cost=cost, over=POLE, examples=dict.fromkeys(EXAMPLES, 500))
    need = needs.training(DENSE)
    # 4 episodes of up to 500 steps for each of 1000 updates, then 12 evaluations of 10 episodes on three splits.
    trained, evaluated = 1000 * 4 * 500, 12 * 3 * 10 * 500
    gradient, decided = (3 * trained + evaluated) * 1e-4, (trained + evaluated) * 1e-4  # 2e6 operations at 2e10
    moved, calls = (trained + evaluated) * 1e-4, (1000 + 12 * 3) * 500 * 2e-4
    assert need.runtime == 10 + math.ceil(1.5 * 2 * (gradient + 1000 * 0.002 + decided + moved + calls) / 60)
    # 2 seeds x 1000 weights x 16 copies; 2 x 500 activations of 2000 transitions; 2 x 4 x 100 numbers of the 5000
    # transitions of an evaluation; 8 MB of data.
    numbers = 32_000 + 2_000_000 + 4_000_000
    assert need.mem_mb == pytest.approx(1.5 * (4 * numbers / 1e6 + 8), abs=1)


@pytest.mark.parametrize("kind", ["training", "telemetry", "connectivity", "supermasks", "collapse"])
def test_longer_episodes_take_more_time(needs_of, kind: str) -> None:
    short, long = (needs_of(over=POLE, examples=dict.fromkeys(EXAMPLES, steps)) for steps in (200, 2000))
    assert getattr(long, kind)(DENSE).runtime - 10 > 8 * (getattr(short, kind)(DENSE).runtime - 10) > 0


GRAPH = """\
tasks:
  mini: {dataset: digits-graph, model: gcn}
"""


def test_any_number_of_nodes_costs_one_pass_over_the_graph(needs_of, monkeypatch) -> None:
    cost = {"parameters": 1000, "flops": 2 * 10**8, "activations": 10**6, "largest_activation": 10**5}
    monkeypatch.setattr(resources, "CPU", replace(resources.CPU, mem_mb=0))
    need = needs_of(cost=cost, over=GRAPH, steps=10_000).training(DENSE)
    # 10,000 steps and 102 evaluations of three splits, each 2e8 operations at 2e10 per second; 2 ms a step.
    seconds = (3 * 10_000 + 3 * 102) * 0.01 + 10_000 * 0.002
    assert need.runtime == 10 + math.ceil(1.5 * 2 * seconds / 60)
    assert need.mem_mb == pytest.approx(1.5 * (4 * (32_000 + 2_000_000) / 1e6 + 8), abs=1)


@pytest.mark.parametrize(("name", "options"), [("lstm", {"width": 8}), ("transformer", {"width": 8, "heads": 2})])
def test_an_example_of_text_is_a_window(name: str, options: dict[str, int]) -> None:
    def cost_of(context: int) -> dict[str, int]:
        module = registry.model.call(name, {"vocabulary": 20, "context": context}, options)
        return network_cost(module, TokenShape((context,)))

    short, long = cost_of(16), cost_of(64)
    assert all(3.5 * short[key] < long[key] < 17 * short[key] for key in ("flops", "activations"))


# ---------------------------------------------------------------- what an image costs


@pytest.mark.parametrize("name", ["lenet", "conv-4", "resnet-8", "vgg-11"])
def test_the_operations_of_an_image_are_those_that_torch_counts(name: str) -> None:
    module = registry.model.call(name, {"classes": 10, "input_shape": (3, 16, 16)}, {}).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    cost = network_cost(module, (3, 16, 16))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(1, 3, 16, 16))
    assert cost["flops"] == counter.get_total_flops()
    assert cost["parameters"] == sum(value.numel() for value in module.parameters())
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_the_activations_of_an_image_are_the_outputs_of_all_layers() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    cost = network_cost(module, (1, 6, 6))
    assert cost["activations"] == 4 * 36 + 4 * 36 + 4 * 36 + 5
    assert cost["largest_activation"] == 4 * 36
    assert cost["flops"] == 2 * 36 * 4 * 9 + 2 * 4 * 36 * 5
    assert module.training
