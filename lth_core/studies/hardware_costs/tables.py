"""The table of the hardware study, read from histories and from costs."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import final_metrics, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.hardware_costs.study import Design

TICKET = ["task", "cohort", "method", "level"]
COSTS = ["parameters", "flops", "bytes", "seconds_1", "seconds_256"]
COLUMNS = [*TICKET, "density", "seed", "form", "metric", *COSTS, *(f"relative_{cost}" for cost in COSTS), "reason"]
"""`metric` (test): at the end of training; `form`: how the network is evaluated, as the job `costs` lists them; `flops`
of one input; `seconds_1` and `seconds_256`: for batches of 1 and of 256 inputs; `relative_`: divided by those of the
dense form, which was timed in turns with the others; `reason`: why a form cannot be used, where costs are nan."""


def measurements(study: Design, config: Config) -> pd.DataFrame:
    """Make `measurements`: one row per task, method, level, seed and form of a ticket; method `dense`: no ticket."""
    ends = final_metrics(read_histories(config, study.runs(config)))[[*TICKET, "density", "seed", "metric"]]
    tickets = study.tickets(config)
    costs = pd.concat(
        [
            read_table(ticket.costs(config.results), keep_default_na=False, na_values=["nan"]).assign(
                task=ticket.task, cohort=ticket.cohort, method=ticket.method, level=ticket.level
            )
            for ticket in tickets
        ],
        ignore_index=True,
    )
    dense = costs.loc[costs["form"] == DENSE, [*TICKET, "seed", *COSTS]]
    costs = costs.merge(dense, on=[*TICKET, "seed"], how="left", suffixes=("", "_of_dense"))
    for cost in COSTS:
        costs[f"relative_{cost}"] = costs[cost] / costs[f"{cost}_of_dense"]
    measured = costs.merge(ends, on=[*TICKET, "seed"])
    alone = ends[ends["method"] == DENSE].assign(form=DENSE, reason="")
    return pd.concat([alone, measured], ignore_index=True)[COLUMNS]
