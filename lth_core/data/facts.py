"""What is known of a data set before it is read: from its registration and those of its transforms."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from lth_core import registry
from lth_core.config import Choice
from lth_core.data.kinds import kind_of_data

KNOWN = (
    "kind",
    "train_examples",
    "streamed",
    "classes",
    "input_shape",
    "vocabulary",
    "characters",
    "context",
    "features",
    "targets",
    "actions",
)


def known_facts(source: Choice, transforms: Sequence[Choice] = (), root: str | None = None) -> dict[str, Any]:
    """Tell what is known: `kind`, `train_examples`, what models are offered, and `streamed` (pixels stay in files).

    For a source with options, its registered function `known` tells it: given these and, if its signature names it,
    `root`, the folder of the data sets. Without a `root` (None) nothing is looked at that lies there.

    Raises ValueError (a DataError) for data that cannot be used, or a transform that cannot work on them.
    """
    registered = registry.dataset.facts(source.name)
    if known := registered.get("known"):
        where = {"root": root} if "root" in inspect.signature(known).parameters else {}
        registered = known(**where, **source.options)
    elif source.options:
        registered = {}
    facts = {key: registered[key] for key in KNOWN if key in registered}
    for transform in transforms:
        changes = registry.transform.facts(transform.name).get("changes")
        facts = changes(facts, **transform.options) if changes else {}
    return facts | {"kind": kind_of_data(registry.dataset.facts(source.name))}
