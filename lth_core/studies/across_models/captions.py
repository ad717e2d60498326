"""The captions across kinds of models: what is drawn, what matches, what is left out, and how good judges are."""

from __future__ import annotations

import math

import pandas as pd

from lth_core.config import Config
from lth_core.metrics import amount, percent_text
from lth_core.studies.across_models.study import RANDOM, REINIT, Design
from lth_core.studies.across_models.tables import UNLEARNED, has_arrow, unlearned_note
from lth_core.studies.captions import listing
from lth_core.studies.contenders import label_of, untrained_note
from lth_core.studies.judges import ACCURACY, are_fit, judge_note
from lth_core.studies.proportions import COMPARED, distance, no_better

OF_GANS = (
    "A GAN is measured by the Fréchet distance of its images to test images, in the features of a classifier; what is "
    "worse by the standard deviation of dense networks over seeds still matches."
)
UNMEASURED = "Not measured: trainings, or the images that are drawn, diverged."
NOUNS = {RANDOM: "random masks with the same counts per layer", REINIT: "the tickets' masks on fresh weights"}


def of_marks(study: Design, config: Config, lowest: pd.DataFrame) -> str:
    """Write the caption of the figure of tickets and controls."""
    compared = listing(["tickets", *(NOUNS.get(name, f"branch {name}") for name in study.controls)])
    intervals = (
        f"Lines: 95% interval over {_seeds(lowest)}, from the lowest density down to which all are shown to match (t "
        "test of the paired differences) to the lowest one that is not shown to fail."
    )
    said = [
        f"How few weights still match the dense network: for {compared}, the lowest tested density at which the mean "
        "test metric at the end of training matches that of the dense network, as it does at all higher tested "
        "densities. On the right: the metric of each task, and how much worse still matches.",
        intervals if lowest["fewest"].notna().any() else "One seed shows no spread, so there are no intervals.",
        "Arrows: that is the lowest density that was tested, so it may be lower." * bool(has_arrow(lowest).any()),
        "Hollow, at 100%: the mean does not match even at the highest tested density." * _has_none(lowest),
        "Ticks: the tested densities, in percent of the weights (and edges of a graph) that the method prunes.",
        _in_proportions(config, lowest),
        *_unmeasured(study, config, lowest),
        _unlearned(lowest),
    ]
    return " ".join(filter(None, said))


def of_grid(study: Design, config: Config, lowest: pd.DataFrame) -> str:
    """Write the caption of the grid of all that is compared."""
    spread = f"below it the ends of its 95% interval over {_seeds(lowest)}, where there are two; "
    said = [
        "The lowest tested density that matches the dense network, in percent, as in the figure of tickets and "
        f"controls, for all that is compared; {spread if lowest['fewest'].notna().any() else ''}darker: fewer weights.",
        "None: the mean does not match even at the highest tested density." * _has_none(lowest),
        "≤: that is the lowest tested density, so it may be lower." * bool(has_arrow(lowest).any()),
        "All methods of a column have the same densities, data and seeds, and their tickets the same training; what it "
        "costs to find masks is not counted here, but in study 'comparison'." * bool(study.compare),
        untrained_note(one for task in study.tasks for one in study.contenders(config, task)),
        _left_out(study, config),
        *_unmeasured(study, config, lowest),
    ]
    return " ".join(filter(None, said))


def _seeds(lowest: pd.DataFrame) -> str:
    fewest, most = lowest["seeds"].min(), lowest["seeds"].max()
    return amount(f"{most}" if fewest == most else f"{fewest} to {most}", "seeds")


def _has_none(lowest: pd.DataFrame) -> bool:
    """Tell whether no tested density matches somewhere."""
    return bool((lowest["lowest"] >= 1).any())


def _unmeasured(study: Design, config: Config, lowest: pd.DataFrame) -> list[str]:
    """Say what GANs are measured by and how good the judges are, and of what else nothing was measured."""
    gans = lowest[lowest["task"].isin(study.gans(config))].drop_duplicates("task")
    notes = {judge_note(config, row["task"], row[ACCURACY]) for row in gans.to_dict("records")}
    lacking = lowest["lowest"].isna() & ~(lowest["task"].isin(gans["task"]) & ~are_fit(lowest[ACCURACY], config))
    return [*([OF_GANS] if notes else []), *sorted(notes), UNMEASURED * bool(lacking.any())]


def _unlearned(lowest: pd.DataFrame) -> str:
    """Say of which tasks dense networks learned nothing."""
    rows = lowest[lowest[UNLEARNED] > 0].drop_duplicates("task").to_dict("records")
    return " ".join(f"{row['task']}: {unlearned_note(row)}." for row in rows)


def _in_proportions(config: Config, lowest: pd.DataFrame) -> str:
    """Say how much of the difference between the dense network and something simple still matches, where known."""
    said = []
    for row in lowest.drop_duplicates("task").to_dict("records"):
        apart = distance(config, row["task"], row["dense"], row["simplest"])
        if not math.isnan(apart) and row["matching"] > 0:
            objective = config.tasks[row["task"]].objective.name
            values = f"dense network: {row['dense']:.4g}, {COMPARED[objective]}: {row['simplest']:.4g}"
            unknown = f"unknown, for the dense network is {no_better(objective)}"
            part = f"{percent_text(row['matching'] / apart)}%" if apart > 0 else unknown
            said.append(f"{row['task']} {part} ({values})")
    what = "How much of the difference between the dense network and something simple still matches:"
    return f"{what} {'; '.join(said)}." if said else ""


def _left_out(study: Design, config: Config) -> str:
    """Name the methods that tasks cannot have, and why."""
    reasons: dict[str, list[str]] = {}
    for task in study.tasks:
        for name, why in study.left_out(config, task).items():
            reasons.setdefault(f"{label_of(name)} ({why})", []).append(task)
    said = [f"{reason} on {listing(tasks)}" for reason, tasks in reasons.items()]
    return f"Left out: {'; '.join(said)}." if said else ""
