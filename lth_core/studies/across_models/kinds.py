"""Kinds of models: what a task trains, by its objective or by the kinds of its weights."""

from __future__ import annotations

from collections.abc import Iterable

BY_OBJECTIVE = {
    "actor-critic": "policy",
    "vae": "autoencoder",
    "diffusion": "diffusion model",
    "gan": "GAN",
}
BY_WEIGHTS = {
    "edge": "graph network",
    "attention": "Transformer",
    "recurrent": "recurrent network",
    "conv": "convolutional network",
}
GRAPH, MLP = "graph", "fully connected network"

KINDS = (MLP, *reversed(BY_WEIGHTS.values()), *BY_OBJECTIVE.values())
"""All kinds, in the order of the figure."""


def kind_of_model(objective: str, weights: Iterable[str], data: str) -> str:
    """Return the kind of a task's model: that of its objective, or of the first kind of weight in `BY_WEIGHTS`.

    Args:
        objective: its name.
        weights: the kinds of the prunable weights.
        data: the kind of the data. Networks on graphs need not have edges that are pruned.
    """
    if objective in BY_OBJECTIVE:
        return BY_OBJECTIVE[objective]
    known = {*weights, *(["edge"] if data == GRAPH else [])}
    return next((kind for weight, kind in BY_WEIGHTS.items() if weight in known), MLP)
