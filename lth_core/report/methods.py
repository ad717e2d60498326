"""How the page describes methods: how masks were found, and what their tickets start from."""

from __future__ import annotations

from lth_core.config import Choice, Method
from lth_core.metrics import counted
from lth_core.pruning.moments import rounds_per_level, scored_step, starts_dense

SHARES = {
    "rates": "one ranking per layer",
    "uniform": "one ranking per layer, each of which keeps the same share",
    "uniform-plus": "one ranking per layer, each of which keeps the same share, but a first convolution everything and "
    "the output layer at least 20% (Gale et al. 2019)",
    "erdos-renyi": "one ranking per layer, each of which keeps its Erdos-Renyi share (Mocanu et al. 2018)",
    "erdos-renyi-kernel": "one ranking per layer, each of which keeps its Erdos-Renyi-kernel share (Evci et al. 2020)",
    "lamp": "one global ranking of scores relative to their layer's (LAMP, Lee et al. 2021)",
}
"""What is ranked, by allocation."""


def choice_words(choice: Choice) -> str:
    """Name a registered function with its options."""
    options = ", ".join(f"{key} {value}" for key, value in choice.options.items())
    return f"{choice.name} ({options})" if options else choice.name


def method_words(method: Method) -> str:
    """Describe a method in one sentence."""
    k = method.rewind.step
    starts = {
        "reset": "reset",
        "rewind": f"rewind to step {k}",
        "rewind-low-rate": f"rewind to step {k}, at the last learning rate",
        "lr-rewind": f"training continues, learning rate from step {k}",
        "fine-tune": f"training continues from step {k} at the last learning rate",
    }
    treated = f"; each ticket treated: {choice_words(method.treatment)}" if method.treatment else ""
    excluded = _exclusions(method) if method.exclude else ""
    return f"{_masks(method)}, {_ranking_and_rates(method)}; {starts[method.rewind.policy]}{treated}{excluded}"


def _masks(method: Method) -> str:
    """Say when masks are made, and by what."""
    if method.search:
        below = "signed constants" if method.search.weights == "constant" else "the initial weights"
        then = "then trained" if method.search.retrain else "never trained"
        return f"masks learned over {below}, {then}: {choice_words(method.search.parametrization)}"
    if method.during is None:
        return f"{'iterative' if method.iterative else 'one-shot'}, {_scores(method)}"
    begins = "the dense network" if starts_dense(method) else f"masks by {_scores(method)}"
    return f"while training from {begins}: {choice_words(method.during)}"


def _scores(method: Method) -> str:
    """Say what scores weights, which, and in how many rounds."""
    step, rounds = scored_step(method), rounds_per_level(method)
    scored = "" if step is None else " of theta_0" if step == 0 else f" of the dense network at step {step}"
    in_rounds = f" in {rounds} rounds ({method.spacing})" if rounds > 1 else ""
    lowest = ", the lowest kept" if method.keep == "lowest" else ""
    return f"{choice_words(method.criterion)}{scored}{in_rounds}{lowest}"


def _exclusions(method: Method) -> str:
    """Say what is left of the layers that a method excludes."""
    named = ", ".join(method.exclude)
    if method.granularity in ("filter", "channel"):
        return f"; excluded: {named} (filters there stay; only their inputs from removed filters go)"
    return f"; never pruned: {named}"


def _ranking_and_rates(method: Method) -> str:
    """Describe what is ranked, and how much of it a round prunes."""
    levels = counted(method.levels, "levels")
    if method.granularity == "filter":
        fractions = ", ".join(f"{fraction:.0%} in {pattern}" for pattern, fraction in method.fractions.items())
        return (
            f"whole filters (neurons) ranked per layer; {levels}, each pruning a fraction of the remaining filters: "
            f"{fractions}; other layers keep their own"
        )
    if method.granularity == "channel":
        return _channels(method, levels)
    if method.n_of_m:
        kept = ", ".join(map(str, method.n_of_m.n))
        return f"every {method.n_of_m.m} consecutive inputs of an output ranked; {levels} keeping {kept} of them"
    if method.block:
        blocks = f"blocks of {method.block.height} x {method.block.width} weights by their mean score"
        left = _left_by_levels(method).replace("weights", "blocks")
        return f"{blocks}: {_ranking(method)}; {levels} {left}"
    return f"{_ranking(method)}; {levels} {_left_by_levels(method)}"


def _channels(method: Method, levels: str) -> str:
    """Describe what is ranked of channels, and how many a round prunes."""
    ranked = "all together" if method.scope == "global" else "per group"
    scored = f", by the {method.channel_score} over the layers that compute them"
    left = _left_by_levels(method).replace("weights", "channels")
    if method.fractions:
        fractions = ", ".join(f"{fraction:.0%} in {pattern}" for pattern, fraction in method.fractions.items())
        left = f"each pruning a fraction of the remaining channels: {fractions}"
    return f"whole channels ranked {ranked}{scored}; {levels} {left}"


def _ranking(method: Method) -> str:
    """Say which weights are ranked together, and how layers share what is left."""
    return "one global ranking" if method.scope == "global" else SHARES[method.allocation]


def _left_by_levels(method: Method) -> str:
    """Say what the levels prune, or keep."""
    if method.densities:
        return f"keeping {', '.join(f'{100 * density:.3g}%' for density in method.densities)} of the weights"
    rates = "".join(f", {kind} {rate:.0%}" for kind, rate in method.rate_by_kind.items())
    return f"at {method.rate:.0%} of the surviving weights per round{rates}"
