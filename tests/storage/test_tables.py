"""Tables are CSV files of one kind, read back as they were written."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from lth_core.storage.errors import ArtifactError
from lth_core.storage.tables import read_rows, write_table


def test_a_table_has_a_header_and_nine_digits(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.csv"
    write_table(path, ("seed", "step", "loss"), [(0, 10, 1 / 3), (1, 10, math.nan), (2, 10, 1e-12), (3, None, 2.0)])
    assert path.read_bytes() == b"seed,step,loss\n0,10,0.333333333\n1,10,nan\n2,10,1e-12\n3,,2\n"


def test_numbers_may_keep_all_their_digits(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", ("value",), [(0.1 + 0.2,), (1.0,)], digits=None)
    assert (tmp_path / "a.csv").read_text() == "value\n0.30000000000000004\n1.0\n"


def test_text_with_commas_and_quotes_is_quoted(tmp_path: Path) -> None:
    rows = [("Tickets win, mostly.", 'a "ticket"'), ("plain", "two\nlines")]
    write_table(tmp_path / "claims.csv", ("claim", "source"), rows)
    assert [tuple(row.values()) for row in read_rows(tmp_path / "claims.csv")] == rows


def test_a_data_frame_is_written_as_pandas_writes_it(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "task": ["a,b", "nan", "c"],
            "level": [1, 2, 3],
            "accuracy": [0.1 + 0.2, math.nan, 1e-7],
            "missing": [None, "x", math.nan],
            "large": [1e16, 123456789012345680.0, -0.0],
            "flag": [True, False, True],
        }
    )
    known = frame.astype(object).where(frame.notna(), "")
    write_table(tmp_path / "a.csv", frame.columns, known.itertuples(index=False, name=None), digits=None)
    assert (tmp_path / "a.csv").read_text() == frame.to_csv(index=False, lineterminator="\n")


def test_a_damaged_table_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_table(path, ("seed",), [(0,)])
    path.write_text("seed\n1\n")
    with pytest.raises(ArtifactError, match="is damaged"):
        read_rows(path)
