"""Test the claims of a study again without each fold of the test examples: a rule per study, where tasks have folds.

Output: one row per claim, fold that is left out, and seed: the effect of the claim, as in effects.csv.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import of_study, read_tables, write_tables
from lth_core.storage.paths import without_folds_file
from lth_core.storage.tables import write_table

COLUMNS = ("task", "claim", "fold", "seed", "value")


@command
def main() -> None:
    name, study, config, _ = of_study(__doc__)
    rows: list[tuple[Any, ...]] = []
    for fold in range(config.test_folds):
        tables = study.tables(config.without_fold(fold))
        with TemporaryDirectory() as folder:  # claims are tested on tables that are read back, here as there
            elsewhere = config.model_copy(update={"results": folder})
            write_tables(elsewhere, name, tables)
            claims = study.claims(config, read_tables(elsewhere, name, study))
        rows += [(one.task, one.claim, fold, seed, value) for one in claims for seed, value, _ in one.replicates]
    write_table(without_folds_file(config.results, config.name, name), COLUMNS, rows)


if __name__ == "__main__":
    main()
