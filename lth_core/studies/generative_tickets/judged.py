"""What judges say of the images of every network."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.studies.generative_tickets.players import Players
from lth_core.studies.generative_tickets.tables import JUDGED_COLUMNS, named
from lth_core.studies.judges import ACCURACY, FLOOR, FRECHET, are_fit

JUDGED = (FRECHET.name, FLOOR, "coverage", "entropy")


def judged(study: Players, config: Config) -> pd.DataFrame:
    """Make the table `judged`: one row per replicate whose images were judged, with JUDGED_COLUMNS.

    Where the accuracy is below `judge.least`, what it says is left out (nan).
    """
    columns = list(JUDGED_COLUMNS)
    runs = study.judged(config)
    parts = [read_table(run.judged(config.results)).assign(**named(config, run))[columns] for run in runs]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    table[[*JUDGED]] = table[[*JUDGED]].where(are_fit(table[ACCURACY], config), float("nan"), axis=0)
    return table
