"""Two runs on one page: what it says of settings, verdicts, effects, curves, and what keeps it from being written."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

from lth_core.__main__ import main
from lth_core.storage.paths import claims_file, divergence_file, effects_file, table_file
from tests.support.two_runs import STUDY, claim, config, write_run

SURE, UNSURE = [3.0, 3.2, 3.1, 2.9, 3.3], [3.0, -3.2, 3.1, -2.9, 1.0]
SENTENCES = ("Tickets match", "Masks matter", "Rewinding helps", "Signs suffice")
FIRST = [SURE, SURE, UNSURE, SURE]
SECOND = [[value * 1.01 - 6 for value in SURE], [value + 1 + value / 50 for value in SURE], UNSURE]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two runs, in the present folder."""
    monkeypatch.chdir(tmp_path)
    return two_runs(Path())


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page of two runs."""
    folder = tmp_path_factory.mktemp("runs")
    assert main(["compare", *map(str, two_runs(folder)), "--output", str(folder / "compared")]) == 0
    return folder / "compared"


@pytest.fixture
def text(compared: Path) -> str:
    return (compared / "index.html").read_text()


def two_runs(folder: Path) -> tuple[Path, Path]:
    """Two runs with another learning rate: one claim turns over, one grows, one stays, one is the first run's alone."""
    first = write_run(folder / "before", [claim(*one) for one in zip(SENTENCES, FIRST, strict=True)])
    claims = [claim(*one) for one in zip(SENTENCES[:3], SECOND, strict=True)]
    return first, write_run(folder / "after", [*claims], accuracy=0.93, settings=config(learning_rate=0.4))


def page(*words: object) -> str:
    assert main(["compare", *map(str, words)]) == 0
    return Path("compared/index.html").read_text()


def section(text: str, name: str) -> str:
    """What a section of the page says, without its marks."""
    match = re.search(rf'<section id="{name}".*?</section>', text, re.DOTALL)
    assert match, f"no section {name}"
    return " ".join(re.sub(r"<[^>]*>", " ", match[0].replace("<wbr>", "")).split())


def error(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line that is said where nothing is written."""
    before = set(Path.cwd().rglob("*"))
    assert main(["compare", *map(str, words)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("error: ")
    assert set(Path.cwd().rglob("*")) == before
    return said.removeprefix("error: ").strip()


# ---------------------------------------------------------------- what the page says


def test_settings_that_differ_are_listed_with_both_values(text: str) -> None:
    said = section(text, "settings")
    assert "tasks.letters.train.optimizer.learning_rate 0.1 0.4" in said
    assert said.count("tasks.") == 1 and "methods." not in said


def test_claims_come_in_the_order_of_what_became_of_them(text: str) -> None:
    positions = [text.index(f'<section id="{name}"') for name in ("settings", "verdicts", "effects", "equal", "only-a")]
    assert positions == sorted(positions) and 'id="only-b"' not in text
    listed = ("verdicts", SENTENCES[0]), ("effects", SENTENCES[1]), ("equal", SENTENCES[2]), ("only-a", SENTENCES[3])
    for name, sentence in listed:
        said = section(text, name)
        assert sentence in said and not any(other in said for other in SENTENCES if other != sentence)


def test_a_claim_shows_both_verdicts_and_its_change_with_an_interval(text: str) -> None:
    said = section(text, "effects")
    assert said.count("supported") == 2 and "larger" in said and "5 seeds paired" in said
    assert "+1.0620 [1.0581, 1.0659] points" in said
    said = section(text, "equal")
    assert "Equal in every seed." in said and "undecided" not in said and "<strong>equal" not in text


def test_a_mark_has_an_arrow_where_verdicts_differ_and_a_letter_where_one_run_makes_the_claim(text: str) -> None:
    grid = text.partition('<table class="grid">')[2].partition("</table>")[0]
    marks = {re.findall(r"in B: ([^(]+) \(", mark)[0]: mark for mark in grid.split('<a class="mark pair"')[1:]}
    assert [sentence for sentence, mark in marks.items() if "→" in mark] == [f"{SENTENCES[0]}"]
    assert [sentence for sentence, mark in marks.items() if 'class="alone" aria-hidden="true">A<' in mark] == [
        SENTENCES[3]
    ]


def test_a_change_that_is_not_decided_is_listed_apart_from_what_is_equal(runs: tuple[Path, Path]) -> None:
    moved = [value + shift for value, shift in zip(UNSURE, (1.0, -1.0, 0.5, -0.4, 0.1), strict=True)]
    other = write_run(Path("other"), [claim(SENTENCES[2], moved)])
    text = page(runs[0], other)
    assert SENTENCES[2] in section(text, "same") and "undecided" in section(text, "same")
    assert 'id="equal"' not in text and "<strong>undecided" not in text


def test_seeds_that_the_runs_do_not_share_are_said_to_be_independent(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    other = write_run(tmp_path / "other", [claim(SENTENCES[1], [value + 5 for value in SURE], first_seed=5)])
    assert "10 independent replicates" in section(page(runs[0], other), "effects")


def test_the_overview_counts_verdicts_and_says_what_chance_would_give(text: str) -> None:
    said = section(text, "summary")
    assert "supported in A 1 1 0 contradicted in A 0 0 0 inconclusive in A 0 0 1" in said
    assert "1 of 3 claims with intervals in both runs has another verdict in B" in said
    assert re.search(r"would give about \d\.\d of them another verdict", said)
    assert "chance alone would give 0.1. Corrected for that (Holm, over all of them): " in said


def test_every_mark_and_entry_of_the_contents_leads_somewhere(text: str) -> None:
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {*re.findall(r'href="#([^"]*)"', text)} <= {*ids}


def test_curves_of_both_runs_are_drawn_and_described(text: str) -> None:
    assert text.count("<figure ") == 1 and "data:image/svg+xml;base64," in text
    said = section(text, STUDY)
    assert "5 seeds in A and 5 seeds in B" in said and "column test_metric_end" in said
    assert said.count("Final test accuracy of letters (table measurements)") == 1
    assert "Final test accuracy of letters against density" in said and "measurements-letters" not in said
    (alt,) = re.findall(r'alt="([^"]+)"', text)
    assert "Panel 1, winning ticket" in alt and "Panel 2, random reinitialization" in alt and "dense network, B" in alt
    assert "A from 89.2 to 88.2" in alt and "B from 92.2 to 91.2" in alt


def test_what_made_the_runs_and_what_they_train_is_listed(text: str) -> None:
    said = section(text, "made")
    assert "networks trained" in said and "version of torch 2.12 2.12" in said and "commit abc abc" in said


def test_the_table_has_a_row_for_each_claim(compared: Path) -> None:
    with open(compared / "claims.csv", newline="") as file:
        rows = {row["claim"]: row for row in csv.DictReader(file)}
    assert [row["status"] for row in rows.values()] == [
        *("verdict differs", "effect differs", "equal in every seed", "only in A")
    ]
    turned, alone = rows[SENTENCES[0]], rows[SENTENCES[3]]
    assert (turned["verdict_a"], turned["verdict_b"], turned["change"]) == ("supported", "contradicted", "smaller")
    assert float(turned["change_estimate"]) == pytest.approx(-5.969) and turned["change_pairing"] == "paired"
    assert alone["verdict_b"] == alone["change"] == ""
    assert rows[SENTENCES[2]]["change"] == rows[SENTENCES[2]]["change_holm"] == "equal"


def test_the_same_runs_give_the_same_bytes_and_a_page_of_ours_is_written_over(runs: tuple[Path, Path]) -> None:
    assert page(*runs) == page(*runs)


def test_runs_of_one_folder_are_chosen_by_name(runs: tuple[Path, Path]) -> None:
    both = write_run(runs[0], [claim(SENTENCES[0], SURE)], name="slow")
    text = page(both, both, "--config", "config", "slow")
    assert "A: config" in text and "B: slow" in text


# ---------------------------------------------------------------- what keeps it from being written


def test_a_folder_without_tables_is_refused(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    said = error(capsys, runs[0], "nowhere")
    assert said == "nowhere: is not there; name the results folder of a run, such as results"
    Path("results").mkdir()
    said = error(capsys, runs[0], "results")
    assert said == "results: has no tables; name the results folder of a run, such as results"
    Path("empty/tables").mkdir(parents=True)
    assert error(capsys, "empty", runs[0]) == "empty: has no tables yet: let the run finish"


def test_of_several_configs_one_must_be_named(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    write_run(runs[0], [], name="slow")
    assert error(capsys, *runs).endswith("choose with --config one of config, slow")
    assert error(capsys, *runs, "--config", "fast").endswith("has no run of a config 'fast', only of config, slow")
    assert error(capsys, *runs, "--config", "a", "b", "c").startswith("--config takes one name, or one for each")


def test_the_same_run_twice_is_refused(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    Path("link").symlink_to(runs[0])
    assert error(capsys, runs[0], "link").endswith("both are the run of 'config'; name two runs")


def test_an_unfinished_run_is_refused(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    Path(claims_file("after", "config")).unlink()
    assert error(capsys, *runs).endswith("the run of 'config' is not finished: it has no claims yet; run it again")


def test_results_of_earlier_versions_say_what_to_do(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(effects_file("after", "config")).unlink()
    assert error(capsys, *runs).endswith("run it again: only its claims are made anew")


def test_runs_without_a_common_study_are_refused(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    other = write_run(Path("other"), [], study="transfer")
    said = error(capsys, runs[0], other)
    assert said == f"the runs have no study in common: {STUDY} in the first, transfer in the second"


@pytest.mark.parametrize(
    "path",
    [
        claims_file("after", "config"),
        effects_file("after", "config"),
        table_file("after", "config", STUDY, "measurements"),
    ],
)
def test_damaged_files_are_named(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], path: str) -> None:
    with open(path, "a") as file:
        file.write("?")
    assert f"{path}: is damaged" in error(capsys, *runs)


@pytest.mark.parametrize(
    "name", ["claims.csv", "effects.csv", f"{STUDY}/measurements.json", f"{STUDY}/measurements.csv"]
)
def test_files_with_other_content_are_named(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = Path("after/tables/config", name)
    path.write_text("a,b\n1,2\n" if path.suffix == ".csv" else '{"spec": {}}')
    path.with_name(f".{path.name}.sha256").unlink()
    if name.endswith("measurements.csv"):  # a table that has no curve is none to draw
        assert "<figure " not in page(*runs)
    else:
        assert error(capsys, *runs).startswith(f"after/tables/config/{name}: cannot be read")


def test_a_plugin_that_is_elsewhere_is_named(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    write_run(Path("plugged"), [claim(SENTENCES[0], SURE)], modules=["no_such_plugin"])
    assert "module 'no_such_plugin' is not here" in error(capsys, "plugged", runs[0])


def test_a_config_of_another_version_is_refused(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    write_run(Path("newer"), [claim(SENTENCES[0], SURE)], settings=config() | {"colour": "blue"})
    expected = "newer: this version of lth cannot read its config (colour: Extra inputs are not permitted)"
    assert error(capsys, "newer", runs[0]) == expected


def test_a_page_that_is_not_ours_stays(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    Path("reports").mkdir()
    Path("reports/index.html").write_text("the page of a run")
    assert "was not made by lth compare; choose another --output" in error(capsys, *runs, "--output", "reports")
    assert Path("reports/index.html").read_text() == "the page of a run"


def test_a_table_that_is_not_ours_stays(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/claims.csv").write_text("my own")
    said = error(capsys, *runs, "--output", "mine")
    assert said == "mine/claims.csv: is here already and was not made by lth compare; choose another --output"
    Path("mine/claims.csv").unlink()
    Path("mine/index.html").mkdir()
    assert error(capsys, *runs, "--output", "mine").startswith("mine/index.html: is here already and was not made by")


@pytest.mark.parametrize("output", ["before", "before/tables/config", "after/compared", "link/new"])
def test_nothing_is_written_into_the_results_of_a_run(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], output: str
) -> None:
    Path("link").symlink_to("after")
    run = "before" if output.startswith("before") else "after"
    said = error(capsys, *runs, "--output", output)
    assert said == f"{output}: is in {run}, the results of a run; choose another --output"


def test_an_output_that_cannot_be_written_is_named(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("before/tables/config/claims.csv", "file")
    assert error(capsys, *runs, "--output", "file").startswith("file/claims.csv: cannot be written")


def test_other_studies_of_a_run_are_mentioned(runs: tuple[Path, Path]) -> None:
    both = config() | {"studies": {**config()["studies"], "yu2019": {"tasks": {"letters": "imp"}}}}
    more = write_run(Path("more"), [claim(SENTENCES[0], SURE)], settings=both)
    write_run(more, [claim(SENTENCES[0], SURE)], settings=both, study="yu2019", modules=["lth_core.studies.yu2019"])
    assert Path(divergence_file("more", "config", "yu2019")).exists()
    assert "also has yu2019, which the other run has not" in page(runs[0], more)
