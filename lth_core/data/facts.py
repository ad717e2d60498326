"""What is known of a data set before it is read: from its registration and those of its transforms."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from lth_core import registry
from lth_core.config import Choice
from lth_core.data.kinds import kind_of_data, offered_to_models
from lth_core.metrics import counted

KNOWN = (
    "kind",
    "train_examples",
    "streamed",
    "classes",
    "input_shape",
    "vocabulary",
    "characters",
    "context",
    "padding",
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


def too_few_examples(facts: Mapping[str, Any], criterion: Choice) -> str | None:
    """Say that data have fewer training examples than a criterion draws of all classes, as far as is known; or None."""
    options = registry.criterion.options(criterion.name)
    if "examples_per_class" not in options:
        return None
    classes, examples = offered_to_models(facts).get("classes"), facts.get("train_examples")
    wanted = criterion.options.get("examples_per_class", options["examples_per_class"].default)
    if not classes or examples is None or not isinstance(wanted, int) or wanted * classes <= examples:
        return None
    return f"{wanted} of each of {classes} classes are more than the {counted(examples, 'training examples')}"
