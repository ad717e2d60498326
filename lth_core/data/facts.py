"""What is known of a data set before it is read: from its registration and those of its transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lth_core import registry
from lth_core.config import Choice

KNOWN = (
    *("classes", "input_shape", "streamed"),
    *("vocabulary", "context", "features", "targets", "actions"),
    "train_examples",
)
"""What may be known before reading."""


def known_facts(source: Choice, transforms: Sequence[Choice] = ()) -> dict[str, Any]:
    """Tell the `kind` of a data set, and what else is known of `KNOWN`.

    Of images that is `classes`, `input_shape` (C, H, W) and whether they are `streamed` (pixels stay in files), of a
    text `vocabulary` and `context`, of other kinds `features`, `targets` and `actions`; `train_examples` of all. For a
    source with options, its registered function `known` tells it.

    Raises ValueError (a transform's DataError) for a transform that cannot work on such data.
    """
    registered = registry.dataset.facts(source.name)
    kind = {"kind": registered.get("kind", "images")}
    if "known" in registered:
        registered = registered["known"](**source.options)
    elif source.options:
        registered = {}
    facts = kind | {key: registered[key] for key in KNOWN if key in registered}
    for transform in transforms:
        changes = registry.transform.facts(transform.name).get("changes")
        facts = kind | (changes(facts, **transform.options) if changes else {})
    return facts
