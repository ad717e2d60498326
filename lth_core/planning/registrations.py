"""Checks of what objectives and data sets say of themselves where they are registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lth_core import registry
from lth_core.data.kinds import IMAGES, OFFERED, kind_of_data
from lth_core.metrics import Metric
from lth_core.registry import kind_of, suggestion
from lth_core.tasks.metrics import COLUMNS

KINDS = ", ".join(OFFERED)


def misregistered_objective(name: str) -> str | None:
    """Say what is wrong with how an objective is registered, or None."""
    facts, known = registry.objective.facts(name), registry.objective
    missing = [argument for argument in ("outputs", "batch") if not known.uses(name, argument)]
    if missing:
        return f"'{name}' does not take {' and '.join(missing)}: it must be a function of outputs and batch"
    if problem := _data(facts.get("data")) or _metrics(facts.get("metrics")) or _generates(facts):
        return f"'{name}' is registered {problem}"
    return None


def _data(kind: Any) -> str | None:
    if kind is None:
        return f"without the kind of data that it takes: add data=..., one of {KINDS}"
    for one in kind if isinstance(kind, tuple) else (kind,):
        if one not in OFFERED:
            return f"for data of kind {one!r}{suggestion(str(one), OFFERED)} (known: {KINDS})"
    return None if kind else f"for no kind of data: add data=..., one of {KINDS}"


def _generates(facts: Mapping[str, Any]) -> str | None:
    """Images alone can be drawn."""
    others = facts.get("generates") and facts["data"] not in (IMAGES, (IMAGES,))
    return f"with `generates` for data of other kinds: only objectives of {IMAGES} draw them" if others else None


def _metrics(metrics: Any) -> str | None:
    if metrics is None:
        return "without metrics: add metrics=(...,) with a Metric (lth_core/metrics.py) for what it measures"
    if not isinstance(metrics, tuple) or not all(isinstance(metric, Metric) for metric in metrics):
        return f"with {_described(metrics)} as metrics: a tuple of Metric (lth_core/metrics.py) is needed"
    if not metrics:
        return "without any metric: studies compare networks by its first one"
    names = [metric.name for metric in metrics]
    for metric in names:
        if metric in COLUMNS:
            return f"with a metric named '{metric}', as another column of histories is: name it otherwise"
        if names.count(metric) > 1:
            return f"with two metrics named '{metric}': name one of them otherwise"
    return None


def _described(metrics: Any) -> str:
    odd = [part for part in metrics if not isinstance(part, Metric)] if isinstance(metrics, Sequence) else []
    return f"{odd[0]!r:.40}" if odd and not isinstance(metrics, str) else kind_of(metrics)


def misregistered_dataset(name: str) -> str | None:
    """Say what is wrong with how a data set is registered, or None."""
    kind = kind_of_data(registry.dataset.facts(name))
    if kind in OFFERED:
        return None
    return f"'{name}' is registered with the kind {kind!r}{suggestion(str(kind), OFFERED)} (known: {KINDS})"


def kind_advice(name: str, wanted: Sequence[str]) -> str:
    """Advise on a data set of a plugin that is registered without a kind, where an objective wants another one."""
    says, module = registry.dataset.facts(name), registry.dataset.get(name).__module__
    if IMAGES in wanted or "kind" in says or f"{module}.".startswith("lth_core."):
        return ""
    return f': add kind="{wanted[0]}" where it is registered, if that is what it returns'
