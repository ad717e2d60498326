"""Changes of masks in training: what the papers say of them, and what users may return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lth_core import registry
from lth_core.training.loop import train
from lth_core.training.moment import Change, SparsifierError
from tests.support.small_trainings import SEEDS, initial, linear, same_bits
from tests.support.sparsified_trainings import PATHS, SGD, begin, masks_of, on_path, trained, using, whole

# ---------------------------------------------------------------- what the papers say


def test_rigl_grows_where_the_gradient_of_an_ordinary_module_is_largest(make_task: Any) -> None:
    """The gradient of the masked network by its whole weights, from torch's own backward pass on the same batch."""
    for density in (0.6, 0.2):
        task, weights, mask, how = on_path(make_task, linear, density, "rigl", every=6)
        state, batches, seen = begin(task, weights, mask), list(task.minibatches(SEEDS, 0, 0, 20)), []
        trained(
            task,
            state,
            how,
            listeners=[lambda state, seen=seen: seen.append((whole(state, "weights"), whole(state, "mask")))],
        )
        (before, old), (_, new) = seen[6], seen[7]
        for index in range(len(SEEDS)):
            module = linear()
            module.load_state_dict({name: value[index] for name, value in before.items()})
            images, labels = batches[6].replicate(index).inputs, batches[6].replicate(index).targets
            nn.functional.cross_entropy(module(images), labels).backward()
            for name, parameter in module.named_parameters():
                if name not in old:
                    continue
                assert parameter.grad is not None
                active, gradient = old[name][index].flatten(), parameter.grad.abs().flatten()
                swapped = int(0.15 * (1 + np.cos(np.pi * 6 / 15)) * int(active.sum()))
                order = parameter.detach().abs().flatten().masked_fill(~active, np.inf).argsort()
                kept = active.clone()
                kept[order[:swapped]] = False
                grown = gradient.masked_fill(kept, -1).argsort(descending=True)[:swapped]
                assert swapped and set(kept.nonzero().flatten().tolist()) | set(grown.tolist()) == set(
                    new[name][index].flatten().nonzero().flatten().tolist()
                )


@pytest.mark.parametrize("fraction", [0.3, 0.5])
def test_set_explores_as_random_growth_does_in_expectation(make_task: Any, fraction: float) -> None:
    """R_s(t) = 1 - (1 - d)(1 - zeta d / (1 - d))^t where grown positions are drawn from those pruned before."""
    task, weights = make_task(linear(), SGD, steps=61), initial(linear)
    mask = masks_of(weights, linear, 0.1)
    wide = {"1.weight": mask["1.weight"]}
    state = begin(task, weights, wide)
    trained(task, state, using("set", wide, every=1, fraction=fraction))
    density, size = float(state.changes[0]["density"]), mask["1.weight"][0].size
    swapped = int(fraction * round(density * size)) / size
    expected = 1 - (1 - density) * (1 - swapped / (1 - density)) ** np.arange(61)
    assert len(state.changes) == 61 * len(SEEDS)
    rows = [
        [float(row["explored"]) for row in state.changes if row["replicate"] == index] for index in range(len(SEEDS))
    ]
    np.testing.assert_allclose(np.mean(rows, axis=0), expected, atol=0.03)
    assert all(np.all(np.diff(row) >= 0) for row in rows)


def test_unfired_growth_explores_most_and_gradients_less_than_chance(make_task: Any) -> None:
    explored = {}
    for label, name, options in (
        ("random", "set", {}),
        ("unfired", "set", {"grow": "unfired"}),
        ("rigl", "rigl", {"until": 1.0}),
    ):
        task, weights, mask, how = on_path(make_task, linear, 0.1, name, every=2, **options)
        state = begin(task, weights, mask)
        trained(task, state, how)
        explored[label] = state.changes[-1]["explored"]
    assert explored["rigl"] < explored["random"] < explored["unfired"]


# ---------------------------------------------------------------- what users may return


def refused(make_task: Any, function: Callable[..., Any], starts_dense: bool = False) -> str:
    """What is said of a sparsifier that is called before every step."""
    registry.sparsifier("odd", dense=starts_dense)(function)
    try:
        task, weights = make_task(linear()), initial(linear)
        mask = masks_of(weights, linear, 1.0 if starts_dense else 0.5)
        with pytest.raises(SparsifierError) as raised:
            how = using("odd", mask, density=0.5 if starts_dense else None)
            trained(task, state := begin(task, weights, mask), how)
            how.check_end(state)
        return str(raised.value)
    finally:
        del registry.sparsifier._functions["odd"], registry.sparsifier._facts["odd"]


def altered(moment: Any, change: Callable[[Tensor], Any]) -> Change:
    return Change(moment.mask | {"1.weight": change(moment.mask["1.weight"])})


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda moment: moment.mask, "sparsifier 'odd' returned a dict of 2: return a Change, or None (step 0)"),
        (lambda moment: altered(moment, Tensor.float), "returned torch.float32 of shape (12, 36) for 1.weight"),
        (lambda moment: altered(moment, lambda mask: mask[:5]), "returned torch.bool of shape (5, 36) for 1.weight"),
        (lambda moment: altered(moment, lambda mask: None), "returned nothing for 1.weight"),
        (lambda moment: Change({"1.weight": moment.mask["1.weight"]}), "returned no mask of 3.weight"),
        (lambda moment: Change(moment.mask | {"3.bias": moment.mask["3.weight"]}), "returned a mask of 3.bias"),
        (lambda moment: altered(moment, torch.zeros_like), "keeps 18 weights, not 234: grow as many as are dropped"),
        (lambda moment: altered(moment, torch.ones_like), "keeps 450 weights, not 234: grow as many as are dropped"),
        (lambda moment: Change(moment.mask, moment.rng.random() < 0.5), "replaces the step of some seeds only"),
    ],
)  # fmt: skip
def test_what_is_no_next_mask_is_refused_in_one_line(make_task: Any, function: Any, message: str) -> None:
    said = refused(make_task, function)
    assert message in said and "\n" not in said


def test_what_starts_dense_only_prunes_and_ends_at_its_density(make_task: Any) -> None:
    def grows(moment: Any) -> Change:
        half = moment.mask["1.weight"].clone()
        half[: 2 + 2 * moment.step] = False
        return altered(moment, lambda mask: half if moment.step != 3 else torch.ones_like(mask))

    assert "keeps 468 weights after 252: what starts dense only prunes (step 3)" in refused(make_task, grows, True)
    assert "keeps 468 weights at the end, not 234" in refused(make_task, lambda moment: None, True)


def test_changing_what_a_moment_shows_changes_nothing_by_itself(make_task: Any) -> None:
    def careless(moment: Any) -> None:
        for kind in (moment.mask, moment.weights, moment.explored, moment.gradient()):
            for value in kind.values():
                value.zero_()

    registry.sparsifier("odd")(careless)
    try:
        for network, density in PATHS:
            task, weights = make_task(network()), initial(network)
            mask = masks_of(weights, network, density)
            static = train(task, begin(task, weights, mask), SEEDS, 20)
            assert same_bits(trained(task, begin(task, weights, mask), using("odd", mask)).weights, static.weights)
    finally:
        del registry.sparsifier._functions["odd"], registry.sparsifier._facts["odd"]
