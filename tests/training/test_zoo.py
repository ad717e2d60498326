"""Networks as users write them are trained as they are written: as by a plain loop of PyTorch, dense and pruned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lth_core.config import Method
from lth_core.jobs.support.stacking import stack, unstack
from lth_core.models.layers import prunable_layers
from lth_core.models.tensors import load_tensors
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.randomness import seed_generators
from lth_core.storage.tensors import Tensors
from lth_core.tickets.rewinding import apply_mask
from lth_core.training.loop import noise_seeds
from tests.support.small_trainings import initial, run
from tests.support.zoo import ZOO

SEEDS = [0, 1]
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}
STEPS = 10


def plain_loop(task: Any, module: nn.Module, start: Tensors, mask: Tensors, replicate: int) -> Tensors:
    """Train one module as a tutorial does, on the batches and with the noise of a replicate."""
    load_tensors(module, start)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    with torch.random.fork_rng():
        for step, batch in enumerate(task.minibatches(SEEDS, 0, 0, STEPS)):
            seed = noise_seeds(SEEDS, 0, step)[replicate]
            torch.manual_seed(seed)
            seed_generators(seed)
            module.train()
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(batch.inputs[replicate].clone()), batch.targets[replicate]).backward()
            optimizer.step()
            with torch.no_grad():
                for name, kept in mask.items():
                    module.get_parameter(name).mul_(torch.from_numpy(kept))
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensors[name].detach().numpy() for name in start}


def test_loss(task: Any, module: nn.Module) -> float:
    with torch.no_grad():
        losses = [
            task.losses(module.eval()(batch.inputs.contiguous()), batch) for batch in task.evaluation_batches("test")
        ]
    return float(torch.cat(losses).mean())


test_loss.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


@pytest.mark.parametrize("factory", ZOO.values(), ids=ZOO.keys())
def test_ten_steps_dense_and_at_two_levels_are_those_of_a_plain_loop(
    make_task: Callable[..., Any], factory: Callable[[], nn.Module]
) -> None:
    task, theta_0 = make_task(factory(), SGD, steps=STEPS), initial(factory, SEEDS)
    layers = prunable_layers(factory(), (1, 6, 6))
    method = Method.model_validate({"rate": 0.4, "levels": 2})
    mask: Tensors = {}
    for level in range(3):
        trained = run(task, theta_0, mask, SEEDS)
        for replicate in range(len(SEEDS)):
            start = {name: value[replicate] for name, value in theta_0.items()}
            kept = {name: value[replicate] for name, value in mask.items()}
            module = factory()
            expected = plain_loop(task, module, apply_mask(start, kept), kept, replicate)
            assert expected.keys() == trained.weights.keys()
            for name, value in expected.items():
                np.testing.assert_allclose(trained.weights[name][replicate], value, rtol=1e-5, atol=1e-5, err_msg=name)
            loaded = factory()
            load_tensors(loaded, {name: value[replicate] for name, value in trained.weights.items()})
            logged = [r["loss"] for r in trained.history if r["replicate"] == replicate and r["split"] == "test"][-1]
            assert test_loss(task, loaded) == pytest.approx(logged, rel=1e-5)
        before = unstack(mask) if mask else [full_mask(weights, layers) for weights in unstack(theta_0)]
        masks = []
        for seed, one, first, last in zip(SEEDS, before, unstack(theta_0), unstack(trained.weights), strict=True):
            about = (method, layers, level + 1, seed, one)
            masks.append(next_mask(*about, initial=first, trained_from=first, trained=last, consumers={}))
        mask = stack(masks)
