"""The captions of the figures of Frankle & Carbin 2019: they name what is drawn, and nothing that is not."""

from __future__ import annotations

from collections.abc import Callable

from lth_core.studies.captions import data_note, early_stopping, listing, still_improving, with_direction
from lth_core.studies.frankle2019.histogram_figures import LAYERS_SHOWN
from lth_core.studies.frankle2019.study import drops_rate
from lth_core.studies.frankle2019.view import View
from lth_core.tasks.metrics import data_of


def caption(kind: str, view: View) -> str:
    """Say what a kind of figure shows of these tasks, on what data and for how many seeds."""
    text = with_direction(CAPTIONS[kind](view), view.metric)
    note = data_note(view.config.tasks[view.task], view.seeds())
    return " ".join(filter(None, [text, rewound(view), note]))


def rewound(view: View) -> str:
    """Say where tickets start, if it is not the initialization, as it is in the paper."""
    rewind = view.config.methods[view.method].rewind
    return f"Tickets are rewound to step {rewind.step}; the paper resets them." if rewind.policy == "rewind" else ""


def censored(view: View) -> str:
    """Say what early stopping at the last step means, or why the step is not drawn."""
    if view.too_short():
        return (
            f"The step of early stopping is not drawn: {100 * view.stops_last():.0f}% of the networks are best at "
            f"their last step, when {still_improving(view.metric)}. In claims, such a run stops at its "
            "last step; a claim stays open where a later one could reverse its verdict."
        )
    return f"Early stopping at the last step means that {still_improving(view.metric)}."


def stopped(view: View, measured: str) -> str:
    """Name the step of early stopping, where it is drawn, and what is measured at it."""
    step = f"step of early stopping ({early_stopping(view.metric)})"
    return f"{measured} at the {step}" if view.too_short() else f"{step} and {measured} at that step"


def capital(text: str) -> str:
    """Let a sentence begin with a capital letter."""
    return text[:1].upper() + text[1:]


def tickets(view: View) -> str:
    """Name the curves of most figures: tickets, and their reinitializations if there are any."""
    return "winning tickets" + (" and the same masks on new initial weights" if view.reinits() else "")


def training_caption(view: View) -> str:
    """Describe Figure 3."""
    large, small = view.curve_levels()
    panels = ["tickets with many of its weights"] if large else []
    panels += ["tickets with few of its weights"] if small else []
    panels += ["tickets against the same masks reinitialized"] if large and view.reinits() else []
    order = ", from left to right," if len(panels) > 1 else ""
    drawn = f"the dense network and{order} {listing(panels)}" if panels else "the dense network"
    return (
        f"Test {view.metric.label} over the training steps, by density, as in Figure 3: {drawn}. The axis "
        f"{view.metric.directed('starts near the lowest', 'ends near the highest')} mean after the first sixth of "
        "training."
    )


def tickets_caption(view: View) -> str:
    """Describe Figure 4."""
    label = view.metric.label
    panels = [] if view.too_short() else [f"(a) step of early stopping ({early_stopping(view.metric)})"]
    panels.append(f"(b) test {label} at the end of training")
    if view.one_shots():
        reinits = ["one-shot masks on new initial weights"] if view.reinits() else []
        drawn = ["winning tickets", "one-shot tickets", *reinits]
        panels.append(f"(c) test {label} at early stop of {listing(drawn)}")
    listed = "; ".join(panels) if len(panels) > 1 else panels[0].removeprefix("(b) ")
    return f"{tickets(view).capitalize()}, by density, as in Figure 4: {listed}. {censored(view)}"


def early_stop_caption(view: View) -> str:
    """Describe Figure 5."""
    label = view.metric.label
    return (
        f"{tickets(view).capitalize()}: {stopped(view, f'the test and training {label}')}, against density, as in "
        f"Figure 5. Training {label} is measured on {measured_on(view)}. {censored(view)}"
    )


def measured_on(view: View) -> str:
    """Say what data a training's metric is measured on, where it is not validation or test."""
    if "environment" in data_of(view.config.tasks[view.task].objective.name):
        return "episodes whose seeds are the same for all networks"
    return "a fixed subset of the training split, at most as large as the validation split"


def dropout_caption(view: View) -> str:
    """Describe Figure 6."""
    without = ", against the tickets of the same network trained without dropout (dashed)" if view.tasks[1:] else ""
    return (
        f"{capital(stopped(view, f'test {view.metric.label}'))}, of a network trained with dropout{without}, as in "
        f"Figure 6: {tickets(view)}. {censored(view)}"
    )


def thirds_caption(view: View) -> str:
    """Describe Figures 7 and 8."""
    compared = ", by learning rate and warmup (solid: tickets" if len(view.tasks) > 1 else " (solid: tickets"
    reinits = "; dashed: the same masks on new initial weights)" if view.reinits() else ")"
    return (
        f"Test {view.metric.label} after one third, two thirds and all of training with a stepwise falling learning "
        f"rate{compared}{reinits}, as in Figures 7 and 8. Early stopping follows the drops of the rate, so it is not "
        "shown."
    )


def strategies_caption(view: View) -> str:
    """Describe Figures 9 and 10."""
    return (
        f"{capital(stopped(view, f'test {view.metric.label}'))}, for masks found by iterative pruning with and without "
        "resetting the weights in every round, as in Figures 9 and 10. All are trained from the original "
        f"initialization. {censored(view)}"
    )


def controls_caption(view: View) -> str:
    """Describe Figure 14."""
    by_rate = drops_rate(view.config.tasks[view.task])
    label = view.metric.label
    early = capital(stopped(view, f"test {label}"))
    measured = f"Test {label} at the end of training" if by_rate else early
    controls = "; ".join(dict.fromkeys(view.control_label(name) for name in view.study.controls))
    end = "" if by_rate else f" {censored(view)}"
    return f"{measured}, of winning tickets against their controls, as in Figure 14: {controls}.{end}"


def per_layer(view: View) -> str:
    """Say which layers the histograms show."""
    count = len(view.layers())
    return "per layer" if count <= LAYERS_SHOWN else f"in {LAYERS_SHOWN} of {count} layers, from first to last"


def initial_values_caption(view: View) -> str:
    """Describe Figures 15 and 16."""
    return (
        "Initial values of the weights that the ticket keeps, against those of all weights, "
        f"{per_layer(view)} (columns) and by density (rows), as in Figures 15 and 16."
    )


def distances_caption(view: View) -> str:
    """Describe Figure 19."""
    return (
        "Distance between initial and final value in the training of the dense network, for weights in the ticket and "
        f"for pruned ones, {per_layer(view)}, as in Figure 19."
    )


CAPTIONS: dict[str, Callable[[View], str]] = {
    "fig03-training": training_caption,
    "fig04-tickets": tickets_caption,
    "fig05-early-stop": early_stop_caption,
    "fig06-dropout": dropout_caption,
    "fig07-thirds": thirds_caption,
    "fig09-strategies": strategies_caption,
    "fig14-controls": controls_caption,
    "fig15-initial-values": initial_values_caption,
    "fig19-distances": distances_caption,
}
"""Kind of figure -> its caption, without the note on data and seeds."""
