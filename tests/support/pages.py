"""A page of invented papers, claims and figures, as large as asked for."""

from __future__ import annotations

import math

from lth_core.analysis.claims import Replicate
from lth_core.config import Config
from lth_core.report.images import image_uri, width_of
from lth_core.report.overview import VERDICTS
from lth_core.report.page import FigureEntry, StudyEntry, render

SENTENCES = (
    "Winning tickets with 21% of the weights learn faster than the dense network",
    "Rewinding to step 30 beats resetting to initialization",
    "Masks matter more than initial values with 3.5% of the weights",
)


def config(tasks: tuple[str, ...]) -> Config:
    recipe = {
        "optimizer": {"name": "adam", "learning_rate": 0.001},
        "batch_size": 60,
        "steps": 600,
        "evaluate_every": 20,
    }
    task = {"dataset": "digits", "model": {"name": "lenet"}, "train": recipe, "cohorts": ["0-4"]}
    return Config(
        name="invented",
        tasks=dict.fromkeys(tasks, task),
        methods={"imp": {"levels": 15}},
        studies={"study2019": {"tasks": dict.fromkeys(tasks, "imp")}},
    )


def claim(study: str, task: str, index: int) -> dict:
    """Invent a claim: verdicts in turns, estimates that differ; every seventh has no interval."""
    word = VERDICTS[index % 3]
    estimate, half = {"supported": (3.0, 1.0), "contradicted": (-2.0, 1.0), "inconclusive": (0.5, 2.0)}[word]
    estimate += index / 100
    row = {"study": study, "task": task, "claim": f"{SENTENCES[index % 3]}.", "source": f"Paper, Figure {index}"}
    row |= {"effect": "test accuracy, ticket minus dense network, at 21% of weights", "n": "5", "unmeasured": "0"}
    row |= {"unit": "pp" if index % 2 else "% of dense", "estimate": estimate, "low": estimate - half}
    row |= {"high": estimate + half, "margin": 0.0, "verdict": word, "p": 0.02, "p_holm": 0.2}
    row |= {"verdict_holm": "inconclusive", "seeds_needed": 9.0, "detectable": 2.5, "note": "", "remark": ""}
    row |= {"table": "measurements", "lines": "2-31", "figure": f"fig00-curves-{study}"}
    row["replicates"] = [Replicate(str(seed), estimate + half * (seed - 2) / 2, "difference") for seed in range(5)]
    if index % 7 == 6:
        row |= dict.fromkeys(("low", "high", "p", "p_holm", "seeds_needed", "detectable"), math.nan)
        row |= {"verdict": "inconclusive", "verdict_holm": "inconclusive"}
        row |= {"note": "All 5 replicates agree to the last digit: nothing is known of their spread."}
    return row


def figure(study: str, index: int) -> FigureEntry:
    """Invent a figure as wide as three panels, or with an odd index as one."""
    width = 331 if index % 2 else 734
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="230pt" viewBox="0 0 {width} 230">'
        f"<rect width='{width}' height='230' fill='white'/>"
        f"<text x='20' y='60' font-size='9'>figure {index}</text></svg>"
    ).encode()
    name = f"fig0{index}-curves-{study}"
    links = {kind: f"{study}/{name}.{kind}" for kind in ("svg", "png", "pdf")}
    caption = f"Test accuracy by density, as in Figure {index}; mean of 5 seeds."
    title, seen = f"Figure {index}: curves", f"Line chart {index}"
    return FigureEntry(name, title, caption, seen, image_uri(svg, b""), links, width_of(svg))


def invented_page(papers: int = 3, claims: int = 8, figures: int = 2) -> str:
    """Render a page of `papers` studies, each with claims about two tasks in turns, and figures."""
    tasks = ("digits", "letters")
    settings = config(tasks)
    studies = []
    for paper in range(papers):
        name = f"paper{paper}"
        rows = [claim(name, tasks[index // 3 % 2], index) for index in range(claims)]
        drawn = [figure(name, index) for index in range(figures)]
        table = {"csv": f"../{name}.csv", "json": f"../{name}.json"}
        citation = f"First{paper}, Second & Third, ICLR 2020 (arXiv 2000.0000{paper})"
        title = f"The {paper}th invented paper: what sparse networks learn from their initialization"
        studies.append(StudyEntry(name, title, citation, rows, drawn, {"measurements": table}))
    made = {"task": "digits", "cohort": "0-4", "device": "cpu", "versions": {"torch": "2.12"}, "git_commit": "abc"}
    methods = {f"imp-{k}": settings.methods["imp"] for k in range(5)}
    return render(
        settings,
        settings.tasks,
        methods,
        studies,
        {"digits": "digits: 1,797 images"},
        [made],
        "../claims.csv",
        "../effects.csv",
    )
