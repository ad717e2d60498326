"""What the figures of Zhou et al. 2019 (arXiv 1905.01067) show, as far as their config has it drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from lth_core.studies.captions import listing
from lth_core.studies.deconstructing.study import KEPT_ACTIONS, RANDOM, REWIND, ZERO

SCORES = {
    "final": "|w_f| (final)",
    "init": "|w_i| (init)",
    "init-large-final": "both (init and final)",
    "init-small-final": "both (init and final)",
    "magnitude-increase": "|w_f| - |w_i| (magnitude increase)",
    "movement": "|w_f - w_i| (movement)",
}
"""Criterion, without which of its values and signs are kept -> what it goes by."""
PRUNED = {
    ZERO: "set to 0",
    "freeze-init": "frozen at their starting values",
    "freeze-init-zero-mask": "0 where their magnitude fell in training, else frozen",
    "freeze-init-zero-all": "0 where their magnitude fell in training, else frozen, and kept ones start from 0 where "
    "theirs fell",
    "freeze-init-zero-reverse": "0 where their magnitude rose in training, else frozen (a control)",
    "freeze-init-zero-reshuffle": "0 at as many random places, else frozen (a control)",
}
KEPT = {
    REWIND: "their own starting values",
    "redraw": "values redrawn from the layer's whole starting tensor",
    "reshuffle": "their values reshuffled",
    "constant": "plus or minus the layer's standard deviation",
}


def criteria(names: Collection[str]) -> str:
    """Say by what the criteria of a figure find their masks."""
    stems = [_stem(name) for name in names]
    scores = [*dict.fromkeys(SCORES[stem] for stem in stems if stem in SCORES)]
    known = f" w_i: weights at the start of a level's training; w_f: those at its end. Masks go by {listing(scores)}."
    kept = {"large": "the largest", "small": "the smallest"}
    used = [f"{size}: {which} are kept" for size, which in kept.items() if any(n.startswith(f"{size}-") for n in names)]
    sizes = f" {'; '.join(used).capitalize()}." if used else ""
    random = " Random: masks of random scores." if RANDOM in names else ""
    return (
        "Test accuracy at early stopping of chains that find their masks by different criteria (section 2), against "
        f"density.{known if scores else ''}{sizes}{by_sign(names)}{random}"
    )


def by_sign(names: Iterable[str]) -> str:
    """Say what criteria go by besides magnitudes, as a sentence; empty where none of them goes by signs."""
    said = {
        "-same-sign": "same sign: kept only where the sign after training is the initial one",
        "-diff-sign": "other sign: kept only where it is not the initial one",
    }
    used = [text for suffix, text in said.items() if any(name.endswith(suffix) for name in names)]
    return f" {'; '.join(used).capitalize()}." if used else ""


def kept_weights(actions: Collection[str]) -> str:
    """Say what kept weights start from."""
    unsigned = [name for name in actions if name in KEPT_ACTIONS and not name.endswith("-signed")]
    signs = (
        "Solid: every weight keeps its sign. Dashed: signs change, too." if unsigned else "Weights keep their signs."
    )
    values = _said(KEPT, [name.removesuffix("-signed") for name in actions])
    return (
        "Test accuracy at early stopping by what kept weights start from (mask-1 actions, section 3), against density: "
        f"{values}. {signs} The action is applied at every level."
    )


def pruned_weights(actions: Collection[str]) -> str:
    """Say what becomes of pruned weights."""
    return (
        "Test accuracy at early stopping by what becomes of pruned weights (mask-0 actions, section 4), against "
        f"density: {_said(PRUNED, actions)}."
    )


def _said(meanings: Mapping[str, str], names: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(meanings[name] for name in names))


def _stem(name: str) -> str:
    unsigned = name.removesuffix("-same-sign").removesuffix("-diff-sign")
    return unsigned.removeprefix("large-").removeprefix("small-")
