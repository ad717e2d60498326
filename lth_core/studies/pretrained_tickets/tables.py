"""The table of the study of Chen et al. 2020, read from histories."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import REPLICATE, final_metrics, read_histories
from lth_core.config import Config
from lth_core.studies.chains import ticket_of
from lth_core.studies.pretrained_tickets.study import Design

COLUMNS = (*REPLICATE, "mask_of", "metric", "validation_metric")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the table.

    `measurements`: one row per run and replicate: the task's metric at the end of training (`metric` on test data,
    `validation_metric`), nan where it diverged; `mask_of`: the task that found the mask of a ticket, which `task` is
    trained on. Controls have the mask of their task, or as many weights in each layer.
    """
    ends = final_metrics(read_histories(config, study.runs(config)))
    sources = {ticket_of(member)[0]: member for member in study.members(config)}
    mask_of = ends["branch"].map(sources).fillna(ends["task"])
    branch = ends["branch"].where(~ends["branch"].isin(sources), "ticket")
    return {"measurements": ends.assign(mask_of=mask_of, branch=branch)[list(COLUMNS)]}
