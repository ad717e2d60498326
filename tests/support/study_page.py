"""The page of one invented study, and a reader of what it says."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from lth_core.analysis.claims import Replicate
from lth_core.analysis.divergence import Line
from lth_core.config import Config
from lth_core.report.costs import CostLine
from lth_core.report.images import image_uri
from lth_core.report.page import FigureEntry, StudyEntry, render

EVIL = "<script>alert('1')</script>&\"x"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def config(task: str = "digits") -> Config:
    recipe = {
        "optimizer": {"name": "adam", "learning_rate": 0.001},
        "batch_size": 60,
        "steps": 600,
        "evaluate_every": 20,
    }
    return Config(
        tasks={
            task: {"dataset": "digits", "model": {"name": "lenet", "note": EVIL}, "train": recipe, "cohorts": ["0-4"]},
            "unused": {"dataset": "nowhere", "model": "lenet", "train": recipe, "cohorts": ["0-1"]},
        },
        methods={"imp": {"levels": 15}, "never": {"levels": 1}},
        studies={"study2019": {"tasks": {task: "imp"}}},
    )


def claim(verdict: str, **changes) -> dict:
    row = {"study": "study2019", "task": "digits", "claim": f"This is {verdict}", "source": "Paper, Fig. 1"}
    row |= {"effect": "test accuracy, a - b", "unit": "pp", "estimate": 1.5, "low": 1.0, "high": 2.0, "n": "5"}
    row |= {"unmeasured": "0", "p": 0.01, "seeds_needed": 4.0, "detectable": 1.3, "note": "", "remark": ""}
    row |= {"table": "measurements", "lines": "2-31", "figure": "fig01"}
    row["replicates"] = [Replicate("0", 1.0, "difference"), Replicate("3", -2.0, "difference")]
    row |= {"p_holm": 0.02, "verdict_holm": verdict}
    return row | {"margin": 0.0, "verdict": verdict} | changes


def page(
    claims: list[dict] | None = None,
    caption: str = "What is plotted; mean of 5 seeds.",
    title: str = "A Study",
    divergences: Sequence[Line] = (),
    costs: Sequence[CostLine] = (),
    unpruned: dict[str, int] | None = None,
    batches_of: dict[str, str] | None = None,
) -> str:
    claims = [claim("supported"), claim("contradicted")] if claims is None else claims
    links = {kind: f"study2019/fig01.{kind}" for kind in ("svg", "png", "pdf")}
    figure = FigureEntry("fig01", "Figure 1", caption, "A curve that falls.", image_uri(SVG, b""), links)
    tables = {"measurements": {"csv": "../results/tables/m.csv", "json": "../results/tables/m.json"}}
    study = StudyEntry("study2019", title, "A & B, 2019", claims, [figure], tables)
    made = {"task": "digits", "cohort": "0-4", "device": "cpu", "versions": {"torch": "2.12"}, "git_commit": None}
    settings = config()
    tasks = {"digits": settings.tasks["digits"]}
    imp = settings.methods["imp"]
    methods = {"imp": imp, "imp-one-shot": imp.model_copy(update={"iterative": False})}
    sources = {"digits": "scikit-learn digits: 1,797 8x8 images"}
    return render(
        settings,
        tasks,
        methods,
        [study],
        sources,
        [made],
        "../results/claims.csv",
        "../results/effects.csv",
        divergences,
        costs,
        unpruned={"digits": unpruned or {}},
        batches_of=batches_of,
    )


class Reader(HTMLParser):
    """Collects tags, attributes and visible text; checks that tags are closed in order."""

    VOID = ("meta", "img", "br", "line", "input")

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data


def words(text: str) -> str:
    return " ".join(Reader(text).text.split())
