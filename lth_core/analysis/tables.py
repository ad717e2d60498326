"""Tables read back: CSV files that jobs have written, compared with their sums."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd

from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import read_bytes


def read_table(path: str | Path, **options: Any) -> pd.DataFrame:
    """Read a CSV file with pandas. Raises ArtifactError when it is missing, damaged or another run's."""
    content = read_bytes(path)
    try:
        return pd.read_csv(io.BytesIO(content), **options)
    except ValueError as error:
        raise ArtifactError.unusable(path, f"cannot be read ({error})") from None
