"""Test the claims of all studies on their tables: rule `claims`.

Output: claims.csv with one row per claim: its effect, interval and verdict, and the p-value and verdict that are left
after Holm's correction over the claims of its study.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any

from lth_core.analysis.claims import Claim
from lth_core.analysis.corrections import corrected_verdicts
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import load, parser, read_tables
from lth_core.storage.paths import claims_file
from lth_core.storage.tables import write_table


@command
def main() -> None:
    options = parser(__doc__).parse_args()
    config, studies = load(options.spec)
    rows: list[tuple[Any, ...]] = []
    for name, study in studies.items():
        claims = study.claims(config, read_tables(config, name, study))
        rows += [(*astuple(claim), *left) for claim, left in zip(claims, corrected_verdicts(claims), strict=True)]
    columns = [*(field.name for field in fields(Claim)), "p_holm", "verdict_holm"]
    write_table(claims_file(config.results, config.name), columns, rows)


if __name__ == "__main__":
    main()
