"""Test the claims of all studies on their tables: rule `claims`.

Output: claims.csv with one row per claim: its effect, interval and verdict, and the p-value and verdict that are left
after Holm's correction over the claims of its study. effects.csv with one row per claim and seed: the effect that is
averaged, and the scale on which it is. Where tasks have folds of test examples, claims.csv also has the interval and
the verdict over seeds and test examples.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lth_core.analysis.claims import CLAIM_COLUMNS, Claim, claim_row, why_unmeasured
from lth_core.analysis.corrections import corrected_verdicts
from lth_core.analysis.folds import EXAMPLE_COLUMNS, with_examples
from lth_core.config import Config
from lth_core.jobs.support.command import command
from lth_core.jobs.support.loading import load, parser, read_tables
from lth_core.runtime.missing import unmeasured_line
from lth_core.storage.paths import claims_file, effects_file, without_folds_file
from lth_core.storage.tables import read_rows, write_table

if TYPE_CHECKING:
    import pandas as pd

EFFECT_COLUMNS = ("study", "task", "claim", "seed", "value", "scale")
CORRECTED_COLUMNS = ("p_holm", "verdict_holm")
UNKNOWN = (float("nan"), float("nan"), "")


@command
def main() -> None:
    options = parser(__doc__).parse_args()
    config, studies = load(options.spec)
    rows: list[tuple[Any, ...]] = []
    effects: list[tuple[Any, ...]] = []
    reasons: Counter[str] = Counter()
    for name, study in studies.items():
        tables = read_tables(config, name, study)
        claims = [with_lines(claim, tables) for claim in study.claims(config, tables)]
        examples = with_examples_of(claims, config, name) if config.test_folds else [()] * len(claims)
        columns = zip(claims, corrected_verdicts(claims), examples, strict=True)
        reasons.update(filter(None, map(why_unmeasured, claims)))
        rows += [(*claim_row(claim), *left, *wider) for claim, left, wider in columns]
        effects += [(name, one.task, one.claim, *replicate) for one in claims for replicate in one.replicates]
    for reason, count in reasons.items():
        print(unmeasured_line(count, reason), flush=True)
    write_table(effects_file(config.results, config.name), EFFECT_COLUMNS, effects)
    columns = [*CLAIM_COLUMNS, *CORRECTED_COLUMNS, *(EXAMPLE_COLUMNS if config.test_folds else ())]
    write_table(claims_file(config.results, config.name), columns, rows)


def with_lines(claim: Claim, tables: Mapping[str, pd.DataFrame]) -> Claim:
    """Name the lines of its table that a claim is read from, as editors number them: 1 is the header."""
    table = tables.get(claim.table)
    if table is None or table.empty:
        return claim
    of_task = table.index[table["task"] == claim.task] if "task" in table else table.index
    lines = (of_task if len(of_task) else table.index) + 2
    return replace(claim, lines=f"{lines[0]}-{lines[-1]}")


def with_examples_of(claims: list[Claim], config: Config, study: str) -> list[tuple[float, float, str]]:
    """Return the EXAMPLE_COLUMNS of a study's claims, from their effects without each fold."""
    without: dict[tuple[str, str], list[list[float]]] = defaultdict(lambda: [[] for _ in range(config.test_folds)])
    for row in read_rows(without_folds_file(config.results, config.name, study)):
        without[row["task"], row["claim"]][int(row["fold"])].append(float(row["value"]))
    wider = []
    for claim in claims:
        effects = without[claim.task, claim.claim]
        same = {*map(len, effects)} == {len(claim.replicates)}  # a claim may not be there without some fold
        wider.append((with_examples(claim, np.array(effects)) if same else None) or UNKNOWN)
    return wider


if __name__ == "__main__":
    main()
