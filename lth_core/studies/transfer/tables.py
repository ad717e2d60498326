"""The tables of the transfer study, read from histories and from overlaps of masks."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import final_metrics, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.runs import DENSE
from lth_core.studies.chains import ticket_of
from lth_core.studies.transfer.study import CONTROLS, TICKET, Design

MEASUREMENT_COLUMNS = (
    *("group", "target", "network", "source", "level", "density", "seed", "draw"),
    *("metric", "validation_metric"),
)
"""`metric` (test) and `validation_metric`: at the end of training; `network`: dense, ticket, or a control;
`source`: the task of the ticket, which may be the target itself."""

OVERLAP_COLUMNS = (
    *("task", "other", "level", "density", "seed", "layer"),
    *("weights", "kept", "kept_other", "common"),
)
"""`density` of `task`'s ticket, over all its layers; of the layer how many `weights` it has, and how many are kept by
this ticket's mask (`kept`), by the other one's and by both (`common`)."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    measurements: one row per group, target, network, level and replicate, at the last step (nan where it diverged).
    overlap: one row per two tasks of a group, level, seed and layer that both networks have in the same shape.
    """
    ends = final_metrics(read_histories(config, study.runs(config)))
    return {"measurements": measurements(study, ends), "overlap": overlap(study, config, ends)}


def measurements(study: Design, ends: pd.DataFrame) -> pd.DataFrame:
    """Return the final metrics on every target of every group, with network and source instead of the branch."""
    parts = []
    for group, members in study.groups.items():
        for target in members:
            networks = {branch: (branch, target) for branch in (DENSE, TICKET, *CONTROLS)}
            networks |= {ticket_of(source)[0]: (TICKET, source) for source in members if source != target}
            rows = ends[(ends["task"] == target) & ends["branch"].isin(networks)]
            network, source = zip(*(networks[branch] for branch in rows["branch"]), strict=True)
            parts.append(rows.assign(group=group, target=target, network=network, source=source))
    return pd.concat(parts, ignore_index=True)[list(MEASUREMENT_COLUMNS)]


def overlap(study: Design, config: Config, ends: pd.DataFrame) -> pd.DataFrame:
    """Read what the masks of every two tasks share, by level, seed and layer."""
    densities = ends[ends["branch"] == TICKET].groupby(["task", "level"])["density"].mean()
    parts = [
        read_table(path).assign(
            task=ticket.task, other=other, level=ticket.level, density=densities[ticket.task, ticket.level]
        )
        for (ticket, other), path in study.overlap_files(config).items()
    ]
    return pd.concat(parts, ignore_index=True)[list(OVERLAP_COLUMNS)]
