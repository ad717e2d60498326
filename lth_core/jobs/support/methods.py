"""Whether methods fit the network that they prune, score its weights and search it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from lth_core import registry
from lth_core.config import Method
from lth_core.data.reading import open_data
from lth_core.jobs.support.complaints import CheckError, Mistakes, attempt
from lth_core.jobs.support.network import Network
from lth_core.jobs.support.prunable import check_methods, check_prunable
from lth_core.jobs.support.stacking import stack
from lth_core.metrics import counted
from lth_core.pruning.exclusions import prunable
from lth_core.pruning.moments import is_probed, starts_dense
from lth_core.pruning.patterns import block_masks
from lth_core.pruning.prune import full_mask, ranked_together
from lth_core.pruning.rounds import left_by_level, next_mask
from lth_core.randomness import kept_torch_generators, random_generator
from lth_core.scoring.probe import NetworkProbe
from lth_core.storage.tensors import Tensors
from lth_core.tasks.opening import build_task
from lth_core.training.parametrization import try_out

FEW = 8
"""Examples that are looked at with a network."""

Counts = Mapping[tuple[str, ...], int]
"""How many weights, or blocks, are left of layers that are ranked together."""


def check_all_methods(
    network: Network, methods: Mapping[str, Method], configured: Collection[str], mistakes: Mistakes
) -> dict[str, Tensors]:
    """Check the methods that prune a network, and return a mask of each that can.

    Those that a study derives repeat what is wrong with the `configured` ones: they are looked at where these can work.
    """
    masks = {}
    with mistakes.collected():
        check_prunable(network.task, network.layers, methods)
        before = len(mistakes.lines)
        for name in sorted(methods, key=lambda name: name not in configured):
            if name not in configured and len(mistakes.lines) > before:
                break
            with mistakes.collected():
                masks[name] = check_method(network, name, methods[name], name in configured)
    return masks


def check_method(network: Network, name: str, method: Method, configured: bool) -> Tensors:
    """Check that a method fits the network's weights, and return a mask."""
    plain, stacked = {name: method.model_dump()}, stack([network.initial])
    check_methods(network.layers, stacked, plain, network.consumers, network.without_filters, network.channels)
    check_growth(network.task, network.module, network.layers, name, method)
    check_levels(network.task, network.initial, network.layers, name, method)
    mask = check_criterion(network, name, method)
    check_search(network, name, method, configured)
    return mask


def check_growth(task: str, module: nn.Module, layers: Mapping[str, str], name: str, method: Method) -> None:
    """Check that weights which a method's sparsifier may grow are trained: they grow from 0."""
    if method.during is None or starts_dense(method):
        return
    for layer, kind in prunable(layers, method.exclude).items():
        if not module.get_parameter(layer).requires_grad:
            untrained = f"'{layer}' of '{task}', which is not trained, would stay 0: exclude: [{kind}]"
            raise CheckError(f"methods.{name}.during: '{method.during.name}' grows weights from 0, and {untrained}")


def check_levels(task: str, initial: Tensors, layers: Mapping[str, str], name: str, method: Method) -> None:
    """Check that every level of a method with rates prunes something, and leaves something of every layer.

    A rate is rounded to whole weights, or blocks: after many levels there are none to prune, or none left.
    """
    if method.densities or not method.has_rounds:  # densities, filters and channels have checks of their own
        return
    pruned, unit = prunable(layers, method.exclude), "block" if method.block else "weight"
    mask = full_mask(initial, pruned)
    mask = block_masks(mask, method.block) if method.block else mask
    before = sum(kept.size for kept in mask.values())
    for level, left in enumerate(_left_by_level(method, pruned, mask), start=1):
        empty, total = [names for names, count in left.items() if count < len(names)], sum(left.values())
        if empty:
            of_layers = f"'{empty[0][0]}'" if len(empty[0]) == 1 else f"each of the {len(empty[0])} layers"
            problem = f"level {level} does not keep one {unit} of {of_layers} of task '{task}'"
        elif total == before:
            problem = f"level {level} prunes no {unit} of task '{task}'{' any more' if level > 1 else ''}"
        else:
            before = total
            continue
        if level > 1:
            raise CheckError(f"methods.{name}.levels: {problem}: set levels: {level - 1}")
        raise CheckError(f"methods.{name}.rate: {problem}: set a {'lower' if empty else 'higher'} one")


def _left_by_level(method: Method, layers: Mapping[str, str], mask: Tensors) -> Iterator[Counts]:
    """Count what each level leaves of a mask."""
    for level in range(1, method.levels + 1):
        left = ranked_together(left_by_level(method, layers, level, mask), layers)
        yield left
        mask = _any_mask(mask, left) if method.iterative else mask


def _any_mask(mask: Tensors, left: Counts) -> Tensors:
    """Return some mask with these counts: which weights it keeps does not matter to the counts of later levels."""
    smaller = {}
    for names, count in left.items():
        for name in names:
            kept = min(count, int(mask[name].sum()))
            smaller[name] = (np.arange(mask[name].size, dtype=np.int32) < kept).reshape(mask[name].shape)
            count -= kept
    return {name: smaller[name] for name in mask}


def check_criterion(network: Network, name: str, method: Method) -> Tensors:
    """Check that a method's criterion scores the network's weights, and return its first mask.

    One round of scores is looked at. Those that are computed with the network need data: without, none is looked at.
    """
    pruned, once = prunable(network.layers, method.exclude), method.model_copy(update={"iterations": 1})
    weights = {"initial": network.initial, "trained_from": network.initial, "trained": network.other}
    about: dict[str, Any] = {"mask": full_mask(network.initial, pruned), "consumers": network.consumers or {}}
    about["channels"] = network.channels
    problem = f"methods.{name}.criterion: '{method.criterion.name}' cannot score the weights of '{network.task}'"

    def work() -> Tensors:
        if is_probed(method):
            about.update({"probe": probe_of(network, network.data)} if network.data else {"ended": True})
        return next_mask(once, pruned, 1, 0, **weights, **about)

    return attempt(problem, work)


def check_search(network: Network, name: str, method: Method, configured: bool) -> None:
    """Check that what a method trains in place of the network's weights gives weights and masks of it.

    Options without effect are mistakes in a method that is `configured`; in one that a study derives they may have lost
    their use.
    """
    if method.search is None:
        return
    examples, batch = open_data(network.data).size("train") if network.data else None, method.search.train.batch_size
    if examples and batch and batch > examples:
        problem = f"{batch} must be at most the {counted(examples, 'training examples')} of task '{network.task}'"
        raise CheckError(f"methods.{name}.search.train.batch_size: {problem}")
    pruned, chosen = prunable(network.layers, method.exclude), method.search.parametrization
    left = left_by_level(method, pruned, 1, full_mask(network.initial, pruned))
    with kept_torch_generators():
        parameters = dict(network.factory().named_parameters())  # without buffers, as those of batch norm
    weights = {key: torch.from_numpy(np.array(network.initial[key])) for key in parameters}

    def work() -> dict[str, str]:
        offered = {"layers": tuple(pruned), "left": left, "kinds": pruned}
        made = registry.parametrization.call(chosen.name, offered, chosen.options)
        try_out(chosen.name, made, weights, random_generator(0, "search", "start"))
        return made.without_effect()

    key = f"methods.{name}.search.parametrization"
    for option, reason in attempt(f"{key}: '{chosen.name}' cannot search '{network.task}'", work).items():
        if configured and option in chosen.options:
            raise CheckError(f"{key}.{option}: {reason} in the network of '{network.task}': remove it")


def probe_of(network: Network, data: str) -> NetworkProbe:
    """Return the network for criteria that compute with it, on few examples."""
    with kept_torch_generators():
        module = network.factory()
    settings = network.settings
    task = build_task(module, open_data(data), settings.train, torch.device("cpu"), settings.objective)
    return NetworkProbe(task, 0, network.initial, at_most=FEW)
