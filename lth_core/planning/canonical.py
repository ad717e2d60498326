"""The canonical text of a spec: equal specs are equal texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def canonical(spec: Mapping[str, Any]) -> str:
    """Write equal specs as one text, whatever the order of their keys."""
    return json.dumps(spec, sort_keys=True)
