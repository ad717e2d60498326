"""The comparison with known results, made once for all tests."""

from __future__ import annotations

import pandas as pd
import pytest

from lth_core.config import Config
from lth_core.studies.comparison import Comparison
from tests.support.comparison_results import known


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Config, dict[str, pd.DataFrame]]:
    """The study, its config and its tables: every built-in method, none left out."""
    return known(tmp_path_factory.mktemp("results"))
