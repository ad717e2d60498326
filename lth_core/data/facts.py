"""What is known of a data set before it is read: from its registration and those of its transforms."""

from __future__ import annotations

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
    "context",
    "features",
    "targets",
    "actions",
)


def known_facts(source: Choice, transforms: Sequence[Choice] = ()) -> dict[str, Any]:
    """Tell what is known: `kind`, `train_examples`, what models are offered, and `streamed` (pixels stay in files).

    For a source with options, its registered function `known` tells it.

    Raises ValueError (a transform's DataError) for a transform that cannot work on such data.
    """
    registered = registry.dataset.facts(source.name)
    if "known" in registered:
        registered = registered["known"](**source.options)
    elif source.options:
        registered = {}
    facts = {key: registered[key] for key in KNOWN if key in registered}
    for transform in transforms:
        changes = registry.transform.facts(transform.name).get("changes")
        facts = changes(facts, **transform.options) if changes else {}
    return facts | {"kind": kind_of_data(registry.dataset.facts(source.name))}
