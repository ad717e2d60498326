"""Make the tidy tables of a study from its histories and analyses: a rule per study.

Output: each table as CSV with its provenance beside it, and what diverged in the study's trainings and samplings.
"""

from __future__ import annotations

import json
from dataclasses import astuple, fields
from pathlib import Path

from lth_core.analysis.divergence import Divergence, divergences
from lth_core.analysis.measurements import metrics_by_task
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import of_study, write_tables
from lth_core.storage.files import write_text
from lth_core.storage.paths import divergence_file, table_file
from lth_core.storage.provenance import provenance
from lth_core.storage.tables import write_table


@command
def main() -> None:
    study_name, study, config, given = of_study(__doc__)
    metrics = {task: metric.name for task, metric in metrics_by_task(config).items()}  # what a column `metric` holds
    spec = {"study": study_name, "metrics": metrics, **given}
    made_by = json.dumps(provenance(spec), indent=1, sort_keys=True)
    tables = study.tables(config)
    for name in tables:
        path = table_file(config.results, config.name, study_name, name)
        write_text(Path(path).with_suffix(".json"), made_by + "\n")
    write_tables(config, study_name, tables)
    columns = [field.name for field in fields(Divergence)]
    lost = divergences(config.results, study.runs(config), study.sampled_runs(config))
    rows = (astuple(row) for row in lost)
    write_table(divergence_file(config.results, config.name, study_name), columns, rows)


if __name__ == "__main__":
    main()
