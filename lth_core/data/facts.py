"""What is known of a data set before it is read: from its registration and those of its transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lth_core import registry
from lth_core.config import Choice

KNOWN = ("classes", "input_shape", "train_examples", "streamed")


def known_facts(source: Choice, transforms: Sequence[Choice] = ()) -> dict[str, Any]:
    """Tell what is known of `classes`, `input_shape` (C, H, W), `train_examples` and `streamed` (pixels stay in files).

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
    return facts
