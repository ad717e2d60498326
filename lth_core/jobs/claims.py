"""Test the claims of all studies on their tables: rule `claims`.

Output: claims.csv with one row per claim: its effect, interval and verdict, and the p-value and verdict that are left
after Holm's correction over the claims of its study. effects.csv with one row per claim and seed: the effect that is
averaged, and the scale on which it is.
"""

from __future__ import annotations

from typing import Any

from lth_core.analysis.claims import CLAIM_COLUMNS, claim_row
from lth_core.analysis.corrections import corrected_verdicts
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import load, parser, read_tables
from lth_core.storage.paths import claims_file, effects_file
from lth_core.storage.tables import write_table

EFFECT_COLUMNS = ("study", "task", "claim", "seed", "value", "scale")


@command
def main() -> None:
    options = parser(__doc__).parse_args()
    config, studies = load(options.spec)
    rows: list[tuple[Any, ...]] = []
    effects: list[tuple[Any, ...]] = []
    for name, study in studies.items():
        claims = study.claims(config, read_tables(config, name, study))
        rows += [(*claim_row(claim), *left) for claim, left in zip(claims, corrected_verdicts(claims), strict=True)]
        effects += [(name, one.task, one.claim, *replicate) for one in claims for replicate in one.replicates]
    write_table(effects_file(config.results, config.name), EFFECT_COLUMNS, effects)
    write_table(claims_file(config.results, config.name), [*CLAIM_COLUMNS, "p_holm", "verdict_holm"], rows)


if __name__ == "__main__":
    main()
