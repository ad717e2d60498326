"""The configs that come with the project load as they are, and the documentation made from the models is up to date."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # comes with snakemake
import pytest

from lth_core import registry
from lth_core.config import Config, seeds_of
from lth_core.jobs.report import used_methods
from lth_core.jobs.support import loading
from lth_core.models.layers import prunable_layers
from lth_core.models.shrinking import consumers_of
from lth_core.planning.configfile import Loaded, load, read
from lth_core.planning.plan import Plan
from lth_core.pruning.filters import check_filters, filter_fractions
from lth_core.studies.base import expand
from tests.models.test_catalogue import build

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "config.yaml"
EVERYTHING = ROOT / "config" / "everything.yaml"
FILES = [DEFAULT, *sorted((ROOT / "config").glob("*.yaml"))]
by_name = pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])


def loaded(path: Path) -> Loaded:
    """A config as it is used: config/everything.yaml stands over config.yaml, the others for themselves."""
    return load([DEFAULT, path] if path == EVERYTHING else [path])


@by_name
def test_it_loads_and_its_studies_ask_for_trainings(path: Path) -> None:
    config_file = loaded(path)
    config = expand(config_file.config, config_file.studies.values())
    for study in config_file.studies.values():
        assert study.runs(config)
        assert study.figure_names(config)


@by_name
def test_its_page_knows_the_methods_of_all_tickets(path: Path) -> None:
    config_file = loaded(path)
    config = expand(config_file.config, config_file.studies.values())
    runs = [run for study in config_file.studies.values() for run in study.runs(config)]
    assert {run.method for run in runs if run.level} <= used_methods(config, config_file.studies).keys()


@by_name
def test_jobs_read_the_same_config_where_defaults_are_left_out(path: Path) -> None:
    config_file = loaded(path)
    written = config_file.config.model_dump(mode="json", exclude_defaults=True)
    assert (
        Config.model_validate(json.loads(json.dumps(written)), context={"studies": config_file.studies})
        == config_file.config
    )


@by_name
def test_its_head_says_what_it_is_what_it_needs_and_how_long_it_takes(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    where = "config/" if path == DEFAULT else ""
    assert lines[0] == f"# yaml-language-server: $schema={where}schema.json"
    head = lines[: next(index for index, line in enumerate(lines) if not line.startswith("#"))]
    for word in ("# What:  ", "# Data:  ", "# Time:  "):
        assert any(line.startswith(word) for line in head)
    (time,) = [line.removeprefix("# Time:  ") for line in head if line.startswith("# Time:  ")]
    assert re.search(r"minute|hour|day|night|seconds", time) or time.startswith("made for "), time


@by_name
def test_the_reference_of_configs_lists_it(path: Path) -> None:
    listed = (ROOT / "docs/reference/configs.md").read_text()
    assert f"[`{path.relative_to(ROOT)}`](../../{path.relative_to(ROOT)})" in listed


@by_name
def test_editors_find_no_fault_with_it(path: Path) -> None:
    jsonschema.validate(read(path), json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8")))


def test_editors_find_faults() -> None:
    schema = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
    for bad in (
        {"task": {}},
        {"methods": {"imp": {"levels": 0}}},
        {"methods": {"IMP": {"levels": 1}}},
        {"studies": {"frankle2019": {"contrls": []}}},
        {"device": "gpu"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_everything_adds_every_study_to_the_default() -> None:
    default, everything = loaded(DEFAULT).config, loaded(EVERYTHING).config
    for name, task in default.tasks.items():  # more of them, but none changed, except that there are fewer seeds
        fewer = everything.tasks[name]
        assert fewer.model_copy(update={"cohorts": task.cohorts}) == task and {*fewer.cohorts} < {*task.cohorts}
    assert everything.methods | default.methods == everything.methods
    added = ("name", "studies", "tasks", "methods", "datasets", "judge")
    assert everything.model_copy(update={key: getattr(default, key) for key in added}) == default
    built_in = {name for name in registry.study.names() if registry.study.get(name).__module__.startswith("lth_core.")}
    assert set(everything.studies) == built_in


def recipes(config: Config) -> Iterator[tuple[str, str, float, int, int]]:
    for name, task in config.tasks.items():
        yield (
            name,
            task.train.optimizer.name,
            task.train.optimizer.learning_rate,
            task.train.batch_size,
            task.train.steps,
        )


def test_paper_scale_configs_have_the_papers_settings() -> None:
    """Frankle & Carbin 2019, figure 2 and appendices G.1, H.1, I."""
    table = {
        "mnist-paper.yaml": [("mnist-lenet-50k", "adam", 1.2e-3, 60, 50000)],
        "cifar10-conv.yaml": [
            ("conv-2", "adam", 2e-4, 60, 20000),
            ("conv-4", "adam", 3e-4, 60, 25000),
            ("conv-6", "adam", 3e-4, 60, 30000),
            ("conv-2-dropout", "adam", 3e-4, 60, 60000),
            ("conv-4-dropout", "adam", 2e-4, 60, 75000),
            ("conv-6-dropout", "adam", 2e-4, 60, 90000),
        ],
        "cifar10-resnet20.yaml": [
            ("resnet-20", "sgd", 0.1, 128, 30000),
            ("resnet-20-low", "sgd", 0.01, 128, 30000),
            ("resnet-20-warmup", "sgd", 0.03, 128, 30000),
        ],
        "cifar10-vgg19.yaml": [
            ("vgg-19", "sgd", 0.1, 64, 112480),
            ("vgg-19-low", "sgd", 0.01, 64, 112480),
            ("vgg-19-warmup", "sgd", 0.1, 64, 112480),
        ],
        "imagenet-resnet50.yaml": [("imagenet-resnet-50", "sgd", 0.4, 1024, 111690)],
    }
    for file, expected in table.items():
        assert list(recipes(loaded(ROOT / "config" / file).config)) == expected
    resnet = loaded(ROOT / "config" / "cifar10-resnet20.yaml").config
    assert [task.train.schedule.warmup_steps for task in resnet.tasks.values()] == [0, 0, 20000]
    vgg = loaded(ROOT / "config" / "cifar10-vgg19.yaml").config
    assert [task.train.schedule.drop_steps for task in vgg.tasks.values()] == [[80 * 703, 120 * 703]] * 3
    imagenet = loaded(ROOT / "config" / "imagenet-resnet50.yaml").config.tasks["imagenet-resnet-50"].train
    epoch = (1281167 - 10000) // 1024  # Frankle et al. 2020, table 1: 90 epochs, drops at 30, 60 and 80, warmup 5
    assert (imagenet.steps, imagenet.schedule.warmup_steps) == (90 * epoch, 5 * epoch)
    assert imagenet.schedule.drop_steps == [30 * epoch, 60 * epoch, 80 * epoch]
    mnist = loaded(ROOT / "config" / "mnist-paper.yaml").config
    assert [len(seeds_of(cohort)) for cohort in mnist.tasks["mnist-lenet-50k"].cohorts] == [5]
    assert mnist.branches["reinit"].draws == 3


@pytest.mark.parametrize(
    ("file", "task", "fractions", "added"),
    [
        ("cifar10-vgg19.yaml", "vgg-19", {f"conv{n}.weight": 0.5 for n in (1, *range(9, 17))}, 201),
        (
            "cifar10-resnet20.yaml",
            "resnet-20",
            {f"stages.stage{s}.{b}.conv1.weight": f for s, f in ((1, 0.6), (2, 0.3), (3, 0.1)) for b in range(3)},
            189,
        ),
    ],
)
def test_the_filters_that_a_config_prunes_are_the_papers_and_can_be_removed(
    file: str, task: str, fractions: dict[str, float], added: int, tmp_path: Path
) -> None:
    """With the study that each file has as a comment."""
    text = (ROOT / "config" / file).read_text(encoding="utf-8")
    (tmp_path / file).write_text(text.replace("  # renda2020:", "  renda2020:"), encoding="utf-8")
    prepared = loaded(tmp_path / file)
    runs = [run for run in prepared.studies["renda2020"].runs(prepared.config) if run.level]  # dense runs are shared
    assert {run.task for run in runs} == {task} and 3 * len(runs) == added  # three seeds
    network = build(task, (3, 32, 32), width=0.125)
    layers, removable = prunable_layers(network, (3, 32, 32)), consumers_of(network, (3, 32, 32))
    method = prepared.config.methods["filters"]
    assert {name: rate for name, rate in filter_fractions(method, layers, 1).items() if rate} == fractions
    sizes = {name: len(value) for name, value in build(task, (3, 32, 32)).state_dict().items() if name in layers}
    for iterative in (True, False):
        check_filters(method.model_copy(update={"iterative": iterative}), layers, sizes, removable)


def test_schema_and_reference_are_up_to_date() -> None:
    """In a process of its own: other tests register names that the documentation must not list."""
    done = subprocess.run(
        [sys.executable, "-m", "lth_core", "reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_tables_and_pages_show_studies_in_the_order_of_their_papers() -> None:
    spec = json.loads(Plan.read([DEFAULT, EVERYTHING]).specs.claims())
    _, studies = loading.load(spec)
    assert list(studies) == [
        "frankle2019",
        "stabilizing2019",
        "deconstructing",
        "gaier2019",
        "transfer",
        "yu2019",
        "you2020",
        "warm-start",
        "strong-tickets",
        "linear-mode-connectivity",
        "early-phase",
        "malach2020",
        "renda2020",
        "tanaka2020",
        "pretrained-tickets",
        "generative-tickets",
        "graph-tickets",
        "structured-tickets",
        "across-models",
        "comparison",
        "hardware-costs",
    ]
