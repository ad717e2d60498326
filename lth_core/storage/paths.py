"""The artifact tree: where each artifact lives. The only module that knows it."""

from __future__ import annotations

import re
from pathlib import Path

from lth_core.storage.errors import ArtifactError


def data_file(results: str, dataset: str) -> str:
    """Locate a data set's arrays by split."""
    return f"{results}/data/{dataset}.safetensors"


def initial_file(results: str, task: str, cohort: str) -> str:
    """Locate theta_0 of a cohort."""
    return f"{results}/{task}/{cohort}/init.safetensors"


def dense_folder(results: str, task: str, cohort: str, branch: str | None = None) -> str:
    """Locate level 0, shared by every method of a task and cohort, or the folder of a counterfactual dense run."""
    folder = f"{results}/{task}/{cohort}/dense"
    return f"{folder}/{branch}" if branch else folder


def method_folder(results: str, task: str, cohort: str, method: str) -> str:
    """Locate what a method finds in a task's networks."""
    return f"{results}/{task}/{cohort}/{method}"


def level_folder(results: str, task: str, cohort: str, method: str, level: int | str, branch: str | None = None) -> str:
    """Locate a ticket's folder, or the folder of a counterfactual retraining of it."""
    folder = f"{method_folder(results, task, cohort, method)}/level_{level}"
    return f"{folder}/{branch}" if branch else folder


def supermasks_file(results: str, task: str, cohort: str, method: str) -> str:
    """Locate the accuracies of theta_0 under the masks of a method's criterion."""
    return f"{method_folder(results, task, cohort, method)}/supermasks.csv"


def subset_sums_file(results: str, task: str, cohort: str) -> str:
    """Locate how near subset sums of random numbers come to targets, with the seeds of a cohort."""
    return f"{results}/{task}/{cohort}/subset_sums.csv"


def construction_file(results: str, task: str, cohort: str) -> str:
    """Locate how near pruned random networks come to the dense run."""
    return f"{dense_folder(results, task, cohort)}/construction.csv"


def evolution_files(results: str, task: str, cohort: str) -> dict[str, str]:
    """Locate the performance of evolved networks and of the task's own (`output`), the performance of the best
    network of every generation (`generations`), and the nodes of the evolved networks (`topologies`), by argument of
    the job.
    """
    folder = dense_folder(results, task, cohort)
    names = {"output": "evolved", "generations": "generations", "topologies": "topologies"}
    return {argument: f"{folder}/{name}.csv" for argument, name in names.items()}


def collapse_file(results: str, task: str, cohort: str, method: str, rungs: int | str) -> str:
    """Locate the counts of a criterion's masks of theta_0 at rising compressions, `rungs` per power of ten."""
    return f"{method_folder(results, task, cohort, method)}/collapse_{rungs}.csv"


def channel_masks_file(results: str, task: str, cohort: str, method: str, every: int | str) -> str:
    """Locate the channels that a method would keep after every `every` steps of the dense training."""
    return f"{results}/{task}/{cohort}/{method}/channel_masks_{every}.csv"


def saliency_file(results: str, task: str, cohort: str) -> str:
    """Locate the synaptic saliencies of theta_0, summed by layer."""
    return f"{dense_folder(results, task, cohort)}/saliency.csv"


def table_file(results: str, config: str, study: str, table: str) -> str:
    """Locate a tidy table of a study in a config of this name; its provenance lies beside it as .json."""
    return f"{results}/tables/{config}/{study}/{table}.csv"


def divergence_file(results: str, config: str, study: str) -> str:
    """Locate what diverged in a study's trainings, and which layers were emptied."""
    return table_file(results, config, study, "divergence")


def without_folds_file(results: str, config: str, study: str) -> str:
    """Locate the effects of a study's claims without each fold of the test examples, where tasks have folds."""
    return table_file(results, config, study, "without_folds")


def claims_file(results: str, config: str) -> str:
    """Locate the claims of all studies of a config, one row each, as CSV."""
    return f"{results}/tables/{config}/claims.csv"


def effects_file(results: str, config: str) -> str:
    """Locate the effects that these claims average, one row per claim and seed, as CSV."""
    return f"{results}/tables/{config}/effects.csv"


FIGURE_FORMATS = ("svg", "png", "pdf")
"""The formats of every figure."""


def figure_file(reports: str, config: str, study: str, figure: str, extension: str) -> str:
    """Locate one format of a study's figure."""
    return f"{reports}/{config}/{study}/{figure}.{extension}"


def captions_file(reports: str, config: str, study: str) -> str:
    """Locate the captions, as JSON: figure name -> `caption` and what is `seen`, in the order of the page."""
    return f"{reports}/{config}/{study}/captions.json"


def page_file(reports: str, config: str) -> str:
    """Locate the page that shows everything of a config."""
    return f"{reports}/{config}/index.html"


def index_file(reports: str) -> str:
    """Locate the index of the pages of all configs."""
    return f"{reports}/index.html"


_ARTIFACT = re.compile(
    r"^(?:.*/)?(data/[^/.][^/]*|tables/[^/]+/(?:[^/]+/)?[^/.][^/]*"
    r"|[^/]+/\d+-\d+/(?:[^/.][^/]*\.(?:safetensors|csv)|dense/(?:[^/]+/)?[^/.][^/]*"
    r"|[^/]+/(?:[^/.][^/]*\.csv|level_[1-9]\d*/(?:[^/]+/)?[^/.][^/]*)))$"
)


def artifact_name(path: str | Path) -> str:
    """Say which artifact a path stands for, wherever the results folder lies; "" for other and hidden files."""
    match = _ARTIFACT.match(Path(path).as_posix())
    return match[1] if match else ""


def sum_file(path: str | Path) -> Path:
    """Locate the SHA-256 sum of a table or figure, as `sha256sum --check` reads it."""
    return Path(path).with_name(f".{Path(path).name}.sha256")


def check_artifact_name(path: str | Path, written: str) -> None:
    """Raise ArtifactError when a file was written as another artifact than the one that its path stands for."""
    if written and artifact_name(path) and written != artifact_name(path):
        raise ArtifactError.unusable(path, f"belongs elsewhere (it was made as {written})")
