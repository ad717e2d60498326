"""Kinds of data: what the header of a data file says of each, and what models are offered of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lth_core.metrics import counted

IMAGES = "images"

OFFERED: dict[str, tuple[str, ...]] = {
    IMAGES: ("classes", "input_shape"),
    "text": ("vocabulary", "context"),
    "labelled-texts": ("vocabulary", "context", "classes", "padding_token"),
    "points": ("features", "outputs"),
    "environment": ("features", "actions", "outputs"),
    "graph": ("graph", "classes"),
}
"""Kind -> what model factories may ask for."""

WHOLE_NUMBERS = ("text", "labelled-texts", "graph")
"""Kinds whose networks are called with whole numbers: tokens, or nodes of a graph."""


def kind_of_data(facts: Mapping[str, Any]) -> str:
    """Return the kind of data, given their facts."""
    return facts.get("kind", IMAGES)


def offered_to_models(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what model factories are offered, as far as it is known.

    `outputs` is the number of outputs that objectives of this kind read: targets or classes of points; of an
    environment a score for every action, and the value. `graph` is there once a data file has been opened
    (lth_core/data/stored.py).
    """
    kind, known = kind_of_data(facts), dict(facts)
    if kind == IMAGES and "input_shape" in known:
        known["input_shape"] = tuple(known["input_shape"])
    if kind == "labelled-texts" and "padding" in known:
        known["padding_token"] = known["padding"]
    if kind == "points" and "targets" in known:
        known["outputs"] = known.get("classes") or known["targets"]
    if kind == "environment" and "actions" in known:
        known["outputs"] = known["actions"] + 1
    return {name: known[name] for name in OFFERED[kind] if name in known}


def outputs_of(facts: Mapping[str, Any]) -> int:
    """Count the numbers that a network makes of an example, or of each token: classes, characters, targets, scores."""
    offered = offered_to_models(facts)
    return next(offered[name] for name in ("outputs", "classes", "vocabulary") if name in offered)


def are_known(facts: Mapping[str, Any]) -> bool:
    """Tell whether all that models may ask for is known."""
    return {*OFFERED[kind_of_data(facts)]} <= offered_to_models(facts).keys()


def counted_by_batches(facts: Mapping[str, Any]) -> str:
    """Say what a recipe's batch size counts: examples, windows of a text, episodes, or nodes of a graph."""
    kind = kind_of_data(facts)
    if kind == "text":
        return f"windows of {counted(facts['context'], 'characters')}"
    return {"environment": "episodes", "graph": "nodes"}.get(kind, "examples")


def example_shape(facts: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of one example's inputs; of texts, the number of tokens. A node of a graph is one number."""
    kind = kind_of_data(facts)
    if kind == IMAGES:
        return tuple(facts["input_shape"])
    if kind == "graph":
        return ()
    return (facts["context"],) if kind in ("text", "labelled-texts") else (facts["features"],)


def other_characters(facts: Mapping[str, Any], others: Mapping[str, Any]) -> str | None:
    """Say how the characters of two texts differ, or None: where they do, a token of one means another in the other.

    None also where that is not known, and of other data.
    """
    known = "characters" if {"characters"} <= facts.keys() & others.keys() else "vocabulary"
    here, there = facts.get(known), others.get(known)
    if here is None or there is None or here == there:
        return None
    counts = f"{facts['vocabulary']} and {others['vocabulary']}"
    differ = f"have texts of different characters ({counts}), so that their tokens differ"
    return f"{differ}: weights pass between texts of the same characters only"
