"""Write the gallery's pages from runs, so that no number is copied by hand.

    python -m docs.gallery_pages add NAME --title TITLE --command COMMAND [--about TEXT] [--figure STUDY/FIGURE ...]
        [--without STUDY ...]
    python -m docs.gallery_pages index

`add` writes docs/gallery/NAME.md from results/tables/NAME/claims.csv and the figures in reports/NAME/ (`--run` names
another folder of the run): for each study one figure, small, those of claims that the run contradicts, and all claims
with their numbers. Both then write docs/gallery/index.md: which page has which paper, with counts of verdicts; and
docs/gallery/contradicted.md: what contradicts a paper, of all pages.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from lth_core import registry
from lth_core.metrics import counted
from lth_core.planning import catalogue
from lth_core.planning.markdown import table
from lth_core.report.numbers import claim_numbers
from lth_core.storage.files import read_bytes
from lth_core.storage.paths import captions_file, claims_file, figure_file
from lth_core.storage.tables import read_rows

FOLDER = Path(__file__).resolve().parent / "gallery"
NUMBERS = ("estimate", "low", "high", "margin", "p", "seeds_needed", "detectable", "p_holm")
VERDICTS = {"supported": "✓ supported", "contradicted": "✗ contradicted", "inconclusive": "? inconclusive"}
LARGEST = 60_000
"""Bytes of a figure, at most."""
INDEX = """# Gallery

What these studies find when they are run as shipped: one figure for each, and all claims with their numbers. A claim
that is contradicted on a small network may still hold elsewhere ([What the numbers mean](../explanation/numbers.md)).
`python -m docs.gallery_pages` writes these pages from the tables and figures of a run; nothing is copied by hand.

In brackets: the count after Holm's correction for testing many claims, where it differs. In a study of
[many claims](../explanation/numbers.md#many-claims-at-once), some verdicts are expected to be wrong without it.
"""
CONTRADICTED = """# What contradicts the papers

All claims of the gallery whose 95% interval lies on the other side of what the paper says, or of what this project
expects beyond it, where the claim says so. These are small networks, most of them trained for minutes: a claim may
still hold at the paper's scale ([What the numbers mean](../explanation/numbers.md)).
"""
CORRECTED = """## After Holm's correction

These verdicts are left when all claims of a study are judged together.
"""
UNCORRECTED = """## Without the correction only

In a study of [many claims](../explanation/numbers.md#many-claims-at-once), some such verdicts are expected by chance.
"""
OF_ALL = ("index.md", "contradicted.md")
"""The files that are about all pages."""
FIRST = "frankle2019"
"""The study that the gallery begins with: the paper that the others follow."""


def add(
    name: str,
    run: Path,
    facts: Mapping[str, str],
    chosen: Sequence[str],
    folder: Path = FOLDER,
    without: Sequence[str] = (),
) -> None:
    """Write the page of a run, and its figures. Raises ArtifactError where the run has no claims or figures."""
    rows = [row for row in read_rows(claims_file(str(run / "results"), name)) if row["study"] not in without]
    claims = [row | {key: float(row[key]) for key in NUMBERS} for row in rows]
    folder.mkdir(exist_ok=True)
    parts, studies = [], {}
    for study in dict.fromkeys([*(claim["study"] for claim in claims), *drawn(run, name, without)]):
        of_study = [claim for claim in claims if claim["study"] == study]
        captions = json.loads(read_bytes(captions_file(str(run / "reports"), name, study)))
        picked = [figure.partition("/")[2] for figure in chosen if figure.startswith(f"{study}/")]
        first, *more = picked or [next(iter(captions))]
        contradicting = [claim["figure"] for claim in of_study if claim["verdict"] == "contradicted"]
        pictures = {}
        for figure in dict.fromkeys([first, *more, *filter(captions.__contains__, contradicting)]):
            picture = f"{name}-{study}.png" if figure == first else f"{name}-{study}-{figure}.png"
            path = figure_file(str(run / "reports"), name, study, figure, "png")
            (folder / picture).write_bytes(small(read_bytes(path)))
            pictures[picture] = captions[figure]
        by_verdict = {key: count_verdicts(claim[key] for claim in of_study) for key in ("verdict", "verdict_holm")}
        studies[study] = {"picture": next(iter(pictures)), **by_verdict}
        parts.append(section(study, pictures, of_study))
    front = yaml.safe_dump({**facts, "studies": studies}, sort_keys=False, allow_unicode=True)
    text = f"Made with `{facts['command']}` on {facts['date']}. {facts.get('about', '')}".strip()
    page = "\n\n".join([f"# {facts['title']}", text, *parts])
    (folder / f"{name}.md").write_text(f"---\n{front}---\n\n{page}\n", encoding="utf-8")


def drawn(run: Path, name: str, without: Sequence[str]) -> list[str]:
    """Name the studies that have figures in a run, those that claim nothing, too."""
    captions = {study: captions_file(str(run / "reports"), name, study) for study in registry.study.names()}
    return [study for study, path in captions.items() if Path(path).exists() and study not in without]


def section(study: str, pictures: Mapping[str, Mapping[str, str]], claims: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a study's title, its figures with their captions and what is seen in them, and its claims."""
    registered: Any = registry.study.get(study)
    lines = [f'<a id="{study}"></a>', f"## {registered.title}", f"{registered.citation}. Study `{study}`."]
    for picture, words in pictures.items():
        lines += [f"![{alt(words['seen'])}]({picture})", f"*{words['caption']}*"]
    if not claims:
        lines.append("The study makes no claims in this run: its measurements are in the figures.")
    for task in dict.fromkeys(claim["task"] for claim in claims):
        rows = [row(claim) for claim in claims if claim["task"] == task]
        lines += [
            f"### {task}",
            table(("claim", "effect", "95% interval", "seeds", "verdict"), rows),
        ]
    return "\n\n".join(lines)


def row(claim: Mapping[str, Any]) -> tuple[str, ...]:
    """One claim: its sentence and source, the effect, the interval, seeds, the verdict and what Holm leaves of it."""
    numbers = claim_numbers(claim)
    changed = claim["verdict_holm"] != claim["verdict"]
    verdict = VERDICTS[claim["verdict"]] + (f"; after Holm {claim['verdict_holm']}" if changed else "")
    requirement = f"; {numbers['requirement']}" if claim["margin"] else ""
    measured = f"**{numbers['estimate']}** {claim['unit']}: {claim['effect']}{requirement}"
    sentence = " ".join(filter(None, [f"{claim['claim']} ({claim['source']})", claim["remark"]]))
    seeds = claim["n"] + (f" ({claim['unmeasured']} unmeasured)" if claim["unmeasured"] != "0" else "")
    return sentence, measured, numbers["interval"] or claim["note"], seeds, verdict


def alt(seen: str) -> str:
    """What is seen, without brackets, which would end the alternative text."""
    return seen.replace("[", "(").replace("]", ")")


def small(png: bytes, width: int = 1100) -> bytes:
    """Scale a picture down until it has LARGEST bytes at most, in 128 colours.

    The colours are those of an octree: by median cut, the thin lines of two curves can come out in one colour.
    """
    image = Image.open(BytesIO(png)).convert("RGB")
    while True:
        size = (width, round(image.height * width / image.width))
        scaled = image.resize(size, Image.Resampling.LANCZOS)
        reduced = scaled.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        stored = BytesIO()
        reduced.save(stored, "PNG", optimize=True)
        if stored.tell() <= LARGEST:
            return stored.getvalue()
        width = round(0.9 * width)


def index(folder: Path = FOLDER) -> None:
    """Write what is about all pages: for each study the pages that have it and their verdicts; what is contradicted."""
    pages = {path.name: front_of(path) for path in sorted(folder.glob("*.md")) if path.name not in OF_ALL}
    parts = [INDEX.rstrip(), total(pages) if pages else "No run has been added yet."]
    for name in sorted(registry.study.names(), key=lambda name: name != FIRST):
        those = {page: front for page, front in pages.items() if name in front["studies"]}
        having = dict(sorted(those.items(), key=lambda entry: shown_late(name, *entry)))
        if having:
            registered: Any = registry.study.get(name)
            picture = next(iter(having.values()))["studies"][name]["picture"]
            first = f"{next(iter(having))}#{name}"
            rows = [
                (f"[{front['title']}]({page}#{name})", *counts(front["studies"][name]), f"`{front['command']}`")
                for page, front in having.items()
            ]
            head = ("run", "supported", "contradicted", "inconclusive", "command")
            picture = f"[![{registered.title}]({picture})]({first})"
            parts.append(f"## {registered.title}\n\n{registered.citation}.\n\n{picture}\n\n{table(head, rows)}")
    (folder / "index.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    (folder / "contradicted.md").write_text(contradicted(folder, pages), encoding="utf-8")


def shown_late(study: str, page: str, front: Mapping[str, Any]) -> tuple[bool, bool]:
    """Order the pages of a study, the first of which has the picture: those with claims, and those on MNIST, first."""
    return not any(front["studies"][study]["verdict"].values()), not page.startswith("mnist")


def total(pages: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how many claims of how many studies and runs have which verdict."""
    entries = [(study, entry) for front in pages.values() for study, entry in front["studies"].items()]
    verdicts = {
        key: {verdict: sum(entry[key][verdict] for _, entry in entries) for verdict in VERDICTS}
        for key in ("verdict", "verdict_holm")
    }
    supported, against, undecided = counts(verdicts)
    about = [counted(len(pages), "runs"), counted(len(dict(entries)), "studies")]
    claims = counted(sum(verdicts["verdict"].values()), "claims")
    return (
        f"In all: {' of '.join(about)}, {claims}; {supported} supported, [{against} contradicted](contradicted.md), "
        f"{undecided} inconclusive."
    )


def contradicted(folder: Path, pages: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: the claims of all pages that are contradicted, by study, those first that Holm's correction leaves."""
    rows: dict[bool, dict[str, list[tuple[str, ...]]]] = {True: {}, False: {}}
    for page, front in pages.items():
        study = task = ""
        for line in (folder / page).read_text(encoding="utf-8").splitlines():
            study = line.removeprefix('<a id="').removesuffix('"></a>') if line.startswith("<a id=") else study
            task = line.removeprefix("### ") if line.startswith("### ") else task
            *columns, verdict = line.removeprefix("| ").removesuffix(" |").split(" | ")
            if verdict.startswith(VERDICTS["contradicted"]):
                run = f"{task}: [{front['title']}]({page}#{study})"
                rows[verdict == VERDICTS["contradicted"]].setdefault(study, []).append((*columns, run))
    head, parts = ("claim", "effect", "95% interval", "seeds", "task and run"), [CONTRADICTED]
    for left, by_study in rows.items():
        parts.append(CORRECTED if left else UNCORRECTED)
        for study in sorted(by_study):
            registered: Any = registry.study.get(study)
            parts.append(f"### {registered.title}\n\n{table(head, by_study[study])}\n")
    return "\n".join(parts)


def count_verdicts(verdicts: Iterable[str]) -> dict[str, int]:
    """The numbers of verdicts of each kind."""
    numbers = Counter(verdicts)
    return {verdict: numbers[verdict] for verdict in VERDICTS}


def counts(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The numbers of verdicts of each kind and, where it is another one, what Holm's correction leaves of it.

    Of a study that claims nothing, that it does not.
    """
    if not any(entry["verdict"].values()):
        return ("no claims", *("–",) * (len(VERDICTS) - 1))
    pairs = [(entry["verdict"][verdict], entry["verdict_holm"][verdict]) for verdict in VERDICTS]
    return tuple(f"{plain}" if plain == left else f"{plain} ({left})" for plain, left in pairs)


def front_of(path: Path) -> dict[str, Any]:
    """What a page says of itself, above its text."""
    return yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command_name", required=True)
    commands.add_parser("index", help="only write the index again")
    added = commands.add_parser("add", help="write the page of a run")
    added.add_argument("name", help="the config's name")
    added.add_argument("--run", type=Path, default=Path(), help="folder that results/ and reports/ are in")
    added.add_argument("--title", required=True, help="of the page: network and data")
    added.add_argument("--command", required=True, help="what made the run")
    added.add_argument("--about", default="", help="sentences about the run: seeds, time, machine")
    added.add_argument(
        "--figure",
        action="append",
        default=[],
        metavar="STUDY/FIGURE",
        help="may be repeated; default: the first of every study",
    )
    added.add_argument("--without", action="append", default=[], metavar="STUDY", help="that another page shows")
    options = parser.parse_args(words)
    catalogue.register()
    if options.command_name == "add":
        facts = {key: getattr(options, key) for key in ("title", "command", "about")} | {"date": f"{date.today()}"}
        add(options.name, options.run, facts, options.figure, without=options.without)
    index()


if __name__ == "__main__":
    main()
