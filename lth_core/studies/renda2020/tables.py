"""The table of the study of Renda et al. 2020, read from histories."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import final_metrics, first_metrics, read_histories
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.renda2020.study import ITERATIVE, ONE_SHOT, PRUNED, RATE_REWINDING, REINIT, Design

COLUMNS = (
    *("task", "pruning", "technique", "budget", "cost", "level", "density"),
    *("seed", "draw", "metric", "validation_metric"),
)
"""`budget`: retraining steps t of one round; `cost`: those of all rounds together."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make `measurements`: one row per task, pruning, technique, budget, level and replicate.

    `metric` (test) and `validation_metric` are those of the last step. Techniques besides the four: `dense`, `reinit`
    (one-shot masks on a fresh initialization, trained for T steps) and `pruned` (one-shot, before any retraining).
    """
    histories = read_histories(config, study.runs(config))
    ends, starts = final_metrics(histories), first_metrics(histories)
    parts = []
    for task in study.tasks:
        of_task, full = ends[ends["task"] == task], study.full(config, task)
        dense = of_task[of_task["method"] == DENSE]
        parts.append(dense.assign(pruning=DENSE, technique=DENSE, budget=0, cost=0))
        reinit = of_task[(of_task["method"] == study.reset_method(config, task)) & (of_task["branch"] == REINIT)]
        parts.append(reinit.assign(pruning=ONE_SHOT, technique=REINIT, budget=full, cost=full))
        for retraining in study.retrainings(config, task):
            rows = of_task[(of_task["method"] == retraining.method) & (of_task["branch"] == "ticket")]
            rounds = rows["level"] if retraining.pruning == ITERATIVE else 1
            columns = {"pruning": retraining.pruning, "technique": retraining.technique, "budget": retraining.budget}
            parts.append(rows.assign(**columns, cost=retraining.budget * rounds))
            if columns == {"pruning": ONE_SHOT, "technique": RATE_REWINDING, "budget": full}:
                pruned = starts[(starts["task"] == task) & (starts["method"] == retraining.method)]
                parts.append(pruned.assign(pruning=ONE_SHOT, technique=PRUNED, budget=0, cost=0))
    return {"measurements": pd.concat(parts, ignore_index=True)[list(COLUMNS)]}
